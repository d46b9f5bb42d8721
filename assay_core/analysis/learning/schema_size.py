"""Schemas kept to a size that a file can hold and somebody can read."""

from __future__ import annotations

from collections.abc import Mapping

from assay_core.model import JsonObject, JsonValue

__all__ = ["fitted"]

_MAX_NODES = 20_000  # of all schemas of a policy


def fitted(schemas: Mapping[str, JsonObject], most: int = _MAX_NODES) -> dict[str, tuple[JsonObject, str]]:
    """Return every schema with what was left out of it, "" where nothing was.

    Where all of them are too large together, the largest are cut: first to the types of the arguments, then to
    their names. What fitted before fits after.

    Args:
        schemas: Tool to the schema of its arguments, as the learner makes them.
        most: The nodes that all may have together.
    """
    found = {tool: (schema, "") for tool, schema in schemas.items()}
    sizes = {tool: _nodes(schema) for tool, schema in schemas.items()}
    for cut, note in ((_types, "only the types of its arguments"), (_names, "only the names of its arguments")):
        for tool in sorted(found, key=lambda each: (-sizes[each], each)):
            if sum(sizes.values()) <= most:
                return found
            schema = cut(found[tool][0])
            found[tool] = schema, f"the schemas are too large together; this one says {note}"
            sizes[tool] = _nodes(schema)
    return found


def _types(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return schema
    return {**schema, "properties": {name: _type_of(inner) for name, inner in properties.items()}}


def _type_of(schema: JsonValue) -> JsonObject:
    if not isinstance(schema, Mapping):
        return {}
    if "type" in schema:
        return {"type": schema["type"]}
    return {"type": "string"} if "enum" in schema else {}  # the learner makes enums of texts only


def _names(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return schema
    kept = {key: value for key, value in schema.items() if key in ("type", "required")}
    return {**kept, "propertyNames": {"enum": sorted(properties)}}


def _nodes(value: JsonValue) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(1 + _nodes(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return 1 + sum(map(_nodes, value))
    return 1
