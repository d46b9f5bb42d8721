"""The Markdown document: status, counts, what needs attention, rules, notices, seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from assay_core.errors import find_code
from assay_core.model import Finding, Notice, ResultRow, RuleSummary, RunReport
from assay_reporter_markdown.attention import attention
from assay_reporter_markdown.comparison import comparison, comparison_title
from assay_reporter_markdown.markup import cell, code

__all__ = ["Shape", "Written", "write_document"]

_FINDINGS = 5  # shown per row
_RULES = 50
_NOTICES = 20
_MESSAGE = 300
_RANK = {"error": 0, "warning": 1, "note": 2}
_MARKS = {
    "fail": "❌",
    "error": "❌",
    "unstable": "❌",
    "warn": "⚠️",
    "flaky": "⚠️",
    "allowed_on_error": "⚠️",
}


@attrs.frozen(kw_only=True)
class Shape:
    """What tells one kind of report from another."""

    title: str
    marker: str = ""  # the first line, for tools that look for the report
    max_rows: int
    max_bytes: int  # of UTF-8


@attrs.frozen(kw_only=True)
class Written:
    """A finished document."""

    text: str
    omitted: int  # rows that needed attention and are not shown


class _Budget:
    """Takes text while it fits."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._parts: list[str] = []

    def add(self, text: str) -> bool:
        """Add text if there is room for all of it."""
        size = len(text.encode("utf-8"))
        if size > self._left:
            return False
        self._left -= size
        self._parts.append(text)
        return True

    def reserve(self, size: int) -> None:
        """Keep room for what must come later; a negative size gives it back."""
        self._left -= size

    def text(self) -> str:
        return "".join(self._parts)


def write_document(run: RunReport, shape: Shape) -> Written:
    """Return the report, within the bounds of its shape, whatever stands in the run."""
    budget = _Budget(shape.max_bytes)
    footer = _footer(run)
    room = len(footer.encode("utf-8"))
    budget.reserve(room)
    budget.add(_head(run, shape))
    omitted = _add_attention(run, shape, budget)
    _add_block(budget, comparison_title(run.baseline), comparison(run.baseline))
    _add_block(budget, _rules_title(run.rules), _rules(run))
    _add_block(
        budget,
        _count(len(run.notices), "notice"),
        _with_rest(list(map(_notice, run.notices[:_NOTICES])), len(run.notices), "notices"),
    )
    budget.reserve(-room)
    budget.add(footer)
    return Written(text=budget.text(), omitted=omitted)


def _head(run: RunReport, shape: Shape) -> str:
    """Return what must be seen without scrolling. Bounded by the lengths of its parts."""
    marker = f"{shape.marker}\n" if shape.marker else ""
    status = "✅ **Passed**" if run.exit_code == 0 else "❌ **Failed**"
    message = f": {code(run.message, _MESSAGE)}" if run.message else ""
    table = "".join(f"| {name} | {value} |\n" for name, value in _facts(run))
    next_step = f"\nNext step: {code(run.next_step, _MESSAGE)}\n" if run.next_step and run.exit_code else ""
    return f"{marker}## {shape.title}\n\n{status}{message}\n\n| | |\n|:--|:--|\n{table}{next_step}\n"


def _facts(run: RunReport) -> Iterator[tuple[str, str]]:
    counts = run.counts
    passed = counts.passed + counts.warned + counts.flaky + counts.allowed_on_error
    yield "Suite", cell(run.suite)
    yield "Tests", f"{passed:,}/{counts.total:,} passed"
    for name, number in (
        ("Failed", counts.failed),
        ("Errors", counts.errored),
        ("Unstable", counts.unstable),
        ("Flaky", counts.flaky),
        ("Warnings", counts.warned),
        ("Allowed on error", counts.allowed_on_error),
        ("Skipped", counts.skipped),
    ):
        if number:
            yield name, f"{number:,}"
    if counts.episodes:
        yield "Looked at", f"{_count(counts.episodes, 'episode')}, {_count(counts.tool_calls, 'tool call')}"
    if run.policy_digest:
        yield "Policy", f"{cell(run.policy_name)} {cell(run.policy_digest)}"
    yield "Exit", str(run.exit_code)
    if run.reason_code:
        yield "Reason", cell(run.reason_code)


