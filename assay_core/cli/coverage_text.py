"""Coverage for people in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assay_core.analysis.coverage.report import state_of
from assay_core.commandline.output import paint
from assay_core.commandline.visible import excerpt

if TYPE_CHECKING:
    from assay_core.analysis.coverage import CoverageReport, Route, SchemaCoverage, ToolReport
    from assay_core.cli.coverage_command import Covered

__all__ = ["STATES", "branch_words", "count_of", "policy_text", "ranked", "tools_text"]

_SHOWN = 20
_NAME = 120
STATES = (("violated", "violated"), ("held", "held"), ("open", "not settled"), ("not_exercised", "not exercised"))


def policy_text(covered: Covered, *, color: bool) -> str:
    """Return the report of a policy's coverage."""
    report = covered.report
    lines = [
        f"{_name(covered.policy)} by {_listing(covered.traces, limit=3)} "
        f"({count_of(report.episodes, 'episode')}, {count_of(report.calls, 'tool call')})",
        "",
        *_figures(report),
        *_rules(report),
        *_tools(report),
        *_gaps(report),
        *_branches(report.schemas),
        *_routes(report.routes, covered.routes_top, report.routes_left_out),
        *_findings(report, color=color),
        "",
    ]
    if covered.reasons:
        lines += [
            f"{paint('FAIL', 'red', color=color)} {reason.code}: {_name(reason.message, 400)}"
            for reason in covered.reasons
        ]
    else:
        lines.append(f"{paint('PASS', 'green', color=color)}: overall coverage {report.overall_pct:.2f} %")
    lines += [
        f"  {change.metric}: {change.before:g} % -> {change.after:g} % ({change.delta:+.2f})"
        for change in covered.changes
    ]
    return "\n".join(lines) + "\n"


def tools_text(tools: ToolReport, *, routes_top: int) -> str:
    """Return the report of tools without a policy."""
    calls = sum(tools.calls.values())
    lines = [f"{count_of(calls, 'tool call')} of {count_of(len(tools.seen), 'tool')}; there is no policy to measure"]
    for title, names in (
        ("tools", tools.seen),
        ("called, not declared", tools.unknown),
        ("declared, never called", tools.unused),
        ("classes", tools.classes_seen),
        ("without a class", tools.without_class),
    ):
        lines += _block(title, names)
    lines += _routes(tools.routes, routes_top, 0)
    return "\n".join(lines) + "\n"


def ranked(routes: Sequence[Route], top: int) -> list[Route]:
    """Return the most frequent routes."""
    return sorted(routes, key=lambda route: (-route.count, route.source, route.target))[:top]


def branch_words(schema: SchemaCoverage) -> Iterator[str]:
    """Yield what of a schema no call reached, as people would say it."""
    for branch in schema.unreached:
        words = {
            "property": f"property {branch.detail}",
            "enum": f"value {branch.detail}",
            "type": f"type {branch.detail}",
            "if": "the condition never held" if branch.detail == "then" else "the condition always held",
            "items": "no element",
            "dependency": f"property {branch.detail}",
        }.get(branch.kind, "never taken")
        yield f"{branch.pointer} ({words})"


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _figures(report: CoverageReport) -> Iterator[str]:
    called, exercised = len(report.tools) - len(report.unseen_tools), len(report.rules) - len(report.untriggered_rules)
    yield f"tools     {report.tool_pct:6.2f} %  {called} of {len(report.tools)} named in the policy were called"
    yield f"rules     {report.rule_pct:6.2f} %  {exercised} of {len(report.rules)} were exercised"
    yield f"overall   {report.overall_pct:6.2f} %"
    if report.branches:
        share = 100 * report.branches_reached / report.branches
        yield f"schemas   {share:6.2f} %  {report.branches_reached} of {report.branches} branches were reached"


def _rules(report: CoverageReport) -> Iterator[str]:
    counted = set(report.rules)
    for state, words in STATES:
        names = [
            each.rule
            for each in report.rule_states
            if each.decided_by == "trace" and state_of(each) == state and (each.rule in counted or state == "violated")
        ]
        yield from _block(f"rules {words}", names)
    elsewhere = [f"{each.rule} ({each.decided_by})" for each in report.rule_states if each.decided_by != "trace"]
    yield from _block("rules decided elsewhere", elsewhere)


def _tools(report: CoverageReport) -> Iterator[str]:
    yield from _block("tools never called", report.unseen_tools)
    yield from _block("tools called that the policy does not name", report.unexpected_tools)


def _gaps(report: CoverageReport) -> Iterator[str]:
    yield from _block("high-risk gaps", [f"{gap.tool}: {gap.reason}" for gap in report.gaps], limit=300)


def _branches(schemas: Sequence[SchemaCoverage]) -> Iterator[str]:
    lines = [f"{each.tool} {words}" for each in schemas if each.calls for words in branch_words(each)]
    yield from _block("schema branches never reached", lines, limit=200)
    cut = [each.tool for each in schemas if each.truncated]
    yield from _block("schemas with more branches than are measured", cut)


def _routes(routes: Sequence[Route], top: int, left_out: int) -> Iterator[str]:
    shown = ranked(routes, top)
    if not shown:
        return
    yield ""
    yield f"routes ({len(routes)}{f', and {left_out} calls on others' if left_out else ''})"
    width = len(str(shown[0].count))
    for route in shown:
        yield f"  {route.count:>{width}}  {_name(route.source)} -> {_name(route.target)}"
    if len(routes) > len(shown):
        yield f"  … and {len(routes) - len(shown)} more; --routes-top shows more"


def _findings(report: CoverageReport, *, color: bool) -> Iterator[str]:
    for found, total, word, style in (
        (report.violations, report.violation_count, "error", "red"),
        (report.warnings, report.warning_count, "warning", "yellow"),
    ):
        if found:
            yield ""
        for each in found[:_SHOWN]:
            head = paint(f"{word}[{_name(each.code)}]", style, color=color)
            yield f"{head}: {_name(each.reason, 400)} (episode {_name(each.trace_id)})"
        if total > _SHOWN:
            yield f"… and {total - _SHOWN} more {word}s; --format json lists them"


def _block(title: str, names: Sequence[str], limit: int = _NAME) -> Iterator[str]:
    if not names:
        return
    yield ""
    yield f"{title} ({len(names)})"
    yield from (f"  {_name(name, limit)}" for name in names[:_SHOWN])
    if len(names) > _SHOWN:
        yield f"  … and {len(names) - _SHOWN} more; --format json lists them"


def _listing(names: Sequence[str], limit: int) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(_name(name) for name in names[:limit]) + more


def _name(text: str, limit: int = _NAME) -> str:
    return excerpt(text, limit)
