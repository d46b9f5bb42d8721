"""The tools that a model was offered."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from assay_core.model import ToolDefinition
from assay_core.trace import RecordError
from assay_importer_otel.embedded import decoded, encode
from assay_importer_otel.messages import unnumbered
from assay_importer_otel.spans import Attributes

__all__ = ["definitions_of"]

_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parameters_json_schema")


def definitions_of(attributes: Attributes) -> tuple[ToolDefinition, ...]:
    """Return the definitions that a span of a model records, in any generation.

    Raises:
        RecordError: they are JSON that can be read in two ways.
    """
    given = attributes.get("gen_ai.tool.definitions")
    if isinstance(given, str):
        return _of_text(given)
    if given:
        return _of_list(given)
    if isinstance(given := attributes.get("model_request_parameters"), str):
        return _of_text(given)
    if "llm.tools.0.tool.json_schema" in attributes:
        return _of_list([decoded(each.get("tool.json_schema")) for each in unnumbered(attributes, "llm.tools.")])
    if "llm.request.functions.0.name" in attributes:
        return _of_list(unnumbered(attributes, "llm.request.functions."))
    return ()


@lru_cache(maxsize=32)
def _of_text(text: str) -> tuple[ToolDefinition, ...]:
    """Return what a text defines. Every span of a run repeats the same text."""
    value = decoded(text)
    if isinstance(value, dict):
        value = value.get("function_tools")
    return _of_list(value)


def _of_list(items: Any) -> tuple[ToolDefinition, ...]:
    if not isinstance(items, list):
        return ()
    found = (_of_item(item) for item in items if isinstance(item, dict))
    return tuple(definition for definition in found if definition is not None)


def _of_item(item: dict[str, Any]) -> ToolDefinition | None:
    inner = item.get("function")
    tool = inner if isinstance(inner, dict) else item
    name, description = tool.get("name"), tool.get("description")
    if not isinstance(name, str) or not name:
        return None
    schema = next((tool[key] for key in _SCHEMAS if key in tool), None)
    if isinstance(schema, str):
        schema = decoded(schema)
    if schema is not None and not isinstance(schema, (dict, bool)):
        raise RecordError(f"the schema of the tool {name[:80]!r} is neither an object nor a truth value")
    return ToolDefinition(
        name=name,
        description=description if isinstance(description, str) else None,
        input_schema_json=None if schema is None else encode(schema),
    )
