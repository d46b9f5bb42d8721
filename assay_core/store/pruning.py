"""Takes old runs and old cached results out of a store, and gives the room back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import attrs

from assay_core.errors import UsageError
from assay_core.store.connection import Connection
from assay_core.store.records import utc
from assay_core.store.rows import text

__all__ = ["Pruned", "Pruning", "prune"]

_GOES_ON = timedelta(days=1)  # a run that began longer ago and never ended was killed
_CACHES = ("cache", "embeddings", "judge_verdicts")
# Runs that something still needs, whatever their age.
_NEEDED = (
    "SELECT max(id) FROM runs WHERE status <> 'running' GROUP BY suite",
    "SELECT max(id) FROM runs WHERE status = 'passed' GROUP BY suite",
    "SELECT max(r.run_id) FROM quarantine q JOIN runs ON runs.suite = q.suite"
    " JOIN results r ON r.run_id = runs.id AND r.test_id = q.test_id GROUP BY q.suite, q.test_id",
)


@attrs.frozen(kw_only=True)
class Pruning:
    """What is to go. A run goes only where every bound that is given says so."""

    now_s: float
    suite: str | None = None  # only its runs
    keep: int | None = None  # this many of the newest runs of each suite stay
    older_than_days: int | None = None  # younger runs stay
    cache_older_than_days: int | None = None  # younger cached results stay; None: all
    dry_run: bool = False  # only say what would go


@attrs.frozen(kw_only=True)
class Pruned:
    """What went, or would go."""

    removed: tuple[int, ...]  # numbers of runs
    needed: tuple[int, ...]  # runs that the bounds would let go, and that something needs
    kept: int  # how many runs stay
    cached: int  # how many cached results went
    bytes_before: int
    bytes_after: int


def prune(path: Path, wanted: Pruning) -> Pruned:
    """Remove what is to go.

    Needed and never removed are, of each suite, the newest run that ended and the newest that passed; of each
    quarantined test the newest run with a row of it; and runs that go on. Each run goes whole, in a transaction of
    its own: a process killed meanwhile leaves whole runs, and a little room is enough.

    Raises:
        UsageError: E_PATH_NOT_FOUND where there is no store.
        ServiceError: E_STORE_INVALID, E_STORE_VERSION, E_STORE_FAILED.
    """
    if not path.exists():
        raise UsageError(code="E_PATH_NOT_FOUND", message=f"there is no store {str(path)!r}", remedy="name it: --db")
    connection = Connection.writer(path)
    try:
        before = _size(path)
        old, total = _old_runs(connection, wanted)
        needed = _needed(connection, wanted)
        going = tuple(run for run in old if run not in needed)
        cached = _cached(connection, wanted)
        if not wanted.dry_run:
            connection.settle()
            for run in going:
                with connection.transaction() as database:
                    database.execute("DELETE FROM runs WHERE id = ?", (run,))
                connection.settle()
            if going or cached:
                connection.compact()
    finally:
        connection.close()
    return Pruned(
        removed=going,
        needed=tuple(run for run in old if run in needed),
        kept=total - len(going),
        cached=cached,
        bytes_before=before,
        bytes_after=_size(path),
    )


def _old_runs(connection: Connection, wanted: Pruning) -> tuple[tuple[int, ...], int]:
    """Return the runs that the bounds let go, oldest first, and how many runs there are."""
    rows = connection.rows(
        "SELECT id, started_at, row_number() OVER (PARTITION BY suite ORDER BY id DESC) FROM runs"
        " WHERE ? IS NULL OR suite = ? ORDER BY id",
        (text(wanted.suite), text(wanted.suite)),
    )
    (total,) = connection.rows("SELECT count(*) FROM runs")[0]
    if wanted.keep is None and wanted.older_than_days is None:
        return (), total
    bound = _before(wanted, wanted.older_than_days)
    keep = wanted.keep or 0
    return tuple(run for run, at, place in rows if place > keep and (bound is None or at < bound)), total


def _needed(connection: Connection, wanted: Pruning) -> frozenset[int]:
    found = {run for sql in _NEEDED for (run,) in connection.rows(sql)}
    since = utc(wanted.now_s - _GOES_ON.total_seconds())
    found |= {
        run for (run,) in connection.rows("SELECT id FROM runs WHERE status = 'running' AND started_at >= ?", (since,))
    }
    return frozenset(found)


def _cached(connection: Connection, wanted: Pruning) -> int:
    """Remove cached results, and return how many there were."""
    bound = _before(wanted, wanted.cache_older_than_days)
    if bound is None:
        return 0
    count = 0
    for table in _CACHES:
        if wanted.dry_run:
            count += connection.rows(f"SELECT count(*) FROM {table} WHERE created_at < ?", (bound,))[0][0]  # noqa: S608 - our names
            continue
        with connection.transaction() as database:
            count += database.execute(f"DELETE FROM {table} WHERE created_at < ?", (bound,)).rowcount  # noqa: S608 - our names
    return count


def _before(wanted: Pruning, days: int | None) -> str | None:
    """Return the time so many days ago, as the store writes times: they compare as texts do."""
    return None if days is None else utc(max(wanted.now_s - timedelta(days=days).total_seconds(), 0.0))


def _size(path: Path) -> int:
    return path.stat().st_size
