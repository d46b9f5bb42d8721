"""A run as lines of a table: one per row of the run, the run's own facts repeated on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from assay_core.commandline import excerpt, sanitise
from assay_core.model import ResultRow, RunReport

__all__ = ["COLUMNS", "Line", "lines"]

Value: TypeAlias = str | int | float | None
Line: TypeAlias = Mapping[str, Value]

# Column to what it holds; the order is that of the file. A released column keeps its name and its place.
COLUMNS: Mapping[str, type[str] | type[int] | type[float]] = {
    "run_id": int,  # number of the run in the store, 0 without one
    "label": str,  # as the option says
    "suite": str,
    "command": str,
    "exit_code": int,  # of the run
    "reason_code": str,  # of the run; empty where it passed
    "assay_version": str,
    "policy_digest": str,
    "trace_digest": str,
    "test_id": str,  # empty where the run ended before any row
    "kind": str,  # test or policy
    "status": str,
    "score": float,
    "reason": str,  # the row's reason code, else the code of its first finding
    "findings": int,
    "attempts": int,  # 1 where the row has one
    "duration_ms": float,
}
_LONGEST = 500  # characters of a name


def lines(run: RunReport, label: str) -> Iterator[Line]:
    """Yield the lines of a run; one without a test where the run ended before any row."""
    head: dict[str, Value] = {
        "run_id": run.run_id,
        "label": sanitise(label),
        "suite": excerpt(run.suite, _LONGEST),
        "command": run.command,
        "exit_code": run.exit_code,
        "reason_code": run.reason_code,
        "assay_version": run.provenance.assay_version,
        "policy_digest": run.policy_digest,
        "trace_digest": run.provenance.trace_digest,
    }
    there = False
    for row in run.rows:
        there = True
        yield {**head, **_of_row(row)}
    if not there:
        yield {**dict.fromkeys(COLUMNS), **head, "test_id": "", "status": "error" if run.exit_code else "pass"}


def _of_row(row: ResultRow) -> dict[str, Value]:
    reason = row.error_code or next((finding.code for finding in row.findings), "")
    return {
        "test_id": excerpt(row.test_id, _LONGEST),
        "kind": row.kind,
        "status": row.status,
        "score": row.score,
        "reason": excerpt(reason, _LONGEST),
        "findings": len(row.findings),
        "attempts": max(len(row.attempts), 1),
        "duration_ms": row.duration_ms,
    }
