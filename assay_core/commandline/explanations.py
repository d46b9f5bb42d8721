"""An explanation as people read it on a terminal."""

from __future__ import annotations

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
from assay_core.commandline.output import paint
from assay_core.commandline.visible import excerpt, sanitise
from assay_core.model import ResultRow

if TYPE_CHECKING:
    from assay_core.analysis.explained import Explained
    from assay_core.analysis.repair.from_denials import Proposal

__all__ = ["explained_text", "explanation_text"]

_STYLES = {"allowed": "green", "warning": "yellow", "blocked": "red"}
_SHOWN_FINDINGS = 100


def explanation_text(explanation: Explanation, *, blocked_only: bool = False, max_steps: int | None = None) -> str:
    """Return the steps, one a line, with what broke under them, and what is unmet at the end.

    Hostile names and arguments are made harmless. Lines end with a line feed but for the last.

    Args:
        explanation: What is shown.
        blocked_only: Leave out the calls that nothing speaks against.
        max_steps: The most steps that are shown; those left out are counted.
    """
    return "\n".join(_lines(explanation, blocked_only, max_steps))


def explained_text(explained: Explained, *, verbose: bool = False, color: bool = False) -> str:
    """Return the whole answer: totals, episodes step by step, the test, patches, the verdict.

    Args:
        explained: What is shown.
        verbose: Also the rules that held, and the state that allowed calls met.
        color: Whether to write ANSI colours.
    """
    writer = _Writer(explained.proposals, verbose=verbose, color=color)
    return "".join(f"{line}\n" for line in writer.lines(explained))


