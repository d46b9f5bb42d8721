"""What a comparison makes of rows, status by status."""

from __future__ import annotations

import pytest

from assay_core.model import Finding, MetricRow, Outcome, ResultRow, Status
from assay_core.run.baseline.comparing import Tolerance
from assay_core.run.baseline.document import Baseline, KnownTest
from assay_core.run.baseline.measured import Sample
from assay_core.run.baseline.settling import Against


def row(status: Status, passed: int, attempts: int, *, code: str = "") -> ResultRow:
    outcome = Outcome.HELD if passed == attempts else Outcome.VIOLATED
    score = float(passed == attempts)
    found = MetricRow(type="m", outcome=outcome, score=score, measured=attempts, passed=passed)
    findings = () if passed == attempts else (Finding(code="E_TEXT_MISSING", message="missing", test_id="t"),)
    return ResultRow(
        test_id="t", status=status, score=score, message="ok", metrics=(found,), error_code=code, findings=findings
    )


def settle(before: tuple[int, int], given: ResultRow) -> ResultRow:
    known = KnownTest(samples={"m": Sample(passed=before[0], measured=before[1])}, is_own=True)
    against = Against(baseline=Baseline(suite="s", tests={"t": known}), tolerance=Tolerance())
    rows, _ = against.settle([given])
    return rows[0]


@pytest.mark.parametrize(
    ("before", "given", "status", "codes"),
    [
        ((10, 10), row("pass", 10, 10), "pass", []),
        ((10, 10), row("unstable", 9, 10, code="E_UNSTABLE"), "warn", ["E_TEXT_MISSING", "W_BASELINE_INCONCLUSIVE"]),
        ((6, 10), row("unstable", 7, 10, code="E_UNSTABLE"), "warn", ["E_TEXT_MISSING"]),
        ((10, 10), row("unstable", 3, 10, code="E_UNSTABLE"), "fail", ["E_TEXT_MISSING", "E_BASELINE_REGRESSION"]),
        ((10, 10), row("fail", 0, 10), "fail", ["E_TEXT_MISSING", "E_BASELINE_REGRESSION"]),
        ((0, 10), row("fail", 0, 10), "fail", ["E_TEXT_MISSING"]),  # as bad as before is still a failed test
        ((10, 10), row("error", 9, 10), "error", ["E_TEXT_MISSING", "W_BASELINE_INCONCLUSIVE"]),
        (
            (10, 10), row("unstable", 9, 10, code="E_JUDGE_UNCERTAIN"), "unstable",
            ["E_TEXT_MISSING", "W_BASELINE_INCONCLUSIVE"],
        ),
    ],
)  # fmt: skip
def test_a_row_becomes_what_the_comparison_says(
    before: tuple[int, int], given: ResultRow, status: str, codes: list[str]
) -> None:
    found = settle(before, given)

    assert (found.status, [each.code for each in found.findings]) == (status, codes)
    if status == "warn":
        assert all(each.severity != "error" for each in found.findings)


def test_only_what_the_baseline_alone_fails_has_its_reason() -> None:
    assert settle((10, 10), row("unstable", 3, 10, code="E_UNSTABLE")).error_code == "E_BASELINE_REGRESSION"
    assert settle((10, 10), row("fail", 0, 10)).error_code == ""


def test_attempts_that_disagree_about_what_the_baseline_does_not_know_stay_unstable() -> None:
    given = row("unstable", 9, 10, code="E_UNSTABLE")
    other = MetricRow(type="n", outcome=Outcome.VIOLATED, score=0.0, measured=10, passed=9)
    both = ResultRow(
        test_id="t", status="unstable", score=0.0, message="", metrics=(*given.metrics, other), error_code="E_UNSTABLE"
    )

    assert settle((10, 10), both).status == "unstable"
