"""`tool_blocklist`: some tools are never called."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, JsonValue, MetricResult
from assay_metric_standard.names import Operands, aliases_of, refuse_empty_names
from assay_metric_standard.preparing import Deterministic, EachEpisode, options_of
from assay_metric_standard.verdict import finding_at, held, quoted, violated

__all__ = ["ToolBlocklist", "ToolBlocklistOptions"]


@attrs.frozen(kw_only=True)
class ToolBlocklistOptions:
    """Options of `tool_blocklist`."""

    blocked: tuple[str, ...]  # names, patterns (`*`, `?`), or aliases of the policy


class ToolBlocklist(Deterministic):
    """No call of a blocked tool stands in the episode. An episode without calls holds."""

    types: Mapping[str, type[object]] = {"tool_blocklist": ToolBlocklistOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Refuse an empty list."""
        options = options_of(expectation, ToolBlocklistOptions)
        refuse_empty_names(expectation, "blocked", options.blocked)
        blocked = Operands(options.blocked, aliases_of(context))
        return EachEpisode(lambda episode: _judge(episode, blocked))


def _judge(episode: Episode, blocked: Operands) -> MetricResult:
    findings = []
    listed: list[Mapping[str, JsonValue]] = []
    for call in episode.tool_calls:
        operand = blocked.first_meaning(call.tool)
        if operand is None:
            continue
        message = f"Blocked tool called: {quoted(call.tool)}"
        if operand != call.tool:
            message += f" (blocked by {quoted(operand)})"
        findings.append(finding_at(episode, "E_TOOL_BLOCKED", message, rule="tool_blocklist", call=call))
        listed.append({"code": "E_TOOL_BLOCKED", "tool": call.tool, "call_index": call.index, "message": message})
    if not findings:
        return held()
    return violated(findings[0].message, findings, listed)