class _Writer:
    """Writes one answer."""

    def __init__(self, proposals: Mapping[str, Proposal], *, verbose: bool, color: bool) -> None:
        self._proposals = proposals
        self._verbose = verbose
        self._color = color

    def lines(self, explained: Explained) -> Iterator[str]:
        """Yield every line."""
        told = explained.trace
        if told is not None:
            yield f"Policy: {sanitise(told.policy_name)} (v{sanitise(told.policy_version)})"
        yield f"Trace: {sanitise(explained.trace_file)}: {totals(explained)}"
        if explained.row is not None:
            yield from self._test(explained.row)
        for explanation in told.shown if told else ():
            yield ""
            yield from self._episode(explanation)
        if told is not None:
            if told.omitted_blocked:
                yield f"… {told.omitted_blocked:,} further blocked steps are not shown; --limit all shows them"
            elif told.omitted_steps and not told.blocked and not told.shown:
                yield "All steps allowed"
            elif told.omitted_steps:
                yield f"… {told.omitted_steps:,} allowed steps are not shown"
        yield from self._patches(explained)
        if told is not None and told.blocking_rules:
            rules = sorted(told.blocking_rules)
            more = f", and {len(rules) - 20} more" if len(rules) > 20 else ""
            yield f"Blocking rules: {', '.join(excerpt(rule, 200) for rule in rules[:20])}{more}"

    def _test(self, row: ResultRow) -> Iterator[str]:
        style = {"pass": "green", "fail": "red"}.get(row.status, "yellow")
        score = "" if row.score is None else f", score {row.score:.4g}"
        status = paint(row.status, style, color=self._color)
        yield f"Test: {excerpt(row.test_id, 200)}: {status}{score}: {excerpt(row.message, 400)}"
        for metric in row.metrics:
            shown = "" if metric.score is None else f", score {metric.score:.4g}"
            yield f"  {sanitise(metric.type)}: {metric.outcome.value.replace('_', ' ')}{shown}"
        for finding in row.findings[:_SHOWN_FINDINGS]:
            place = ""
            if finding.source:
                place = finding.source.file + (f":{finding.source.line}" if finding.source.line else "") + ": "
            yield f"  {excerpt(place, 200)}{sanitise(finding.code)}: {excerpt(finding.message, 400)}"
        if len(row.findings) > _SHOWN_FINDINGS:
            yield f"  … and {len(row.findings) - _SHOWN_FINDINGS} more findings"

    def _episode(self, explanation: Explanation) -> Iterator[str]:
        yield f"Episode {excerpt(explanation.episode_id, 200)} ({place_of(explanation)})"
        for step in explanation.steps:
            yield from self._step(step)
        if explanation.closing:
            yield "  At the end:"
            for each in explanation.closing:
                yield from _broken(each)
                if line := fix_of(explanation.proposals.get(each.rule_id, ""), self._proposals):
                    yield f"      {line}"
        if not explanation.complete:
            yield "  The episode has no end, so rules that wait for it stay open."

    def _step(self, step: ExplainedStep) -> Iterator[str]:
        mark = paint(MARKS[step.verdict], _STYLES[step.verdict], color=self._color)
        line = f" line {step.call.line}" if step.call.line and step.verdict != "allowed" else ""
        yield f"  [{step.index}] {excerpt(step.call.tool, 80)}({arguments(step)}) {mark}{line}"
        for each in step.evaluations:
            if not each.passed:
                yield from _broken(each)
            elif self._verbose:
                yield f"      held {excerpt(each.rule_id, 200)}: {excerpt(each.explanation, 200)}"
        if step.state and (self._verbose or step.verdict == "blocked"):
            yield f"      state: {state_line(step)}"
        if line := fix_of(step.proposal, self._proposals):
            yield f"      {line}"

    def _patches(self, explained: Explained) -> Iterator[str]:
        views = list(patches_of(explained))
        if views:
            yield ""
            yield "Patches: each is the smallest edit that lets its call through."
            yield "The policy may be right, and the agent wrong."
        for view in views:
            yield from self._patch(view)
        if explained.not_worked_out:
            yield f"… {explained.not_worked_out:,} denials of further kinds: apply, then explain again"
        if views:
            yield ""
            yield f"Apply one with: {sanitise(explained.fix_command)} {views[0].patch.id}"

    def _patch(self, view: PatchView) -> Iterator[str]:
        yield ""
        yield f"{paint(view.patch.id, 'bold', color=self._color)}: {excerpt(view.patch.title, 300)}"
        yield f"  {view.allows_line}"
        if view.denies_line:
            yield f"  {view.denies_line}"
        for line in view.diff:
            style = {"+": "green", "-": "red"}.get(line[:1])
            yield "    " + (paint(line, style, color=self._color) if style else line)


def _lines(explanation: Explanation, blocked_only: bool, max_steps: int | None) -> Iterator[str]:
    steps = explanation.steps
    allowed = explanation.total - explanation.blocked
    yield f"Policy: {sanitise(explanation.policy_name)} (v{sanitise(explanation.policy_version)})"
    yield f"Trace: {explanation.total} steps ({allowed} allowed, {explanation.blocked} blocked)"
    shown = [step for step in steps if not blocked_only or step.verdict != "allowed"]
    for step in shown[:max_steps]:
        yield from _plain_step(step)
    if max_steps is not None and len(shown) > max_steps:
        yield f"  … and {len(shown) - max_steps} more"
    if explanation.closing:
        yield "At the end:"
        for each in explanation.closing:
            yield from _broken(each)
    if not explanation.complete:
        yield "The episode has no end, so rules that wait for it stay open."
    if explanation.blocking_rules:
        yield f"Blocking rules: {', '.join(excerpt(rule, 200) for rule in explanation.blocking_rules)}"


def _plain_step(step: ExplainedStep) -> Iterator[str]:
    yield f"  [{step.index}] {excerpt(step.call.tool, 80)}({arguments(step)}) {MARKS[step.verdict]}"
    for each in step.evaluations:
        if not each.passed:
            yield from _broken(each)


def _broken(evaluation: Evaluation) -> Iterator[str]:
    yield f"      {broken_line(evaluation)}"
    if evaluation.reason:
        yield f"      reason: {excerpt(evaluation.reason, 400)}"