def _add_attention(run: RunReport, shape: Shape, budget: _Budget) -> int:
    """Add the rows that need attention, each with its first findings; return how many are left out."""
    found = attention(run.rows, shape.max_rows)
    if not found.total:
        return 0
    closing = "\n</details>\n\n"
    budget.reserve(2 * len(closing) + 200)
    budget.add(f"<details open>\n<summary>{found.total:,} to look at</summary>\n\n")
    shown = 0
    for row in found.rows:
        if not budget.add(_row(row)):
            break
        shown += 1
    budget.reserve(-(2 * len(closing) + 200))
    omitted = found.total - shown
    if omitted:
        where = (
            "run.json lists them all"
            if run.command in ("run", "ci")
            else "`assay validate --format json` lists them all"
        )
        budget.add(f"\n… and {omitted:,} more, not shown here; {where}.\n")
    budget.add(closing)
    return omitted


def _row(row: ResultRow) -> str:
    kind = row.status.replace("_", " ")
    lines = [f"- {_MARKS[row.status]} {kind} {code(row.test_id)}: {code(row.message, _MESSAGE)}\n"]
    ranked = sorted(row.findings, key=lambda finding: _RANK[finding.severity])
    told = set[str]()
    for finding in ranked[:_FINDINGS]:
        lines.append(_finding(finding, with_fix=finding.code not in told))
        told.add(finding.code)
    if len(row.findings) > _FINDINGS:
        lines.append(f"  - … and {_count(len(row.findings) - _FINDINGS, 'more finding')}\n")
    return "".join(lines)


def _finding(finding: Finding, *, with_fix: bool) -> str:
    parts = [code(finding.code)]
    if finding.source is not None:
        line = f":{finding.source.line}" if finding.source.line else ""
        parts.append(f"at {code(finding.source.file + line)}")
    if finding.rule:
        parts.append(f"rule {code(finding.rule)}")
    known = find_code(finding.code, "decision") or find_code(finding.code)
    fix = f"\n    fix: {code(known.remedy, _MESSAGE)}" if known and with_fix else ""
    return f"  - {' '.join(parts)}: {code(finding.message, _MESSAGE)}{fix}\n"


def _rules_title(rules: Iterable[RuleSummary]) -> str:
    """Return the counts of the rules by what became of them, worst first."""
    decided = [rule for rule in rules if rule.decided_by == "trace"]
    violated = sum(rule.violated > 0 for rule in decided)
    held = sum(rule.held > 0 and not rule.violated for rule in decided)
    idle = sum(not (rule.held or rule.violated or rule.open) for rule in decided)
    return f"Policy rules: {violated} violated, {held} held, {idle} not exercised"


def _rules(run: RunReport) -> Iterator[str]:
    """Yield the table of the rules, violated ones first, then what the policy leaves open."""
    if not run.rules:
        return
    ranked = sorted(run.rules, key=lambda rule: (not rule.violated, rule.decided_by != "trace", rule.rule))
    lines = [_rule(rule) for rule in ranked[:_RULES]]
    yield "| Rule | Held | Violated | Not exercised | Open | Decided by |\n|:--|--:|--:|--:|--:|:--|\n"
    yield from _with_rest(lines, len(ranked), "rules")
    if run.unrestricted:
        yield f"\nNot restricted by this policy: {', '.join(map(code, run.unrestricted[:_RULES]))}\n"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _rule(rule: RuleSummary) -> str:
    numbers = f"{rule.held} | {rule.violated} | {rule.not_exercised} | {rule.open}"
    return f"| {cell(rule.rule)} | {numbers} | {cell(rule.decided_by)} |\n"


def _notice(notice: Notice) -> str:
    place = f" {code(str(notice.place))}" if notice.place else ""
    return f"- {code(notice.code)}{place}: {code(notice.message, _MESSAGE)}\n"


def _with_rest(lines: list[str], total: int, what: str) -> Iterator[str]:
    yield from lines
    if total > len(lines):
        yield f"\n… and {total - len(lines):,} more {what}\n"


def _add_block(budget: _Budget, title: str, parts: Iterable[str]) -> None:
    """Add a folded block, whole or not at all."""
    body = "".join(parts)
    if body:
        budget.add(f"<details>\n<summary>{title}</summary>\n\n{body}\n</details>\n\n")


def _footer(run: RunReport) -> str:
    seeds = run.seeds
    line = (
        f"seed_version={seeds.seed_version} order_seed={seeds.order_seed or '—'} judge_seed={seeds.judge_seed or '—'}"
    )
    return f"Seeds: {code(line)}\n\nassay {code(run.provenance.assay_version)}\n"
