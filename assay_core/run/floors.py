"""Bounds that every score has to reach: `thresholds.min_score` of the suite, `thresholding.min_floor` of a check."""

from __future__ import annotations

import attrs

from assay_core.model import Finding, ResultRow, Settings, Thresholds
from assay_core.run.case_state import CaseState

__all__ = ["floored"]

_CLOSE = 1e-9


def floored(row: ResultRow, state: CaseState, settings: Settings, thresholds: Thresholds) -> ResultRow:
    """Return the row; one that passed with a score that is too low has failed."""
    if row.status not in ("pass", "warn", "flaky"):
        return row
    low: list[str] = []
    for at, metric in state.numbered_metrics():
        own = state.test.checks[at].expectation.thresholding.min_floor
        floor = settings.thresholding.min_floor if own is None else own
        if floor is not None and metric.score is not None and metric.score + _CLOSE < floor:
            low.append(f"{metric.type} scored {metric.score:.4g}, below min_floor {floor:.4g}")
    if low:
        findings = tuple(
            Finding(code="E_SCORE_FLOOR", message=text, rule="thresholding", test_id=row.test_id, source=row.source)
            for text in low
        )
        return attrs.evolve(row, status="fail", message="; ".join(low), findings=(*row.findings, *findings))
    floor = thresholds.min_score
    if floor is not None and row.status == "pass" and row.score is not None and row.score < floor:
        text = f"score {row.score:.4g} is below thresholds.min_score {floor:.4g}"
        return attrs.evolve(row, status="fail", message=text)
    return row
