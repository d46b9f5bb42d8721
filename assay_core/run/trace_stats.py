"""What a trace holds, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import attrs

from assay_core.model import Episode, JsonValue, ResourceEvent, ToolCall

__all__ = ["TraceStats", "measure_trace"]


@attrs.define(kw_only=True)
class TraceStats:
    """Counts over all episodes of a trace. Sizes are bytes of the recorded JSON."""

    episodes: int = 0
    incomplete: int = 0  # without an end
    prompts: int = 0  # distinct ones
    events: int = 0
    steps: int = 0
    resource_events: int = 0
    tool_calls: int = 0
    most_calls: int = 0  # in one episode
    tools: Counter[str] = attrs.field(factory=Counter)
    outcomes: Counter[str] = attrs.field(factory=Counter)
    outcomes_of: dict[str, Counter[str]] = attrs.field(factory=dict)  # by tool
    args_bytes: int = 0
    largest_args_bytes: int = 0
    result_bytes: int = 0
    largest_result_bytes: int = 0
    with_definitions: int = 0  # episodes that record what the server announced

    def as_json(self) -> dict[str, JsonValue]:
        """Return the counts with sorted names."""
        return {
            "episodes": self.episodes,
            "incomplete": self.incomplete,
            "distinct_prompts": self.prompts,
            "episodes_with_tool_definitions": self.with_definitions,
            "events": {"tool_calls": self.tool_calls, "steps": self.steps, "resources": self.resource_events},
            "most_calls_of_one_episode": self.most_calls,
            "outcomes": dict(sorted(self.outcomes.items())),
            "tools": {
                tool: {"calls": count, "outcomes": dict(sorted(self.outcomes_of[tool].items()))}
                for tool, count in sorted(self.tools.items())
            },
            "bytes": {
                "args": {"total": self.args_bytes, "largest": self.largest_args_bytes},
                "results": {"total": self.result_bytes, "largest": self.largest_result_bytes},
            },
        }


def measure_trace(episodes: Iterable[Episode]) -> TraceStats:
    """Return the counts of these episodes. Memory grows with the tools and the distinct prompts."""
    stats = TraceStats()
    prompts: set[int] = set()
    for episode in episodes:
        stats.episodes += 1
        stats.incomplete += not episode.complete
        stats.with_definitions += episode.tool_definitions is not None
        if episode.prompt is not None:
            prompts.add(hash(episode.prompt))
        calls = 0
        for event in episode.events:
            if isinstance(event, ToolCall):
                calls += 1
                _add_call(stats, event)
            elif isinstance(event, ResourceEvent):
                stats.resource_events += 1
            else:
                stats.steps += 1
        stats.tool_calls += calls
        stats.most_calls = max(stats.most_calls, calls)
    stats.prompts = len(prompts)
    stats.events = stats.tool_calls + stats.steps + stats.resource_events
    return stats


def _add_call(stats: TraceStats, call: ToolCall) -> None:
    stats.tools[call.tool] += 1
    stats.outcomes[call.outcome] += 1
    stats.outcomes_of.setdefault(call.tool, Counter())[call.outcome] += 1
    args, result = len(call.args_json or b""), len(call.result_json or b"")
    stats.args_bytes += args
    stats.result_bytes += result
    stats.largest_args_bytes = max(stats.largest_args_bytes, args)
    stats.largest_result_bytes = max(stats.largest_result_bytes, result)
