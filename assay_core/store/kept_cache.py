"""Results of metrics that outlive a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from assay_core.cache import EMBEDDING_PREFIX, JUDGE_PREFIX
from assay_core.store.connection import Connection
from assay_core.store.records import utc
from assay_core.store.rows import Redact, text

__all__ = ["StoreCache"]


class StoreCache:
    """A cache in the store: vectors and verdicts in tables of their own, told by their keys. Safe in threads."""

    def __init__(self, connection: Connection, *, now: Callable[[], float], redact: Redact | None = None) -> None:
        self._connection = connection
        self._now = now
        self._redact = redact
        self.refused = 0  # values that were not written, since redacting them failed

    def get(self, key: str) -> bytes | None:
        """Return what was put under the key in any run, or None. Raises ServiceError E_STORE_*."""
        table, column = _home(key)
        rows = self._connection.rows(f"SELECT {column} FROM {table} WHERE key = ?", (text(key),))  # noqa: S608 - our names
        return bytes(rows[0][0]) if rows else None

    def put(self, key: str, value: bytes) -> None:
        """Keep the value, at once. Last write wins. Raises ServiceError E_STORE_*."""
        self.put_all([(key, value)])

    def put_all(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Keep many values in one transaction: all of them, or none. Raises ServiceError E_STORE_*."""
        at = utc(self._now())
        with self._connection.transaction() as database:
            for key, value in items:
                table, _ = _home(key)
                kept = value if self._redact is None or table == "embeddings" else self._redacted(value)
                if kept is None:
                    self.refused += 1
                    continue
                model = text(key.partition("|")[2].rpartition("|")[0])
                row: tuple[object, ...] = (text(key), kept, at)
                if table == "embeddings":
                    row = (text(key), model, len(value) // 4, value, at)
                elif table == "judge_verdicts":
                    row = (text(key), model, kept, at)
                database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - our names

    def _redacted(self, value: bytes) -> bytes | None:
        """Return the value as it may be written; one that is no JSON object cannot be shown to a redactor."""
        assert self._redact is not None  # noqa: S101 - the caller looked
        try:
            record = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if not isinstance(record, dict):
            return None
        answer = self._redact({"type": "cached", "value": record})
        return None if answer is None else msgspec.json.encode(answer.get("value"))


def _home(key: str) -> tuple[str, str]:
    """Return table and column of a key."""
    if key.startswith(EMBEDDING_PREFIX):
        return "embeddings", "vec"
    return ("judge_verdicts", "payload") if key.startswith(JUDGE_PREFIX) else ("cache", "value")
