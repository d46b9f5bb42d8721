"""Tool calls in a profile: a member of ours, which other readers of the format pass over."""

from __future__ import annotations

from collections.abc import Mapping

from assay_core.analysis.learning.learner import MAX_TOOLS, Learner
from assay_core.analysis.learning.shapes import Shape
from assay_core.analysis.learning.texts import text_list
from assay_core.analysis.learning.tools import ToolFacts
from assay_core.model import JsonObject, JsonValue

__all__ = ["KEY", "tools_of", "tools_state"]

KEY = "x-assay-tools"
_VERSION = 1


def tools_state(learner: Learner, runs: Mapping[str, int]) -> JsonObject:
    """Return what a learner knows of tool calls, as JSON."""
    orders = learner.orders
    tools: dict[str, JsonValue] = {}
    for tool in sorted(learner.tools):
        facts = learner.tools[tool]
        most, reached = orders.reached(tool)
        tools[tool] = {
            "runs_seen": runs.get(tool, 0), "episodes": facts.episodes, "calls": facts.calls, "errors": facts.errors,
            "first": facts.first, "formless": facts.formless, "firsts": orders.always_before(tool),
            "most": most, "most_reached": reached,
            "args": None if facts.formless else facts.shape.state(),
        }  # fmt: skip
    return {
        "version": _VERSION, "episodes": learner.episodes, "calls": learner.calls, "most_calls": orders.most_calls(),
        "denied": dict(sorted(learner.denied.items())), "tools": tools,
    }  # fmt: skip


def tools_of(state: JsonValue) -> tuple[Learner, dict[str, int]]:
    """Return the learner, and tool to runs, that `tools_state` gave.

    Raises:
        KeyError, TypeError, ValueError: it gave no such thing.
    """
    if not isinstance(state, Mapping) or state["version"] != _VERSION:
        raise ValueError("another version")
    tools, denied = state["tools"], state["denied"]
    if not isinstance(tools, Mapping) or not isinstance(denied, Mapping) or len(tools) > MAX_TOOLS:
        raise TypeError("no tools")
    learner, runs = Learner(), dict[str, int]()
    learner.episodes, learner.calls = _whole(state["episodes"]), _whole(state["calls"])
    learner.denied = {tool: _whole(times) for tool, times in denied.items()}
    learner.orders.most = _whole(state["most_calls"])
    for tool, each in tools.items():
        if not isinstance(each, Mapping):
            raise TypeError("no tool")
        runs[tool] = _whole(each["runs_seen"])
        facts = learner.tools[tool] = ToolFacts(
            calls=_whole(each["calls"]), episodes=_whole(each["episodes"]), errors=_whole(each["errors"]),
            first=str(each["first"]), formless=each["formless"] is True or each["args"] is None,
        )  # fmt: skip
        if not facts.formless:
            facts.shape = Shape.from_state(each["args"])
            facts.formless = facts.shape.open or not facts.shape.types <= {"object"}
        learner.orders.recall(
            tool, facts.episodes, text_list(each["firsts"]), _whole(each["most"]), _whole(each["most_reached"])
        )
    return learner, runs


def _whole(value: JsonValue) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("no count")
    return value
