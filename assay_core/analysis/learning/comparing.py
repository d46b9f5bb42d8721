"""How one policy differs from another, rule by rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from assay_core.model import JsonObject, JsonValue

__all__ = ["Difference", "compare_policies"]

Change: TypeAlias = Literal["added", "removed", "changed"]


@attrs.frozen(kw_only=True)
class Difference:
    """One rule that one policy has and the other has not, or has otherwise."""

    change: Change
    where: str  # the section, e.g. "tools.allow"
    what: str  # the rule: a name, a target, a sequence
    before: JsonValue = None
    after: JsonValue = None


def compare_policies(old: JsonObject, new: JsonObject) -> list[Difference]:
    """Return the differences of two policies in their normalised form, by section, then by rule."""
    before, after = _flat(old), _flat(new)
    found = []
    for where, what in sorted(before.keys() | after.keys()):
        key = (where, what)
        if key not in before:
            found.append(Difference(change="added", where=where, what=what, after=after[key]))
        elif key not in after:
            found.append(Difference(change="removed", where=where, what=what, before=before[key]))
        elif before[key] != after[key]:
            found.append(Difference(change="changed", where=where, what=what, before=before[key], after=after[key]))
    return found


def _flat(policy: JsonObject) -> dict[tuple[str, str], JsonValue]:
    """Return every rule by its section and name. Lists are sets: their order says nothing here."""
    flat: dict[tuple[str, str], JsonValue] = {}
    for section, value in policy.items():
        if section in ("version", "name") or value is None:
            continue
        if section == "schemas" and isinstance(value, Mapping):
            flat |= {(section, tool): schema for tool, schema in value.items() if schema is not None}
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                if isinstance(inner, list):
                    flat |= {(f"{section}.{key}", _name(each)): each for each in inner}
                    flat |= {} if inner else {(f"{section}.{key}", "(nothing)"): True}
                elif inner is not None:
                    flat[section, key] = inner
        elif isinstance(value, list):
            flat |= {(section, _name(each)): each for each in value}
        else:
            flat[section, section] = value
    return flat


def _name(rule: JsonValue) -> str:
    """Return what a rule is about."""
    if isinstance(rule, str):
        return rule
    if isinstance(rule, Mapping):
        for key in ("tool", "path", "address", "name"):
            if isinstance(named := rule.get(key), str) and "type" not in rule:
                return named
    return json.dumps(rule, ensure_ascii=False, sort_keys=True)
