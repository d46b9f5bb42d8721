"""A mapping of tools to JSON Schemas, and how it differs from one bare schema."""

from __future__ import annotations

from collections.abc import Mapping

from assay_core.model import Expectation, JsonObject, JsonValue
from assay_core.policy import CompiledSchema, compile_schema
from assay_metric_standard.preparing import placed, refuse, vacuous

__all__ = ["compile_schema_map", "looks_bare", "refuse_unusable_map"]

_KEYWORDS = frozenset(
    [
        "$defs", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "contains", "definitions",
        "dependentRequired", "dependentSchemas", "description", "else", "enum", "exclusiveMaximum",
        "exclusiveMinimum", "format", "if", "items", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
        "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern", "patternProperties",
        "prefixItems", "properties", "propertyNames", "required", "then", "title", "type", "unevaluatedItems",
        "unevaluatedProperties", "uniqueItems",
    ]
)  # fmt: skip


def looks_bare(schemas: JsonObject) -> bool:
    """Tell whether a mapping is one JSON Schema rather than a mapping of tools: all of its keys are keywords."""
    return bool(schemas) and set(schemas) <= _KEYWORDS


def refuse_unusable_map(expectation: Expectation, key: str, schemas: JsonValue) -> JsonObject:
    """Return the mapping without its nulls.

    Raises:
        InputError: E_CFG_VACUOUS for an empty mapping or one bare schema, E_CFG_PARSE for values that are no schema.
    """
    if not isinstance(schemas, Mapping):
        raise refuse(expectation, f"{key} is a mapping of tool names to JSON Schemas")
    tools = {tool: schema for tool, schema in schemas.items() if schema is not None and not tool.startswith("x-")}
    if not set(tools) - {"$defs"}:
        raise vacuous(expectation, f"{key} names no tool", "map at least one tool to its JSON Schema")
    if looks_bare(tools):
        raise vacuous(
            expectation,
            f"{key} is one bare JSON Schema, so that its keywords would be taken for tools and no call checked",
            f"write it under the tool's name: `{key}: {{TOOL: {{…}}}}`",
        )
    for tool, schema in tools.items():
        if not isinstance(schema, (Mapping, bool)):
            raise refuse(expectation, f"{key}.{tool} is not a JSON Schema: a mapping, or true or false")
    return tools


def compile_schema_map(expectation: Expectation, key: str, schemas: JsonObject) -> Mapping[str, CompiledSchema]:
    """Compile every schema of a mapping; `$defs` are shared by all of them.

    Raises:
        InputError: as `refuse_unusable_map`; E_SCHEMA_COMPILE; E_CFG_VACUOUS if no schema could refuse anything.
    """
    tools = dict(refuse_unusable_map(expectation, key, schemas))
    shared = tools.pop("$defs", None)
    defs = shared if isinstance(shared, Mapping) else None
    compiled = {}
    for tool, schema in tools.items():
        with placed(expectation):
            compiled[tool] = compile_schema(schema, defs=defs)
    if all(schema.vacuous for schema in compiled.values()):
        raise vacuous(expectation, f"no schema in {key} could ever refuse anything")
    return compiled
