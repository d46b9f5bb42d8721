"""`tool_output_valid`: what tools answered fits their schemas."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, Finding, JsonObject, JsonValue, MetricResult
from assay_core.policy import CompiledSchema
from assay_metric_standard.preparing import Deterministic, EachEpisode, options_of
from assay_metric_standard.schema_map import compile_schema_map
from assay_metric_standard.verdict import finding_at, held, not_applicable, violated

__all__ = ["ToolOutputOptions", "ToolOutputValid"]

_CODE = "E_OUTPUT_SCHEMA_VIOLATION"


@attrs.frozen(kw_only=True)
class ToolOutputOptions:
    """Options of `tool_output_valid`."""

    schemas: JsonObject = attrs.field(factory=dict)  # exact tool name to the JSON Schema of its result


class ToolOutputValid(Deterministic):
    """The result of every successful call of a tool that has a schema here fits that schema."""

    types: Mapping[str, type[object]] = {"tool_output_valid": ToolOutputOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:  # noqa: ARG002 - contract
        """Compile the schemas; refuse an empty mapping and a bare schema."""
        schemas = compile_schema_map(expectation, "schemas", options_of(expectation, ToolOutputOptions).schemas)
        return EachEpisode(lambda episode: _judge(episode, schemas))


def _judge(episode: Episode, schemas: Mapping[str, CompiledSchema]) -> MetricResult:
    findings: list[Finding] = []
    listed: list[Mapping[str, JsonValue]] = []
    checked = 0
    for call in episode.tool_calls:
        schema = schemas.get(call.tool)
        if schema is None or call.result_json is None or call.error is not None:
            continue
        checked += 1
        result = call.result
        if schema.is_valid(result):
            continue
        found = schema.violations(result)
        findings.extend(
            finding_at(
                episode,
                _CODE,
                f"the result of the tool does not fit its schema: {each.message} (result{each.pointer})",
                rule="tool_output_valid",
                call=call,
            )
            for each in found
        )
        errors: JsonValue = [f"{each.pointer}: {each.message}" if each.pointer else each.message for each in found]
        listed.append({"tool": call.tool, "call_id": call.call_id, "code": _CODE, "errors": errors})
    if findings:
        return violated(f"tool_output_valid: {len(listed)} violation(s)", findings, listed, checked=checked)
    if not checked:
        return not_applicable("no recorded result of a tool that has a schema here")
    return held(checked=checked)
