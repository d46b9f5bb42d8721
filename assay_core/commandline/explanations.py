"""An explanation as people read it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from assay_core.analysis.explanation import Evaluation, ExplainedStep, Explanation
from assay_core.commandline.visible import excerpt, sanitise

__all__ = ["explanation_text"]

_SHOWN_ARGS = 3
_ARGUMENT = 40
_MARKS = {"allowed": "ok", "warning": "WARNING", "blocked": "BLOCKED"}


def explanation_text(explanation: Explanation, *, blocked_only: bool = False, max_steps: int | None = None) -> str:
    """Return the steps, one a line, with what broke under them, and what is unmet at the end.

    Hostile names and arguments are made harmless. Lines end with a line feed but for the last.

    Args:
        explanation: What is shown.
        blocked_only: Leave out the calls that nothing speaks against.
        max_steps: The most steps that are shown; those left out are counted.
    """
    return "\n".join(_lines(explanation, blocked_only, max_steps))


def _lines(explanation: Explanation, blocked_only: bool, max_steps: int | None) -> Iterator[str]:
    steps = explanation.steps
    allowed = len(steps) - explanation.blocked
    yield f"Policy: {sanitise(explanation.policy_name)} (v{sanitise(explanation.policy_version)})"
    yield f"Trace: {len(steps)} steps ({allowed} allowed, {explanation.blocked} blocked)"
    shown = [step for step in steps if not blocked_only or step.verdict != "allowed"]
    for step in shown[:max_steps]:
        yield from _step(step)
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


def _step(step: ExplainedStep) -> Iterator[str]:
    yield f"  [{step.index}] {excerpt(step.call.tool, 80)}({_arguments(step)}) {_MARKS[step.verdict]}"
    for each in step.evaluations:
        if not each.passed:
            yield from _broken(each)


def _broken(evaluation: Evaluation) -> Iterator[str]:
    armed = "" if evaluation.armed_by is None else f", since call [{evaluation.armed_by}]"
    yield f"      {evaluation.code} {excerpt(evaluation.rule_id, 200)}: {excerpt(evaluation.explanation, 400)}{armed}"
    if evaluation.reason:
        yield f"      reason: {excerpt(evaluation.reason, 400)}"


def _arguments(step: ExplainedStep) -> str:
    try:
        args = step.call.args
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "arguments that are no JSON"
    if not isinstance(args, dict):
        return excerpt(msgspec.json.encode(args).decode(), _ARGUMENT)
    parts = [
        f"{excerpt(key, _ARGUMENT)}={excerpt(msgspec.json.encode(value).decode(), _ARGUMENT)}"
        for key, value in list(args.items())[:_SHOWN_ARGS]
    ]
    return ", ".join([*parts, "…"] if len(args) > _SHOWN_ARGS else parts)
