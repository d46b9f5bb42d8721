"""Coverage in Markdown, and folded for GitHub. Every name in it is hostile and stands in a code span."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assay_core.analysis.coverage.report import state_of
from assay_core.cli.coverage_text import STATES, branch_words, count_of, ranked
from assay_core.commandline.markdown import cell, code

if TYPE_CHECKING:
    from assay_core.analysis.coverage import CoverageReport, PolicyFinding, Route, ToolReport
    from assay_core.cli.coverage_command import Covered

__all__ = ["policy_markdown", "tools_markdown"]

_SHOWN = 50
_STATE_WORDS = dict(STATES)


def policy_markdown(covered: Covered, *, folded: bool) -> str:
    """Return the report of a policy's coverage.

    Args:
        covered: The coverage.
        folded: Whether long lists are folded, as GitHub shows `<details>`.
    """
    report = covered.report
    traces = ", ".join(code(name) for name in covered.traces[:3])
    more = f" and {len(covered.traces) - 3} more" if len(covered.traces) > 3 else ""
    parts = [
        "# Coverage\n",
        f"{'❌' if covered.reasons else '✅'} {code(covered.policy)} by {traces}{more}: "
        f"{count_of(report.episodes, 'episode')}, {count_of(report.calls, 'tool call')}.\n",
        *(f"- **{reason.code}**: {code(reason.message, 400)}\n" for reason in covered.reasons),
        _table(("Figure", "Coverage", "Of"), list(_figures(covered))),
    ]
    for title, head, rows in _sections(covered):
        if rows:
            parts.append(_section(title, _table(head, rows[:_SHOWN]), len(rows), folded=folded))
    return "\n".join(parts)


def tools_markdown(tools: ToolReport, *, routes_top: int) -> str:
    """Return the report of tools without a policy."""
    calls = sum(tools.calls.values())
    parts = [f"# Coverage report\n\n{count_of(calls, 'tool call')} of {count_of(len(tools.seen), 'tool')}.\n"]
    parts.append(
        _plain("Tools", [(cell(name), str(tools.calls.get(name, ""))) for name in tools.seen], ("Tool", "Calls"))
    )
    for title, names in (
        ("Unknown tools", tools.unknown),
        ("Tools never called", tools.unused),
        ("Taxonomy missing", tools.without_class),
    ):
        parts.append(_plain(title, [(cell(name),) for name in names], ("Tool",)))
    if routes_top:
        parts.append(_plain("Top routes", list(_routes(tools.routes, routes_top)), ("From", "To", "Count")))
    notes = [(cell(str(each["message"])),) for each in tools.findings()]
    parts.append(_plain("Notes", notes, ("Note",)))
    return "\n".join(parts)


def _figures(covered: Covered) -> Iterator[tuple[str, ...]]:
    report = covered.report
    before = {change.metric: f" (was {change.before:g} %)" for change in covered.changes}
    called = len(report.tools) - len(report.unseen_tools)
    exercised = f"{len(report.rules) - len(report.untriggered_rules)} of {len(report.rules)} were exercised"
    yield "Tools", f"{report.tool_pct:.2f} %{before.get('tool', '')}", f"{called} of {len(report.tools)} were called"
    yield "Rules", f"{report.rule_pct:.2f} %{before.get('rule', '')}", exercised
    yield "Overall", f"{report.overall_pct:.2f} %{before.get('overall', '')}", f"at least {report.threshold:g} %"
    if report.branches:
        share = 100 * report.branches_reached / report.branches
        yield "Schemas", f"{share:.2f} %", f"{report.branches_reached} of {report.branches} branches were reached"


def _sections(covered: Covered) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    report = covered.report
    head = ("Episode", "Tool", "Code", "Reason")
    yield "Violations", head, list(_findings(report.violations))
    gaps: list[tuple[str, ...]] = [(cell(gap.tool), gap.severity, cell(gap.reason)) for gap in report.gaps]
    yield "High-risk gaps", ("Tool", "Severity", "Reason"), gaps
    yield "Rules", ("Rule", "State", "Held", "Violated", "Open", "Not exercised"), list(_rules(report))
    tools = [(cell(name), "never called") for name in report.unseen_tools]
    tools += [(cell(name), "called, not named") for name in report.unexpected_tools]
    yield "Tools", ("Tool", "State"), [*tools]
    branches = [(cell(each.tool), cell(words)) for each in report.schemas if each.calls for words in branch_words(each)]
    yield "Schema branches never reached", ("Tool", "Branch"), [*branches]
    yield "Top routes", ("From", "To", "Count"), list(_routes(report.routes, covered.routes_top))
    yield "Warnings", head, list(_findings(report.warnings))


def _findings(found: Sequence[PolicyFinding]) -> Iterator[tuple[str, ...]]:
    for each in found:
        yield cell(each.trace_id), cell(each.tool), cell(each.code), cell(each.reason)


def _rules(report: CoverageReport) -> Iterator[tuple[str, ...]]:
    for each in report.rule_states:
        if each.decided_by == "trace":
            numbers = map(str, (each.held, each.violated, each.open, each.not_exercised))
            yield (cell(each.rule), _STATE_WORDS[state_of(each)], *numbers)
        else:
            yield (cell(each.rule), f"decided by {cell(each.decided_by)}", "", "", "", "")


def _routes(routes: Sequence[Route], top: int) -> Iterator[tuple[str, ...]]:
    for route in ranked(routes, top):
        yield cell(route.source), cell(route.target), str(route.count)


def _section(title: str, table: str, count: int, *, folded: bool) -> str:
    more = f"\nOnly the first {_SHOWN} of {count}; `--format json` lists all.\n" if count > _SHOWN else ""
    if folded:
        return f"<details><summary>{title} ({count})</summary>\n\n{table}{more}\n</details>\n"
    return f"## {title}\n\n{table}{more}"


def _plain(title: str, rows: Sequence[tuple[str, ...]], head: tuple[str, ...]) -> str:
    return _section(title, _table(head, rows[:_SHOWN]) if rows else "None.\n", len(rows), folded=False)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"
