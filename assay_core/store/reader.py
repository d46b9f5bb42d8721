"""The store, to read: what runs found out. Public; see docs/reference/store.md for the tables behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from assay_core.errors import UsageError
from assay_core.store.connection import Connection
from assay_core.store.records import QuarantineEntry, StoredAttempt, StoredResult, StoredRun
from assay_core.store.writer import as_object, quarantine_of

__all__ = ["QuarantineEntry", "StoreReader", "StoredAttempt", "StoredResult", "StoredRun"]

_RUN = (
    "SELECT id, suite, command, started_at, finished_at, status, exit_code, reason_code, message, assay_version,"
    " config_file, config_digest, policy_digest, trace_file, trace_digest, order_seed, plugins_json, counts_json"
    " FROM runs"
)


class StoreReader:
    """A store that exists, opened to read only. Use it in a `with` block, or close it."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            UsageError: E_PATH_NOT_FOUND where there is no such file.
            ServiceError: E_STORE_INVALID, E_STORE_VERSION, E_STORE_FAILED.
        """
        if not path.exists():
            raise UsageError(
                code="E_PATH_NOT_FOUND",
                message=f"there is no store {str(path)!r}",
                remedy="name it with --db, or make one: `assay run` keeps what it found",
            )
        self._connection = Connection.reader(path)

    def __enter__(self) -> StoreReader:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Give the file back. May be called more than once."""
        self._connection.close()

    def runs(self, *, suite: str | None = None, limit: int | None = None) -> tuple[StoredRun, ...]:
        """Return the runs of one suite, or of all, newest first, at most `limit`."""
        rows = self._connection.rows(
            f"{_RUN} WHERE ? IS NULL OR suite = ? ORDER BY id DESC LIMIT ?",
            (suite, suite, -1 if limit is None else limit),
        )
        return tuple(_run(row) for row in rows)

    def run(self, run_id: int) -> StoredRun | None:
        """Return one run, None where there is none of this number."""
        rows = self._connection.rows(f"{_RUN} WHERE id = ?", (run_id,))
        return _run(rows[0]) if rows else None

    def results(self, run_id: int, *, outcome: str | None = None, kind: str | None = None) -> Iterator[StoredResult]:
        """Yield the rows of a run in the order of their ids, of one outcome or kind where it is given."""
        rows = self._connection.walk(
            "SELECT id, test_id, kind, outcome, score, message, duration_ms, details_json, fingerprint, skip_reason"
            " FROM results WHERE run_id = ? AND (? IS NULL OR outcome = ?) AND (? IS NULL OR kind = ?) ORDER BY id",
            (run_id, outcome, outcome, kind, kind),
        )
        for row in rows:
            yield StoredResult(
                test_id=row[1],
                kind=row[2],
                outcome=row[3],
                score=row[4],
                message=row[5],
                duration_ms=row[6],
                details=as_object(row[7]),
                fingerprint=row[8],
                skip_reason=row[9],
                attempts=self._attempts(row[0]),
            )

    def episode_ids(self, run_id: int) -> tuple[str, ...]:
        """Return the ids of the episodes that a run kept (`--store episodes`), in the order of the trace."""
        rows = self._connection.rows("SELECT episode_id FROM episodes WHERE run_id = ? ORDER BY id", (run_id,))
        return tuple(row[0] for row in rows)

    def quarantine(self, *, suite: str | None = None) -> tuple[QuarantineEntry, ...]:
        """Return the quarantined tests of one suite, or of all, sorted; expired ones too."""
        return quarantine_of(self._connection, suite)

    def _attempts(self, result_id: int) -> tuple[StoredAttempt, ...]:
        rows = self._connection.rows(
            "SELECT attempt_number, outcome, message, episode_id FROM attempts WHERE result_id = ?"
            " ORDER BY attempt_number",
            (result_id,),
        )
        return tuple(
            StoredAttempt(number=number, outcome=outcome, message=message, episode_id=episode)
            for number, outcome, message, episode in rows
        )


def _run(row: tuple[object, ...]) -> StoredRun:
    names = (
        "id",
        "suite",
        "command",
        "started_at",
        "finished_at",
        "status",
        "exit_code",
        "reason_code",
        "message",
        "assay_version",
        "config_file",
        "config_digest",
        "policy_digest",
        "trace_file",
        "trace_digest",
        "order_seed",
    )
    fields = dict(zip(names, row, strict=False))
    fields["reason_code"], fields["message"] = fields["reason_code"] or "", fields["message"] or ""
    plugins = tuple(msgspec.json.decode(str(row[16]))) if row[16] else ()
    return StoredRun(**fields, plugins=plugins, counts=as_object(str(row[17]) if row[17] else None))  # type: ignore[arg-type]  # the columns have these types
