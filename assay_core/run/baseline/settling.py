"""What a comparison with a baseline makes of the rows of tests: a function of values, told in a table.

| the row | its scores | becomes |
|---|---|---|
| passed, warned, flaky | some fell beyond the tolerance, and that is no chance | fail, `E_BASELINE_REGRESSION` |
| its attempts disagree (unstable) | the same | fail, `E_BASELINE_REGRESSION` |
| its attempts disagree (unstable) | no worse than the baseline's, or nobody can tell yet | warn |
| passed | a drop that may be chance, or other calls than before, for certain | warn |
| failed, could not be evaluated, a judge abstained | | as it is, with the findings |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import attrs

from assay_core.model import BaselineReport, Finding, Outcome, ResultRow, ScoreChange
from assay_core.run.baseline.comparing import Tolerance, compare, refuse_nothing
from assay_core.run.baseline.document import Baseline
from assay_core.run.baseline.measured import measured_of
from assay_core.run.baseline.telling import change_text, settled_text
from assay_core.run.documents import row_json

__all__ = ["Against"]

REGRESSION = "E_BASELINE_REGRESSION"
_CODES = {
    "tool_gone": "W_BEHAVIOUR_TOOLS",
    "tool_new": "W_BEHAVIOUR_TOOLS",
    "order": "W_BEHAVIOUR_ORDER",
    "arguments": "W_BEHAVIOUR_ARGUMENTS",
}


@attrs.frozen(kw_only=True)
class Against:
    """A baseline that a run is compared with, and how far it may fall."""

    baseline: Baseline
    tolerance: Tolerance

    def settle(self, rows: Sequence[ResultRow]) -> tuple[list[ResultRow], BaselineReport]:
        """Return the rows of all tests with the status that the comparison gives them, and the comparison.

        Raises:
            InputError: E_BASE_MISMATCH, the run has scores and none of them could be compared.
        """
        measured = []
        for row in rows:
            details = row_json(row)["details"]
            measured.append(measured_of(row.test_id, details if isinstance(details, dict) else {}))
        report = compare(self.baseline, measured, self.tolerance)
        refuse_nothing(report, measured)
        changes: dict[str, list[ScoreChange]] = {}
        for change in report.changes:
            changes.setdefault(change.test_id, []).append(change)
        behaviour: dict[str, list[Finding]] = {}
        for each in report.behaviour:
            finding = Finding(
                code=_CODES[each.kind],
                severity=each.severity,
                message=each.message,
                rule="baseline",
                test_id=each.test_id,
                tool=each.tool,
            )
            behaviour.setdefault(each.test_id, []).append(finding)
        settled = [_settled(row, changes.get(row.test_id, []), behaviour.get(row.test_id, [])) for row in rows]
        return settled, report


def _settled(row: ResultRow, changes: Sequence[ScoreChange], structural: Sequence[Finding]) -> ResultRow:
    fell = [change for change in changes if change.verdict == "fail"]
    doubtful = [change for change in changes if change.verdict == "inconclusive"]
    findings = [
        *(_finding(row, change, REGRESSION, "error") for change in fell),
        *(_finding(row, change, "W_BASELINE_INCONCLUSIVE", "warning") for change in doubtful),
        *(attrs.evolve(each, source=row.source) for each in structural),
    ]
    if row.status in ("error", "allowed_on_error", "fail", "skipped"):
        return attrs.evolve(row, findings=(*row.findings, *findings)) if findings else row
    if row.status == "unstable" and row.error_code != "E_UNSTABLE":  # a judge abstained: nothing to compare
        return attrs.evolve(row, findings=(*row.findings, *findings))
    if fell:
        what = "; ".join(map(change_text, fell))
        return attrs.evolve(
            row,
            status="fail",
            message=f"below the baseline: {what}",
            error_code=REGRESSION,
            findings=(*row.findings, *findings),
        )
    if row.status == "unstable":
        return _tolerated(row, changes, findings)
    if doubtful or any(each.severity == "warning" for each in structural):
        message = row.message
        if message in ("", "ok"):
            message = "may be below the baseline" if doubtful else "behaves otherwise than in the baseline"
        status = "warn" if row.status == "pass" else row.status
        return attrs.evolve(row, status=status, message=message, findings=(*row.findings, *findings))
    return attrs.evolve(row, findings=(*row.findings, *findings)) if findings else row


def _tolerated(row: ResultRow, changes: Sequence[ScoreChange], findings: Sequence[Finding]) -> ResultRow:
    """Return a row whose attempts disagree, where the baseline knows every check that some attempt failed."""
    known = {change.metric for change in changes if change.level is not None and change.max_drop is not None}
    names = _failed_names(row)
    if not names <= known:
        return attrs.evolve(row, findings=(*row.findings, *findings))
    return attrs.evolve(
        row,
        status="warn",
        message=f"{row.message}; compared with the baseline, that is no regression",
        error_code="",
        findings=(*(attrs.evolve(each, severity=_softened(each)) for each in row.findings), *findings),
    )


def _failed_names(row: ResultRow) -> set[str]:
    """Return the names, as run.json has them, of the checks that some attempt failed."""
    seen: Counter[str] = Counter()
    found = set[str]()
    for metric in row.metrics:
        seen[metric.type] += 1
        failed = metric.outcome is Outcome.VIOLATED if metric.passed is None else metric.passed < metric.measured
        if failed:
            name = metric.type if seen[metric.type] == 1 else f"{metric.type}#{seen[metric.type]}"
            found.add(name)
    return found


def _finding(row: ResultRow, change: ScoreChange, code: str, severity: Literal["error", "warning"]) -> Finding:
    more = f"; {settled_text(change)}" if change.verdict == "inconclusive" else ""
    was = f" (was {change.renamed_from!r})" if change.renamed_from else ""
    return Finding(
        code=code,
        severity=severity,
        message=f"{change_text(change)}{more}{was}",
        rule="baseline",
        test_id=row.test_id,
        source=row.source,
    )


def _softened(finding: Finding) -> Literal["warning", "note"]:
    return "note" if finding.severity == "note" else "warning"
