"""One row of a report as one test case, and how many of each kind there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias
from xml.etree import ElementTree

import attrs

from assay_core.commandline import excerpt
from assay_core.errors import find_code
from assay_core.model import Finding, ResultRow

__all__ = ["MESSAGE_LENGTH", "Totals", "case_element", "totals"]

Outcome: TypeAlias = Literal["passed", "failure", "error", "skipped"]

NAME_LENGTH = 500
MESSAGE_LENGTH = 2_000
BODY_LENGTH = 8_000  # findings are shown up to here, at least one; the rest is counted

# An unstable test blocks, so a CI system must not show it as passed.
_OUTCOMES: dict[str, Outcome] = {
    "fail": "failure",
    "unstable": "failure",
    "error": "error",
    "skipped": "skipped",
}
_RANK = {"error": 0, "warning": 1, "note": 2}
_NOTES = {"warn": "WARNING", "flaky": "FLAKY", "allowed_on_error": "ALLOWED ON ERROR"}
_DEFAULT_CODES = {"fail": "E_TEST_FAILED", "unstable": "E_UNSTABLE", "error": "E_TEST_FAILED"}


@attrs.frozen(kw_only=True)
class Totals:
    """What the suite's element says of its cases."""

    tests: int = 0
    failures: int = 0
    errors: int = 0
    skipped: int = 0


def totals(rows: Iterable[ResultRow], *, strict: bool) -> Totals:
    """Count the test cases by outcome."""
    counts: dict[Outcome, int] = {"passed": 0, "failure": 0, "error": 0, "skipped": 0}
    for row in rows:
        counts[_outcome(row, strict=strict)] += 1
    return Totals(
        tests=sum(counts.values()), failures=counts["failure"], errors=counts["error"], skipped=counts["skipped"]
    )


def case_element(row: ResultRow, suite: str, *, strict: bool) -> ElementTree.Element:
    """Return the `testcase` of a row.

    Args:
        row: The row.
        suite: The suite's name, ready to be shown; Jenkins makes a package of it, GitLab the column "Suite".
        strict: Whether the run counts rows with warnings as failures.
    """
    case = ElementTree.Element("testcase", name=excerpt(row.test_id, NAME_LENGTH), classname=f"{suite}.{row.kind}")
    if row.source is not None:
        case.set("file", excerpt(row.source.file, NAME_LENGTH))
        if row.source.line:
            case.set("line", str(row.source.line))
    if row.duration_ms is not None:
        case.set("time", f"{row.duration_ms / 1000:.3f}")
    outcome = _outcome(row, strict=strict)
    if outcome == "skipped":
        ElementTree.SubElement(case, "skipped", message=_summary(row))
    elif outcome != "passed":
        code = _code(row, strict=strict)
        fault = ElementTree.SubElement(case, outcome, message=_summary(row), type=excerpt(code, NAME_LENGTH))
        fault.text = _body(row)
    elif row.status in _NOTES or row.findings:
        note = _NOTES.get(row.status, "NOTE")
        ElementTree.SubElement(case, "system-out").text = f"{note}: {_summary(row)}\n{_body(row)}".rstrip("\n")
    return case


def _outcome(row: ResultRow, *, strict: bool) -> Outcome:
    if strict and row.status in ("warn", "flaky"):
        return "failure"
    return _OUTCOMES.get(row.status, "passed")


def _code(row: ResultRow, *, strict: bool) -> str:
    """Return the code that failed the row: its own, else that of its gravest finding."""
    if strict and row.status in ("warn", "flaky"):
        return "E_STRICT"
    graves = [finding.code for finding in row.findings if finding.severity == "error"]
    first = graves[0] if graves else ""
    return (first if row.kind == "policy" else "") or row.error_code or first or _DEFAULT_CODES[row.status]


def _summary(row: ResultRow) -> str:
    """Return what tools show in one line."""
    first = row.findings[0].message if row.findings else ""
    message = row.message if row.message not in ("", "ok") else first
    return excerpt(message or row.skip_reason or row.status, MESSAGE_LENGTH)


def _body(row: ResultRow) -> str:
    """Return the findings, one block each: code and place, what, and once per code what to do about it."""
    blocks: list[str] = []
    told = set[str]()
    length = 0
    for shown, finding in enumerate(sorted(row.findings, key=lambda each: _RANK[each.severity])):
        if length > BODY_LENGTH:
            blocks.append(f"… and {len(row.findings) - shown:,} more findings of this test, not shown here")
            break
        block = _block(finding)
        blocks.append(block)
        length += len(block)
        if finding.code not in told:
            told.add(finding.code)
            blocks += _fix(finding.code, of_run=finding.code == row.error_code)
    if row.error_code and not row.findings:
        blocks.append("\n".join([excerpt(row.error_code, NAME_LENGTH), *_fix(row.error_code, of_run=True)]))
    return "\n".join(blocks) + "\n" if blocks else ""


def _block(finding: Finding) -> str:
    parts = [excerpt(finding.code, NAME_LENGTH)]
    if finding.source is not None:
        line = f":{finding.source.line}" if finding.source.line else ""
        parts.append(f"at {excerpt(finding.source.file, NAME_LENGTH)}{line}")
    if finding.rule:
        parts.append(f"rule {excerpt(finding.rule, NAME_LENGTH)}")
    return f"{' '.join(parts)}\n  {excerpt(finding.message, MESSAGE_LENGTH)}"


def _fix(code: str, *, of_run: bool) -> list[str]:
    """Return the remedy. A code may stand for two things: what ended the check, and what a policy found."""
    known = find_code(code, None if of_run else "decision") or find_code(code)
    return [f"  fix: {known.remedy}"] if known else []
