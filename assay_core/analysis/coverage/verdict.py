"""Whether a coverage is good enough, and why not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import attrs

from assay_core.analysis.coverage.report import CoverageReport, Metric
from assay_core.model import JsonObject

__all__ = ["Change", "Reason", "changes", "reasons"]

_EPSILON = 1e-6


@attrs.frozen(kw_only=True)
class Change:
    """One figure of a baseline beside the one of now, in percent."""

    metric: str
    before: float
    after: float

    @property
    def delta(self) -> float:
        """How much it rose; negative where it fell."""
        return self.after - self.before

    @property
    def is_drop(self) -> bool:
        """Whether it fell."""
        return self.delta < -_EPSILON

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "metric": self.metric, "before": self.before, "after": self.after, "delta": round(self.delta, 2),
            "regression": self.is_drop,
        }  # fmt: skip


@attrs.frozen(kw_only=True)
class Reason:
    """Why a coverage fails."""

    code: str
    message: str


def changes(before: Mapping[str, float], report: CoverageReport) -> tuple[Change, ...]:
    """Return the figures that a baseline has, in its order of meaning: overall, tool, rule."""
    now: Mapping[Metric, float] = report.figures
    return tuple(Change(metric=metric, before=before[metric], after=now[metric]) for metric in now if metric in before)


def reasons(report: CoverageReport, *, fail_on_gaps: bool, found: tuple[Change, ...]) -> Iterator[Reason]:
    """Yield every reason to fail; a gap is one only where that was asked for.

    Args:
        report: The coverage.
        fail_on_gaps: Whether a dangerous tool that was never seen is a failure.
        found: What became of the figures of a baseline.
    """
    if report.violation_count:
        calls = f"{report.denied} of {report.calls} tool call(s) break the policy" if report.denied else ""
        unmet = f"{report.unmet} rule(s) unmet at the end of an episode" if report.unmet else ""
        yield Reason(code="E_POLICY_VIOLATION", message="; ".join(filter(None, (calls, unmet))))
    for change in found:
        if change.is_drop:
            text = f"{change.metric} coverage fell from {change.before:g} % to {change.after:g} %"
            yield Reason(code="E_COVERAGE_DROPPED", message=text)
    if not report.meets_threshold:
        shown = math.floor(report.overall_pct * 100) / 100  # never rounded up to what it does not reach
        text = f"overall coverage is {shown:.2f} %, less than {report.threshold:g} %"
        yield Reason(code="E_COVERAGE_LOW", message=text)
    if fail_on_gaps and report.gaps:
        names = ", ".join(repr(gap.tool) for gap in report.gaps[:5])
        more = f" and {len(report.gaps) - 5} more" if len(report.gaps) > 5 else ""
        text = f"no trace shows that the policy refuses {names}{more}"
        yield Reason(code="E_COVERAGE_GAPS", message=text)
