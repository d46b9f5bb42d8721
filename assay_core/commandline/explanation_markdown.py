"""An explanation as Markdown in which nothing that was recorded is markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from assay_core.analysis.explanation import Evaluation, ExplainedStep, Explanation
from assay_core.commandline.explanation_parts import (
    MARKS,
    PatchView,
    arguments,
    broken_line,
    fix_of,
    patches_of,
    place_of,
    state_line,
    totals,
)
from assay_core.commandline.visible import excerpt
from assay_core.model import ResultRow

if TYPE_CHECKING:
    from assay_core.analysis.explained import Explained
    from assay_core.analysis.repair.from_denials import Proposal

__all__ = ["explained_markdown"]

# Everything that Markdown, its tables, its formulas, mentions or links could read, as a character reference.
_MARKUP = re.compile(r"[&<>\"'`*_{}\[\]#+!|~@:$^\\]|(?<=www)\.|^[-=\s]+|^\d+(?=[.)](?:\s|$))")
_FENCE = re.compile("`{3,}")


def escaped(text: str, limit: int = 400) -> str:
    """Return text that is shown as it is: one line, nothing of it markup, mention or link."""
    shown = excerpt(text, limit)
    return _MARKUP.sub(lambda found: "".join(f"&#{ord(each)};" for each in found.group()), shown)


def explained_markdown(explained: Explained) -> str:
    """Return the whole answer as Markdown."""
    return "".join(f"{line}\n" for line in _lines(explained))


def _lines(explained: Explained) -> Iterator[str]:
    told = explained.trace
    verdict = "blocked" if explained.exit_code == 1 else "allowed" if not explained.exit_code else "not evaluated"
    yield f"# Explanation: {verdict}"
    yield ""
    if told is not None:
        yield f"- Policy: {escaped(told.policy_name)} (v{escaped(told.policy_version)})"
    yield f"- Trace: {escaped(explained.trace_file)}: {totals(explained)}"
    if told is not None and told.blocking_rules:
        rules = sorted(told.blocking_rules)
        more = f", and {len(rules) - 20} more" if len(rules) > 20 else ""
        yield f"- Blocking rules: {', '.join(escaped(rule, 200) for rule in rules[:20])}{more}"
    if explained.row is not None:
        yield from _test(explained.row)
    for explanation in told.shown if told else ():
        yield from _episode(explanation, explained.proposals)
    if told is not None and told.omitted_steps:
        yield ""
        yield f"{told.omitted_steps:,} steps are not shown, of them {told.omitted_blocked:,} blocked."
    views = list(patches_of(explained))
    if views:
        yield ""
        yield "## Patches"
        yield ""
        yield "Each is the smallest edit that lets its call through. The policy may be right, and the agent wrong."
    for view in views:
        yield from _patch(view, explained.fix_command)
    if explained.not_worked_out:
        yield ""
        yield f"{explained.not_worked_out:,} denials of further kinds: apply, then explain again."


def _test(row: ResultRow) -> Iterator[str]:
    score = "" if row.score is None else f", score {row.score:.4g}"
    yield ""
    yield f"## Test {escaped(row.test_id, 200)}: {row.status}{score}"
    yield ""
    yield escaped(row.message)
    if row.metrics:
        yield ""
        yield "| Check | Outcome | Score |"
        yield "|---|---|---|"
        for metric in row.metrics:
            shown = "" if metric.score is None else f"{metric.score:.4g}"
            yield f"| {escaped(metric.type)} | {metric.outcome.value.replace('_', ' ')} | {shown} |"
    if row.findings:
        yield ""
    for finding in row.findings[:100]:
        source = finding.source
        place = f"{source.file}{f':{source.line}' if source.line else ''} " if source else ""
        yield f"- {escaped(place, 200)}{escaped(finding.code)}: {escaped(finding.message)}"


def _episode(explanation: Explanation, proposals: Mapping[str, Proposal]) -> Iterator[str]:
    yield ""
    yield f"## Episode {escaped(explanation.episode_id, 200)}"
    yield ""
    yield f"{escaped(place_of(explanation))}"
    if explanation.steps:
        yield ""
        yield "| # | Call | Verdict | Why | State before |"
        yield "|---|---|---|---|---|"
        for step in explanation.steps:
            yield _row(step, proposals)
    if explanation.closing:
        yield ""
        yield "At the end:"
        yield ""
        for each in explanation.closing:
            fix = fix_of(explanation.proposals.get(each.rule_id, ""), proposals)
            yield f"- {_why(each)}{f' ({escaped(fix, 600)})' if fix else ''}"
    if not explanation.complete:
        yield ""
        yield "The episode has no end, so rules that wait for it stay open."


def _row(step: ExplainedStep, proposals: Mapping[str, Proposal]) -> str:
    why = [_why(each) for each in step.evaluations if not each.passed]
    if fix := fix_of(step.proposal, proposals):
        why.append(escaped(fix, 600))
    call = escaped(f"{excerpt(step.call.tool, 80)}({arguments(step)})", 300)
    return f"| {step.index} | {call} | {MARKS[step.verdict]} | {'<br>'.join(why)} | {escaped(state_line(step), 600)} |"


def _why(evaluation: Evaluation) -> str:
    reason = f"; reason: {evaluation.reason}" if evaluation.reason else ""
    return escaped(broken_line(evaluation) + reason, 900)


def _patch(view: PatchView, command: str) -> Iterator[str]:
    longest = max((len(found) for line in view.diff for found in _FENCE.findall(line)), default=2)
    fence = "`" * max(3, longest + 1)
    yield ""
    yield f"### {escaped(view.patch.id, 200)}"
    yield ""
    yield escaped(view.patch.title)
    yield ""
    yield f"- {escaped(view.allows_line, 1500)}"
    if view.denies_line:
        yield f"- {escaped(view.denies_line, 1500)}"
    yield f"- apply it with: {escaped(f'{command} {view.patch.id}', 600)}"
    yield ""
    yield f"{fence}diff"
    yield from view.diff
    yield fence
