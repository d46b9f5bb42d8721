"""Which results a SARIF file holds: at most so many, the gravest first, the rest counted."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import attrs

from assay_core.model import Finding, ResultRow, RunReport

__all__ = ["Entry", "Level", "Selection", "select"]

Level: TypeAlias = Literal["error", "warning", "note"]

_RANK = {"error": 0, "warning": 1, "note": 2}

# A row that ended so and has no finding of its own is shown by itself: (reason code, level).
_ROW_CODES: dict[str, tuple[str, Level]] = {
    "fail": ("E_TEST_FAILED", "error"),
    "error": ("E_TEST_FAILED", "error"),
    "unstable": ("E_UNSTABLE", "error"),
    "flaky": ("E_UNSTABLE", "warning"),
    "warn": ("E_TEST_FAILED", "warning"),
    "allowed_on_error": ("W_ON_ERROR_ALLOW", "note"),
}


class Entry(NamedTuple):
    """One result: what a finding, or a row without findings, says."""

    code: str
    level: Level
    finding: Finding


@attrs.frozen(kw_only=True)
class Selection:
    """What goes into the file, and how much does not."""

    entries: tuple[Entry, ...]  # errors first, then by level, test id and the order of the report
    omitted: int


def select(run: RunReport, limit: int) -> Selection:
    """Return at most `limit` results, always the same ones for the same run.

    Holds `limit` results in memory, however many the run has.
    """
    total = 0

    def ordered() -> Iterator[tuple[int, str, int, Entry]]:
        nonlocal total
        for number, entry in enumerate(_entries(run)):
            total = number + 1
            yield _RANK[entry.level], entry.finding.test_id, number, entry

    # The running number is unique, so that no two entries are ever compared with one another.
    kept = heapq.nsmallest(limit, ordered())
    return Selection(entries=tuple(entry for *_, entry in kept), omitted=total - len(kept))


def _entries(run: RunReport) -> Iterator[Entry]:
    """Yield the findings of each row, or the row itself where it did not plainly pass and has none."""
    for row in run.rows:
        for finding in row.findings:
            yield Entry(finding.code, finding.severity, finding)
        if not row.findings and row.status in _ROW_CODES:
            yield _row_entry(row)


def _row_entry(row: ResultRow) -> Entry:
    """Return a result for a row that says by itself what went wrong."""
    code, level = _ROW_CODES[row.status]
    message = row.message or f"the test ended with status {row.status}"
    if row.error_code and row.status == "error":
        code = row.error_code
    elif row.error_code:
        message = f"{row.error_code}: {message}"
    episode = row.episode_ids[0] if row.episode_ids else ""
    finding = Finding(
        code=code, severity=level, message=message, source=row.source, test_id=row.test_id, episode_id=episode
    )
    return Entry(code, level, finding)
