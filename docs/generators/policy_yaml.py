"""docs/reference/policy-yaml.md: every key of policy.yaml, from its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from assay_core.config import json_schema
from assay_core.model import JsonValue
from docs.generators.markdown import HEAD, first_party, table, words_of

__all__ = ["PAGES"]

INTRODUCTION = """\
# policy.yaml

Every key of a policy, made from the JSON Schema that `assay schema policy` prints. What the keys mean together, and in
which order a call is decided, is in [the policy language](policy-language.md); how to write one is in
[how to write a policy](../how-to/write-a-policy.md).

"""
Schema = Mapping[str, JsonValue]


def page() -> str:
    """Return the page."""
    schema = json_schema("policy")
    parts = [HEAD, INTRODUCTION, "## Top level\n\n", _keys(schema)]
    for name, section in _properties(schema):
        if inner := list(_properties(section)):
            parts.append(f"\n## `{name}`\n\n{_sentence(section)}{_keys(section)}")
            parts += [
                f"\n### `{name}.{key}`\n\n{_sentence(each)}{_keys(each)}"
                for key, each in inner
                if list(_properties(each))
            ]
    parts.append("\n## Keys of check plugins\n\n")
    rows = [(f"`{name}`", f"`{dist}`") for name, (_, dist) in first_party("assay.checks").items()]
    parts.append(table(("Key", "Distribution"), rows))
    return "".join(parts)


def _properties(schema: Schema) -> Iterator[tuple[str, Schema]]:
    found = schema.get("properties")
    if isinstance(found, Mapping):
        for name, each in found.items():
            if isinstance(each, Mapping):
                yield name, each


def _keys(schema: Schema) -> str:
    required = schema.get("required")
    must = set(cast("list[str]", required)) if isinstance(required, list) else set()
    rows = []
    for name, each in _properties(schema):
        default = (
            "required" if name in must else f"`{each['default']}`" if each.get("default") not in (None, []) else ""
        )
        rows.append((f"`{name}`", words_of(each), default, str(each.get("description", ""))))
    return table(("Key", "Value", "Default", "Meaning"), rows)


def _sentence(schema: Schema) -> str:
    text = str(schema.get("description", "")).strip()
    return f"{text}\n\n" if text else ""


PAGES = {"reference/policy-yaml.md": page}
