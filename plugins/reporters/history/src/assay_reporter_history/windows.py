"""Which rows a command looks at: those of the store, or those of files."""

from __future__ import annotations

from collections.abc import Sequence

from assay_core.analysis.stored import open_store
from assay_core.errors import UsageError
from assay_reporter_history.stored import Window, rows_of_files, rows_of_last_results, rows_of_last_runs

__all__ = ["calibration_window", "hygiene_window"]


def calibration_window(names: Sequence[str], *, db: str | None, suite: str | None, last: int) -> Window:
    """Return the rows to calibrate from.

    Raises:
        UsageError: E_INVALID_ARGS for files and a store; what opening the store or reading the files raises.
        AssayError: what `open_store` and `rows_of_files` raise.
    """
    if not names:
        with open_store(db) as store:
            return rows_of_last_results(store, suite, last)
    if db is not None:
        raise UsageError(code="E_INVALID_ARGS", message="either run.json files or --db, not both")
    return rows_of_files(names, suite)


def hygiene_window(*, db: str | None, suite: str | None, last: int) -> Window:
    """Return the rows of the last runs. Raises what `open_store` raises, and E_RUN_NOT_FOUND."""
    with open_store(db) as store:
        return rows_of_last_runs(store, suite, last)
