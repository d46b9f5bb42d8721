"""Markdown that the generators share. Makes no page itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from assay_core.model import JsonValue
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.plugins.first_party import FIRST_PARTY

__all__ = ["HEAD", "cell", "first_party", "table", "words_of"]

HEAD = "<!-- Made by docs/generate.py. Change the code it is made from, then run `make docs`. -->\n\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(map(cell, line)) + " |\n" for line in lines)


def cell(text: str) -> str:
    """Return text that stays in its cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def first_party(group: str) -> dict[str, tuple[object, str]]:
    """Return the drivers of this repository by name, each with its distribution.

    Raises:
        UsageError: E_PLUGIN_MISSING where one is not installed: the pages have to know all of them.
    """
    drivers = Drivers(Catalogue.scan())
    return {name: (drivers.load(group, f"{name}@{dist}"), dist) for name, dist in sorted(FIRST_PARTY[group].items())}


def words_of(schema: JsonValue) -> str:
    """Return what a JSON Schema demands of a value, in words."""
    if not isinstance(schema, Mapping):
        return "anything"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in cast("Sequence[object]", schema["enum"]) if each is not None)
    if "anyOf" in schema:
        parts = [words_of(each) for each in cast("Sequence[JsonValue]", schema["anyOf"])]
        return ", or ".join(dict.fromkeys(part for part in parts if part != "nothing"))
    kinds = schema.get("type", [])
    kind = next(
        (str(each) for each in ([kinds] if isinstance(kinds, str) else cast("list[str]", kinds)) if each != "null"), ""
    )
    if kind == "array":
        return f"list of {words_of(schema.get('items'))}"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    if kind == "object" and isinstance(members := schema.get("properties"), Mapping) and len(members) <= 6:
        return f"mapping of {', '.join(f'`{name}`' for name in members)}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"mapping to {words_of(inner)}" if isinstance(inner, Mapping) and inner else "mapping"
    return names.get(kind, "nothing" if kinds == "null" else "anything")
