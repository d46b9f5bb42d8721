"""Keywords of a JSON Schema that are valid and refuse nothing where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from assay_core.model import JsonObject, JsonValue
from assay_core.policy.matching.schema_text import FORMAT_DRAFTS, inner_schemas

__all__ = ["IdleKeyword", "idle_keywords"]

_MAX_FOUND = 20  # of one schema: it is read by people
_CONTENT_DRAFTS = frozenset(("Draft6Validator", "Draft7Validator"))  # in which the engine asserts them


@attrs.frozen
class IdleKeyword:
    """A keyword without effect."""

    pointer: str  # JSON Pointer from the schema's root to the keyword
    why: str  # completes "'format' "


def idle_keywords(schema: JsonValue, draft: str) -> tuple[IdleKeyword, ...]:
    """Return the keywords that look like a control and are none, the first 20 in the order of the text.

    Args:
        schema: A schema in which `find_fault` found nothing.
        draft: The name of the engine's class for its draft.
    """
    found: list[IdleKeyword] = []
    annotated = any(key in each for _, each in _schemas(schema, "") for key in _UNEVALUATED)
    for pointer, each in _schemas(schema, ""):
        for key, why in _idle(each, draft, annotated=annotated):
            found.append(IdleKeyword(f"{pointer}/{key}", why))
            if len(found) == _MAX_FOUND:
                return tuple(found)
    return tuple(found)


_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")


def _schemas(schema: JsonValue, pointer: str) -> Iterator[tuple[str, JsonObject]]:
    if isinstance(schema, Mapping):
        yield pointer, schema
        for where, inner in inner_schemas(schema):
            yield from _schemas(inner, f"{pointer}/{where}")


def _idle(schema: JsonObject, draft: str, *, annotated: bool) -> Iterator[tuple[str, str]]:
    for key in schema:
        if key == "format" and draft not in FORMAT_DRAFTS:
            yield key, "is only a remark in this draft of JSON Schema; write a `pattern`"
        elif key in ("contentEncoding", "contentMediaType") and draft not in _CONTENT_DRAFTS:
            yield key, "is only a remark in this draft of JSON Schema"
        elif key == "contentSchema":
            yield key, "is only a remark"
        elif key in ("then", "else") and "if" not in schema:
            yield key, "does nothing without `if`"
        elif key == "if" and not annotated and "then" not in schema and "else" not in schema:
            yield key, "does nothing without `then` or `else`"
        elif key in ("minContains", "maxContains") and "contains" not in schema:
            yield key, "does nothing without `contains`"
        elif key == "additionalItems" and not isinstance(schema.get("items"), (list, tuple)):
            yield key, "does nothing without `items` that are a list"
