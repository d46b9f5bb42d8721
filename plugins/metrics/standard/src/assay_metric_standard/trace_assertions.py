"""`assert.trace_*`: what the recorded episode does, by tool names and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, JsonObject, MetricResult, Step, ToolCall
from assay_metric_standard.names import Operands, aliases_of, refuse_empty_names
from assay_metric_standard.preparing import Deterministic, EachEpisode, options_of, refuse, vacuous
from assay_metric_standard.verdict import finding_at, held, quoted, violated

__all__ = [
    "MaxStepsOptions",
    "MustCallOptions",
    "MustNotCallOptions",
    "ToolSequenceOptions",
    "TraceMaxSteps",
    "TraceMustCallTool",
    "TraceMustNotCallTool",
    "TraceToolSequence",
]

_CODE = "E_TRACE_ASSERT_FAIL"


@attrs.frozen(kw_only=True)
class MustCallOptions:
    """Options of `trace_must_call_tool`."""

    tool: str  # a name, a pattern (`*`, `?`), or an alias of the policy
    min_calls: int = 1


@attrs.frozen(kw_only=True)
class MustNotCallOptions:
    """Options of `trace_must_not_call_tool`."""

    tool: str  # a name, a pattern (`*`, `?`), or an alias of the policy


@attrs.frozen(kw_only=True)
class ToolSequenceOptions:
    """Options of `trace_tool_sequence`."""

    sequence: tuple[str, ...]  # names, patterns or aliases, in order
    allow_other_tools: bool  # False: these calls and no other; True: these calls in this order, others between


@attrs.frozen(kw_only=True)
class MaxStepsOptions:
    """Options of `trace_max_steps`."""

    max: int


class TraceMustCallTool(Deterministic):
    """The episode calls a tool, at least so often."""

    types: Mapping[str, type[object]] = {"assert.trace_must_call_tool": MustCallOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Refuse a minimum of none."""
        options = options_of(expectation, MustCallOptions)
        refuse_empty_names(expectation, "tool", (options.tool,))
        if options.min_calls < 1:
            raise vacuous(expectation, f"min_calls: {options.min_calls} holds for every episode", "write at least 1")
        wanted = Operands((options.tool,), aliases_of(context))

        def judge(episode: Episode) -> MetricResult:
            calls = sum(wanted.means(0, call.tool) for call in episode.tool_calls)
            if calls >= options.min_calls:
                return held(calls=calls)
            message = f"expected at least {options.min_calls} call(s) of {quoted(options.tool)}, found {calls}"
            return _failed(episode, message, {"calls": calls})

        return EachEpisode(judge)


class TraceMustNotCallTool(Deterministic):
    """The episode never calls a tool."""

    types: Mapping[str, type[object]] = {"assert.trace_must_not_call_tool": MustNotCallOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Take the tool."""
        tool = options_of(expectation, MustNotCallOptions).tool
        refuse_empty_names(expectation, "tool", (tool,))
        forbidden = Operands((tool,), aliases_of(context))

        def judge(episode: Episode) -> MetricResult:
            calls = [call for call in episode.tool_calls if forbidden.means(0, call.tool)]
            if not calls:
                return held()
            first = calls[0]
            message = f"the tool {quoted(first.tool)} is called, {len(calls)} time(s), first as call {first.index}"
            return _failed(
                episode, message, {"failing_tool": first.tool, "failing_call_index": first.index}, call=first
            )

        return EachEpisode(judge)


class TraceToolSequence(Deterministic):
    """The episode calls some tools in this order."""

    types: Mapping[str, type[object]] = {"assert.trace_tool_sequence": ToolSequenceOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Refuse an empty sequence with other tools allowed; alone it means that no tool is called at all."""
        options = options_of(expectation, ToolSequenceOptions)
        if options.sequence or options.allow_other_tools:
            refuse_empty_names(expectation, "sequence", options.sequence)
        wanted = Operands(options.sequence, aliases_of(context))
        find = subsequence_fault if options.allow_other_tools else exact_fault

        def judge(episode: Episode) -> MetricResult:
            fault = find(wanted, episode.tool_calls)
            if fault is None:
                return held()
            message, call = fault
            return _failed(episode, message, {"expected": list(options.sequence)}, call=call)

        return EachEpisode(judge)


class TraceMaxSteps(Deterministic):
    """The episode takes at most so many steps.

    Steps are the recorded `step` events; an episode that records none takes one per tool call.
    """

    types: Mapping[str, type[object]] = {"assert.trace_max_steps": MaxStepsOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:  # noqa: ARG002 - contract
        """Refuse a negative number."""
        most = options_of(expectation, MaxStepsOptions).max
        if most < 0:
            raise refuse(expectation, f"max: {most} is negative")

        def judge(episode: Episode) -> MetricResult:
            steps = sum(type(event) is Step for event in episode.events) or len(episode.tool_calls)
            if steps <= most:
                return held(steps=steps)
            return _failed(episode, f"expected at most {most} step(s), found {steps}", {"steps": steps})

        return EachEpisode(judge)


def exact_fault(wanted: Operands, calls: Sequence[ToolCall]) -> tuple[str, ToolCall | None] | None:
    """Return the first difference between the calls and a sequence that allows nothing else; None for none."""
    for index, text in enumerate(wanted.texts):
        if index == len(calls):
            missing = len(wanted.texts) - len(calls)
            return f"missing {quoted(text)} at index {index}: {missing} call(s) fewer than expected", None
        if not wanted.means(index, calls[index].tool):
            found = quoted(calls[index].tool)
            return f"expected {quoted(text)} at index {index}, found {found}", calls[index]
    if len(calls) > len(wanted.texts):
        extra = calls[len(wanted.texts)]
        return f"unexpected {quoted(extra.tool)} at index {len(wanted.texts)}, after the sequence", extra
    return None


def subsequence_fault(wanted: Operands, calls: Sequence[ToolCall]) -> tuple[str, ToolCall | None] | None:
    """Return which element of a sequence that allows other calls between is missing first; None for none."""
    reached = 0
    for call in calls:
        if reached < len(wanted.texts) and wanted.means(reached, call.tool):
            reached += 1
    if reached == len(wanted.texts):
        return None
    before = f" after {quoted(wanted.texts[reached - 1])}" if reached else ""
    return f"{quoted(wanted.texts[reached])} is not called{before}", None


def _failed(episode: Episode, message: str, context: JsonObject, *, call: ToolCall | None = None) -> MetricResult:
    return violated(message, [finding_at(episode, _CODE, message, rule="assertions", call=call)], context=context)
