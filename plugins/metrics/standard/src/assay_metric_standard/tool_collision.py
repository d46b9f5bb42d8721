"""`tool_collision_detect`: no two servers offer a tool of the same name."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, JsonValue, MetricResult
from assay_metric_standard.definitions import Definition, by_name, recorded_definitions
from assay_metric_standard.preparing import Deterministic, EachEpisode, options_of
from assay_metric_standard.verdict import finding_at, held, not_applicable, quoted, violated

__all__ = ["ToolCollisionDetect", "ToolCollisionOptions"]

_CODE = "E_TOOL_COLLISION"


@attrs.frozen(kw_only=True)
class ToolCollisionOptions:
    """Options of `tool_collision_detect`."""

    trusted_servers: tuple[str, ...] = ()  # a collision among these alone is none


class ToolCollisionDetect(Deterministic):
    """Every tool name in the recorded definitions has one origin.

    The same known server counts once however often it announces the tool; each unknown origin counts by itself.
    """

    types: Mapping[str, type[object]] = {"tool_collision_detect": ToolCollisionOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:  # noqa: ARG002 - contract
        """Take the trusted servers."""
        trusted = frozenset(options_of(expectation, ToolCollisionOptions).trusted_servers)
        return EachEpisode(lambda episode: _judge(episode, trusted))


def _judge(episode: Episode, trusted: frozenset[str]) -> MetricResult:
    definitions = recorded_definitions(episode)
    if not definitions:
        return not_applicable("the trace records no tool definitions")
    findings = []
    listed: list[Mapping[str, JsonValue]] = []
    for tool, group in sorted(by_name(definitions).items()):
        origins = _origins(group)
        if len(origins) < 2 or (trusted and all(each in trusted for each in origins)):
            continue
        servers: list[JsonValue] = list(origins)
        listed.append({"tool": tool, "code": _CODE, "servers": servers, "count": len(origins)})
        shown = ", ".join("an unknown server" if each is None else quoted(each) for each in origins)
        message = f"{len(origins)} origins offer the tool {quoted(tool)}: {shown}"
        findings.append(attrs.evolve(finding_at(episode, _CODE, message, rule="tool_collision_detect"), tool=tool))
    if not findings:
        return held()
    return violated(f"tool_collision_detect: {len(findings)} collision(s)", findings, listed)


def _origins(group: tuple[Definition, ...]) -> tuple[str | None, ...]:
    """Return each known server once, sorted, then one None per definition of unknown origin."""
    known: list[str | None] = [*sorted({each.server for each in group if each.server is not None})]
    return (*known, *(None for each in group if each.server is None))
