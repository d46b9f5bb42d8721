"""From the file to the form: argument schemas, and the old spellings that become schemas."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from assay_core.errors import Place
from assay_core.model import JsonObject, JsonValue
from assay_core.policy.reading.tools import exact_names
from assay_core.policy.reading.written import Written

__all__ = ["Schemas", "add_constraints", "add_required_arguments", "add_schemas"]

_UNSUPPORTED = "E_POLICY_UNSUPPORTED"
_FORMS = (
    'write a list of {tool: read_file, params: {path: {matches: "^/data/"}}}, or a mapping '
    'read_file: {path: "^/data/"}; what a pattern must not match belongs under `schemas:` as {not: {pattern: …}}'
)


@attrs.define(kw_only=True)
class Schemas:
    """The schemas of a policy while it is read."""

    of: dict[str, JsonObject] = attrs.field(factory=dict)
    places: dict[str, Place] = attrs.field(factory=dict)
    defs: JsonObject = attrs.field(factory=dict)

    def put(self, tool: str, schema: JsonObject, place: Place) -> None:
        """Add the schema of one tool."""
        self.of[tool] = schema
        self.places[tool] = place


def add_schemas(section: Written, into: Schemas) -> None:
    """Add what stands under `schemas`: exact tool names, and the shared `$defs`."""
    for tool, entry in exact_names(section, "schemas").items():
        if not isinstance(entry.value, Mapping):
            entry.expected("a JSON Schema (a mapping)")
        elif tool == "$defs":
            into.defs = entry.value
        elif tool.startswith("$"):
            entry.wrong(f"{tool!r} is no tool; shared definitions stand under '$defs'", at_key=True)
        else:
            into.put(tool, entry.value, entry.key_place)


def add_constraints(section: Written, into: Schemas) -> None:
    """Add what stands under `constraints` (version 1), in the two forms that ever worked."""
    if isinstance(section.value, (list, tuple)):
        rules = [_from_item(item) for item in section.items()]
    elif isinstance(section.value, Mapping):
        rules = [(tool, entry, entry) for tool, entry in exact_names(section, "constraints").items()]
    else:
        section.wrong("this form of constraints would check nothing", code=_UNSUPPORTED, remedy=_FORMS)
        return
    for tool, entry, params in filter(None, rules):
        patterns = _patterns(params)
        if tool in into.of:
            entry.wrong(
                f"{tool!r} has a schema already; the later one would replace it",
                code=_UNSUPPORTED,
                remedy="join both in one schema under `schemas:`",
            )
        elif patterns:
            into.put(tool, _pattern_schema(patterns), entry.place)


def _from_item(item: Written) -> tuple[str, Written, Written] | None:
    if not isinstance(item.value, Mapping):
        item.wrong("this form of constraints would check nothing", code=_UNSUPPORTED, remedy=_FORMS)
        return None
    members = item.fields(("tool", "params"), required=("tool", "params"))
    tool = members["tool"].text() if "tool" in members else None
    return (tool, item, members["params"]) if tool and "params" in members else None


def _patterns(params: Written) -> dict[str, str]:
    """Return argument to regex; anything but the two working forms is an error, not an empty schema."""
    if not isinstance(params.value, Mapping) or not params.value:
        params.wrong("this form of constraints would check nothing", code=_UNSUPPORTED, remedy=_FORMS)
        return {}
    found: dict[str, str] = {}
    for argument, entry in params.members().items():
        inner = entry
        if isinstance(entry.value, Mapping):
            if set(entry.value) != {"matches"}:
                words = ", ".join(map(repr, entry.value)) or "nothing"
                entry.wrong(
                    f"constraints know only `matches`; {words} would check nothing",
                    code=_UNSUPPORTED,
                    remedy=_FORMS,
                    at_key=True,
                )
                continue
            inner = entry.child("matches")
        regex = inner.regex()
        if regex is not None:
            found[argument] = regex
    return found


def _pattern_schema(patterns: Mapping[str, str]) -> JsonObject:
    properties: JsonObject = {
        name: {"type": "string", "pattern": regex, "minLength": 1} for name, regex in patterns.items()
    }
    return {"type": "object", "additionalProperties": True, "properties": properties, "required": sorted(patterns)}


def add_required_arguments(section: Written, into: Schemas) -> None:
    """Add `tools.require_args` of a rules policy: there it was only counted, here the arguments are required."""
    for tool, entry in exact_names(section, "tools.require_args").items():
        names = entry.texts()
        if not names:
            entry.wrong("an empty list of arguments requires nothing", code="E_CFG_VACUOUS")
            continue
        schema: dict[str, JsonValue] = dict(into.of.get(tool, {"type": "object"}))
        known = schema.get("required", [])
        before = [name for name in known if isinstance(name, str)] if isinstance(known, list) else []
        schema["required"] = sorted({*before, *names})
        into.put(tool, schema, into.places.get(tool, entry.key_place))
