"""The store of one process: keeps runs, and knows what earlier ones found out."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from assay_core.model import Episode, JsonObject
from assay_core.store.connection import Connection
from assay_core.store.kept_cache import StoreCache
from assay_core.store.records import PassedBefore, QuarantineEntry, RunEnd, RunStart, StoredResult, utc
from assay_core.store.rows import (
    EPISODE_SQL,
    RESULT_SQL,
    TOOL_CALL_SQL,
    Redact,
    episode_row,
    result_row,
    text,
    tool_call_rows,
)

__all__ = ["RunStore"]

_encode = msgspec.json.Encoder().encode
_STATUS = {0: "passed", 1: "failed"}
_PARAMETERS = 500  # in one query; SQLite takes more, older ones 999


class RunStore:
    """A store that can be written. Threads may share it; processes take turns.

    A run is kept in two steps: its beginning, so that it has a number, and in one transaction everything else.
    A process killed in between leaves a run with the status `running` and no result.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open the file, make it where there is none, bring it up to date where it is older.

        Args:
            path: The file.
            now: Seconds since 1970, for every time that is written.

        Raises:
            ServiceError: E_STORE_INVALID, E_STORE_VERSION, E_STORE_FAILED.
        """
        self._connection = Connection.writer(path)
        self._now = now
        self.refused = 0  # records that were not written, since redacting them failed

    def begin_run(self, start: RunStart) -> int:
        """Return the number of a new run. Raises ServiceError E_STORE_FAILED."""
        values = (
            text(start.suite),
            start.command,
            utc(self._now()),
            start.assay_version,
            text(start.config_file),
            text(start.trace_file),
            start.order_seed,
        )
        with self._connection.transaction() as database:
            cursor = database.execute(
                "INSERT INTO runs (suite, command, started_at, status, assay_version, config_file, trace_file,"
                " order_seed) VALUES (?, ?, ?, 'running', ?, ?, ?, ?)",
                values,
            )
        return int(cursor.lastrowid or 0)

    def add_episodes(self, run_id: int, episodes: Sequence[Episode], redact: Redact | None = None) -> None:
        """Keep a batch of episodes with their tool calls, whole or not at all.

        Args:
            run_id: From `begin_run`.
            episodes: None of which the run has yet.
            redact: Gets a copy of each record and returns what may be written; None where nothing is redacted.

        Raises:
            ServiceError: E_STORE_FAILED.
        """
        with self._connection.transaction() as database:
            (last,) = database.execute("SELECT coalesce(max(id), 0) FROM episodes").fetchone()
            rows = []
            kept: list[tuple[int, Episode]] = []
            for row_id, episode in enumerate(episodes, last + 1):
                row = episode_row(row_id, run_id, episode, redact)
                if row is None:
                    self.refused += 1
                    continue
                rows.append(row)
                kept.append((row_id, episode))
            database.executemany(EPISODE_SQL, rows)
            calls = (
                row
                for row_id, episode in kept
                for row in tool_call_rows(row_id, episode.tool_calls, episode.id, redact)
            )
            if redact is None:
                database.executemany(TOOL_CALL_SQL, calls)
            else:
                wanted = sum(len(episode.tool_calls) for _, episode in kept)
                self.refused += wanted - database.executemany(TOOL_CALL_SQL, calls).rowcount

    def finish_run(
        self, run_id: int, end: RunEnd, results: Iterable[StoredResult], redact: Redact | None = None
    ) -> None:
        """Keep verdict and rows of a run in one transaction that the disk has when this returns.

        Raises:
            ServiceError: E_STORE_FAILED; the run stays `running`.
        """
        with self._connection.transaction(durable=True) as database:
            self._add_results(database, run_id, results, redact)
            database.execute(
                "UPDATE runs SET finished_at = ?, status = ?, exit_code = ?, reason_code = ?, message = ?,"
                " config_digest = ?, policy_digest = ?, trace_digest = ?, plugins_json = ?, counts_json = ?"
                " WHERE id = ?",
                (
                    utc(self._now()),
                    _STATUS.get(end.exit_code, "error"),
                    end.exit_code,
                    end.reason_code,
                    text(self._message(end.message, redact)),
                    end.config_digest,
                    end.policy_digest,
                    end.trace_digest,
                    _encode(end.plugins).decode(),
                    _encode(end.counts).decode(),
                    run_id,
                ),
            )

    def amend_run(self, run_id: int, end: RunEnd) -> None:
        """Correct the verdict of a finished run whose reports could not be written afterwards."""
        with self._connection.transaction(durable=True) as database:
            database.execute(
                "UPDATE runs SET status = ?, exit_code = ?, reason_code = ?, message = ? WHERE id = ?",
                (_STATUS.get(end.exit_code, "error"), end.exit_code, end.reason_code, text(end.message), run_id),
            )

    def passed_before(self, suite: str, fingerprints: Iterable[str]) -> dict[str, PassedBefore]:
        """Return, by fingerprint, the newest row of a finished run that passed."""
        wanted = sorted(set(fingerprints))
        found: dict[str, PassedBefore] = {}
        for start in range(0, len(wanted), _PARAMETERS):
            part = wanted[start : start + _PARAMETERS]
            marks = ", ".join("?" * len(part))
            rows = self._connection.rows(
                "SELECT r.fingerprint, r.run_id, runs.started_at, r.score"  # noqa: S608 - only question marks are put in
                " FROM results r JOIN runs ON runs.id = r.run_id"
                f" WHERE r.fingerprint IN ({marks}) AND r.outcome = 'pass' AND runs.suite = ?"
                " AND runs.status <> 'running' ORDER BY r.run_id",
                (*part, text(suite)),
            )
            for fingerprint, run_id, at, score in rows:
                found[fingerprint] = PassedBefore(fingerprint=fingerprint, run_id=run_id, at=at, score=score)
        return found

    def quarantine(self, suite: str | None = None) -> tuple[QuarantineEntry, ...]:
        """Return the quarantined tests of one suite, or of all, sorted; expired ones too."""
        return quarantine_of(self._connection, suite)

    def add_to_quarantine(self, entry: QuarantineEntry) -> None:
        """Quarantine a test, or say anew why."""
        values = (entry.suite, entry.test_id, entry.reason, entry.owner, entry.added_at, entry.expires_on)
        with self._connection.transaction(durable=True) as database:
            database.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", [*map(text, values)])

    def remove_from_quarantine(self, suite: str, test_id: str) -> bool:
        """Release a test; return False where it was not quarantined."""
        with self._connection.transaction(durable=True) as database:
            cursor = database.execute(
                "DELETE FROM quarantine WHERE suite = ? AND test_id = ?", (text(suite), text(test_id))
            )
        return cursor.rowcount > 0

    def cache(self, redact: Redact | None = None) -> StoreCache:
        """Return the results that metrics keep here, by key."""
        return StoreCache(self._connection, now=self._now, redact=redact)

    def close(self) -> None:
        """Give the file back. May be called more than once."""
        self._connection.close()

    def _message(self, message: str, redact: Redact | None) -> str:
        if redact is None:
            return message
        answer = redact({"type": "run", "message": message})
        return "" if answer is None else str(answer.get("message", ""))

    def _add_results(
        self, database: sqlite3.Connection, run_id: int, results: Iterable[StoredResult], redact: Redact | None
    ) -> None:
        (last,) = database.execute("SELECT coalesce(max(id), 0) FROM results").fetchone()
        attempts: list[tuple[object, ...]] = []

        def rows() -> Iterator[tuple[object, ...]]:
            for row_id, result in enumerate(results, last + 1):
                row = result_row(row_id, run_id, result, redact)
                if row is None:
                    self.refused += 1
                    continue
                for each in result.attempts:
                    message = text(self._message(each.message, redact))
                    attempts.append((row_id, each.number, each.outcome, message, text(each.episode_id)))
                yield row

        database.executemany(RESULT_SQL, rows())
        database.executemany(
            "INSERT INTO attempts (result_id, attempt_number, outcome, message, episode_id) VALUES (?, ?, ?, ?, ?)",
            attempts,
        )


def quarantine_of(connection: Connection, suite: str | None) -> tuple[QuarantineEntry, ...]:
    """Return the quarantined tests of one suite, or of all, sorted."""
    rows = connection.rows(
        "SELECT suite, test_id, reason, owner, added_at, expires_on FROM quarantine"
        " WHERE ? IS NULL OR suite = ? ORDER BY suite, test_id",
        (text(suite), text(suite)),
    )
    names = ("suite", "test_id", "reason", "owner", "added_at", "expires_on")
    return tuple(QuarantineEntry(**dict(zip(names, row, strict=True))) for row in rows)


def as_object(value: str | None) -> JsonObject:
    """Return a JSON text of the store as an object, `{}` where there is none."""
    found = msgspec.json.decode(value) if value else {}
    return found if isinstance(found, dict) else {}
