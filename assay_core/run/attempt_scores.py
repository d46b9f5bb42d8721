"""The scores of all attempts at one check, as many as a comparison can use."""

from __future__ import annotations

from array import array

import attrs

from assay_core.model import MetricRow, Outcome
from assay_core.run.baseline.measured import KEPT_SCORES

__all__ = ["AttemptScores"]


class AttemptScores:
    """Counts attempts; keeps at most `KEPT_SCORES` scores, and none while all are 0 or 1."""

    def __init__(self) -> None:
        self._measured = 0
        self._passed = 0
        self._scores = array("d")
        self._binary = True

    def add(self, row: MetricRow) -> None:
        """Take one attempt; one without a score says nothing."""
        if row.score is None:
            return
        self._measured += 1
        self._passed += row.outcome is Outcome.HELD
        self._binary = self._binary and row.score == float(row.outcome is Outcome.HELD)
        if len(self._scores) < KEPT_SCORES:
            self._scores.append(row.score)

    def on(self, row: MetricRow) -> MetricRow:
        """Return the row with what is known of all attempts."""
        if self._measured <= 1:
            return row
        scores = () if self._binary else tuple(self._scores)
        return attrs.evolve(row, measured=self._measured, passed=self._passed, scores=scores)
