"""A run that the store kept, as something to make a baseline of or to compare with one."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from assay_core.errors import UsageError
from assay_core.model import JsonObject
from assay_core.run.baseline.measured import Measured, measured_of
from assay_core.store.reader import StoredResult, StoredRun, StoreReader

__all__ = ["KeptRun", "kept_run"]

_COMMANDS = ("run", "ci")
_LOOKED_AT = 1_000


@attrs.frozen(kw_only=True)
class KeptRun:
    """One run of a suite, with what it measured of each test."""

    run: StoredRun
    tests: tuple[Measured, ...]
    cut_short: bool  # True: it ended at its first failure, so that tests are missing


def kept_run(store: StoreReader, *, suite: str | None, run_id: int | None) -> KeptRun:
    """Return a run by its number, else the newest one of the suite, or of any.

    Raises:
        UsageError: E_RUN_NOT_FOUND: no such run, one of another suite, one that has no results.
    """
    run = _by_number(store, run_id, suite) if run_id is not None else _newest(store, suite)
    if run.status == "error" or run.command not in _COMMANDS:
        why = run.reason_code or run.status
        raise _missing(f"run {run.id} ({run.command}) ended with {why} and has no complete results")
    rows = [row for row in store.results(run.id) if row.kind == "test"]
    tests = tuple(_measured(store, rows))
    if not any(test.samples for test in tests):
        raise _missing(f"run {run.id} has no score of any test")
    return KeptRun(run=run, tests=tests, cut_short=any(row.skip_reason == "bail" for row in rows))


def _by_number(store: StoreReader, run_id: int, suite: str | None) -> StoredRun:
    run = store.run(run_id) if run_id < 2**63 else None
    if run is None or run.status == "running":
        raise _missing(f"the store holds no finished run {run_id}")
    if suite is not None and run.suite != suite:
        raise _missing(f"run {run_id} is one of the suite {run.suite!r}, not of {suite!r}")
    return run


def _newest(store: StoreReader, suite: str | None) -> StoredRun:
    for run in store.runs(suite=suite, limit=_LOOKED_AT):
        if run.status != "running" and run.command in _COMMANDS:
            return run
    of_suite = f" of the suite {suite!r}" if suite is not None else ""
    raise _missing(f"the store holds no finished run{of_suite}")


def _measured(store: StoreReader, rows: list[StoredResult]) -> Iterator[Measured]:
    """Yield the tests; one that `--incremental` skipped is what the run found that it names as its origin."""
    earlier: dict[int, dict[str, JsonObject]] = {}
    for row in rows:
        skip = row.details.get("skip")
        origin = skip.get("origin_run_id") if isinstance(skip, dict) else None
        details = row.details
        if row.skip_reason == "fingerprint match" and isinstance(origin, int):
            if origin not in earlier:
                earlier[origin] = {each.test_id: each.details for each in store.results(origin)}
            details = earlier[origin].get(row.test_id, details)
        yield measured_of(row.test_id, details)


def _missing(message: str) -> UsageError:
    return UsageError(code="E_RUN_NOT_FOUND", message=message)
