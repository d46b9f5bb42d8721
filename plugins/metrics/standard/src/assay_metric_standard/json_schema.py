"""`json_schema`: the response is JSON and fits a schema."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from assay_core.contracts import CheckContext
from assay_core.documents import parse_json, read_document
from assay_core.documents.strict_json import StrictJsonError, decode_strict
from assay_core.model import Episode, Expectation, JsonValue, MetricResult
from assay_core.policy import CompiledSchema, compile_schema
from assay_metric_standard.preparing import (
    Deterministic,
    EachEpisode,
    existing_file,
    options_of,
    placed,
    refuse,
    vacuous,
)
from assay_metric_standard.verdict import finding_at, held, violated

__all__ = ["JsonSchema", "JsonSchemaOptions"]

_RULE = "json_schema"


@attrs.frozen(kw_only=True)
class JsonSchemaOptions:
    """Options of `json_schema`. A file wins over what stands in the suite."""

    json_schema: JsonValue = None  # a schema as JSON text, or as a mapping
    schema_file: str | None = None  # JSON or YAML, relative to the suite


class JsonSchema(Deterministic):
    """The response is JSON and fits a JSON Schema: 2020-12, or the draft that its `$schema` names."""

    types: Mapping[str, type[object]] = {"json_schema": JsonSchemaOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Read and compile the schema; refuse one that every JSON value fits."""
        options = options_of(expectation, JsonSchemaOptions)
        with placed(expectation):
            schema = compile_schema(_schema(expectation, options, context))
        if schema.vacuous:
            raise vacuous(expectation, "every JSON value fits this schema", "write `json_schema` or `schema_file`")
        return EachEpisode(lambda episode: _judge(episode, schema))


def _schema(expectation: Expectation, options: JsonSchemaOptions, context: CheckContext) -> JsonValue:
    if options.schema_file and options.schema_file.strip():
        return read_document(existing_file(expectation, context, options.schema_file)).value
    if isinstance(options.json_schema, str):
        if not options.json_schema.strip():
            raise vacuous(expectation, "the schema is blank", "write a schema, or name a `schema_file`")
        return parse_json(options.json_schema.encode("utf-8", "surrogatepass"), "json_schema")
    if options.json_schema is None:
        raise vacuous(expectation, "there is no schema", "write `json_schema` or `schema_file`")
    if not isinstance(options.json_schema, (Mapping, bool)):
        raise refuse(expectation, "json_schema is a schema as JSON text or as a mapping")
    return options.json_schema


def _judge(episode: Episode, schema: CompiledSchema) -> MetricResult:
    if episode.response is None:
        message = "the episode records no response"
        return violated(message, [finding_at(episode, "E_RESPONSE_MISSING", message, rule=_RULE)])
    try:
        value = decode_strict(episode.response.encode("utf-8", "surrogatepass"))
    except StrictJsonError as error:
        message = f"the response is not JSON: {error.message}"
        return violated(message, [finding_at(episode, "E_JSON_SCHEMA", message, rule=_RULE)])
    if schema.is_valid(value):
        return held()
    found = schema.violations(value)
    findings = [
        finding_at(
            episode, "E_JSON_SCHEMA", f"{each.message} (response{each.pointer})", rule=_RULE, pointer=each.pointer
        )
        for each in found
    ]
    listed: list[Mapping[str, JsonValue]] = [
        {"path": each.pointer, "constraint": each.keyword, "message": each.message} for each in found
    ]
    return violated(f"json_schema failed: {len(found)} validation errors", findings, listed)
