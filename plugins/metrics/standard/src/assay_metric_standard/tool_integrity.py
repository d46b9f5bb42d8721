"""`tool_description_integrity`: tools are what they were when somebody looked at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, JsonValue, MetricResult
from assay_metric_standard.definitions import Definition, by_name, recorded_definitions, recorded_snapshots
from assay_metric_standard.preparing import Deterministic, EachEpisode, options_of, refuse, vacuous
from assay_metric_standard.verdict import finding_at, held, not_applicable, quoted, violated

__all__ = ["PinnedTool", "ToolDescriptionIntegrity", "ToolIntegrityOptions"]

_RULE = "tool_description_integrity"
_HEX = frozenset("0123456789abcdef")


@attrs.frozen(kw_only=True)
class PinnedTool:
    """What one tool must be."""

    name: str
    description: str | None = None  # None: any
    schema_sha256: str | None = None  # 64 hexadecimal digits over the RFC 8785 bytes of the input schema; None: any


@attrs.frozen(kw_only=True)
class ToolIntegrityOptions:
    """Options of `tool_description_integrity`. Without pins, recorded snapshots are compared with the first one."""

    pinned_tools: tuple[PinnedTool, ...] | None = None


class ToolDescriptionIntegrity(Deterministic):
    """Recorded tool definitions equal the pins; or, without pins, they do not change within the episode."""

    types: Mapping[str, type[object]] = {"tool_description_integrity": ToolIntegrityOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:  # noqa: ARG002 - contract
        """Check the pins' form; refuse a list of pins that is written out and empty."""
        pins = options_of(expectation, ToolIntegrityOptions).pinned_tools
        if pins is None:
            return EachEpisode(_judge_snapshots)
        if not pins:
            raise vacuous(expectation, "pinned_tools is empty", "pin a tool, or drop the key to compare snapshots")
        names = [pin.name for pin in pins]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise refuse(expectation, f"the tool {twice[0]!r} is pinned twice")
        for pin in pins:
            if pin.schema_sha256 is not None and not _is_digest(pin.schema_sha256):
                raise refuse(expectation, f"schema_sha256 of the pin {pin.name!r} is not 64 hexadecimal digits")
        return EachEpisode(lambda episode: _judge_pins(episode, pins))


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text.lower()) <= _HEX


def _judge_pins(episode: Episode, pins: tuple[PinnedTool, ...]) -> MetricResult:
    definitions = recorded_definitions(episode)
    if definitions is None:
        return not_applicable("the trace records no tool definitions")
    found = by_name(definitions)
    return _result(episode, [fault for pin in pins for fault in _against_pin(pin, found.get(pin.name, ()))])


def _against_pin(pin: PinnedTool, definitions: tuple[Definition, ...]) -> Iterator[Mapping[str, JsonValue]]:
    """Yield what differs. Where several servers announce the name, each of them has to be the pinned tool."""
    if not definitions:
        message = f"the pinned tool {quoted(pin.name)} is not among the recorded definitions"
        yield {"code": "E_TOOL_NOT_FOUND", "tool": pin.name, "message": message}
    for each in definitions:
        if pin.description is not None and each.description != pin.description:
            yield {
                "code": "E_TOOL_DESCRIPTION_MISMATCH",
                "tool": pin.name,
                "message": f"the description of {quoted(pin.name)} is not the pinned one: "
                f"expected {quoted(pin.description)}, found {quoted(each.description)}",
                "expected": pin.description,
                "actual": each.description,
            }
        if pin.schema_sha256 is not None and each.schema_sha256 != pin.schema_sha256.lower():
            yield {
                "code": "E_TOOL_SCHEMA_MISMATCH",
                "tool": pin.name,
                "message": f"the input schema of {quoted(pin.name)} is not the pinned one: "
                f"expected {pin.schema_sha256.lower()}, found {each.schema_sha256 or 'no schema'}",
                "expected_sha256": pin.schema_sha256.lower(),
                "actual_sha256": each.schema_sha256,
            }


def _judge_snapshots(episode: Episode) -> MetricResult:
    snapshots = recorded_snapshots(episode)
    if len(snapshots) < 2:
        return not_applicable("the trace records fewer than two snapshots of the tool definitions")
    first = {name: group[0] for name, group in by_name(snapshots[0]).items()}
    faults = [
        fault
        for number, snapshot in enumerate(snapshots[1:], start=1)
        for each in snapshot
        if each.name in first
        for fault in _against_first(first[each.name], each, number)
    ]
    return _result(episode, faults)


def _against_first(first: Definition, later: Definition, number: int) -> Iterator[Mapping[str, JsonValue]]:
    for field, code, changed in (
        ("description", "E_TOOL_DESCRIPTION_MUTATED", later.description != first.description),
        ("input_schema", "E_TOOL_SCHEMA_MUTATED", later.schema_sha256 != first.schema_sha256),
    ):
        if changed:
            message = f"the {field} of {quoted(later.name)} in snapshot {number} is not that of the first snapshot"
            yield {"code": code, "tool": later.name, "message": message, "snapshot": number, "field": field}


def _result(episode: Episode, faults: list[Mapping[str, JsonValue]]) -> MetricResult:
    if not faults:
        return held()
    findings = [
        attrs.evolve(
            finding_at(episode, str(fault["code"]), str(fault["message"]), rule=_RULE), tool=str(fault["tool"])
        )
        for fault in faults
    ]
    return violated(f"{_RULE}: {len(faults)} violation(s)", findings, faults)
