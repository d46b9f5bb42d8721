"""How one keyword of a JSON Schema is widened just so far that one value passes it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from assay_core.analysis.learning.sensitive import is_private_name, may_be_secret

__all__ = ["QUOTING", "REPAIRS", "exactly_or_like", "is_private", "literal"]

# What there is to do for a keyword: the schema, the keyword, the value, the members concerned; yields new schemas,
# the narrowest first.
Repair: TypeAlias = Callable[[Mapping[str, Any], str, Any, Sequence[str]], Iterator[dict[str, Any]]]

QUOTING = frozenset(("enum", "const", "pattern", "anyOf", "oneOf"))  # keywords whose repair holds the value itself
_MAX_LITERAL = 300  # characters of a text that a pattern quotes
_MAX_CONST = 120  # characters of JSON; a longer value is described and not quoted
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"),
    (list, "array"), (dict, "object"), (type(None), "null"),
)  # fmt: skip


def literal(text: str) -> str:
    """Return a pattern that matches the text itself, in the dialect of JSON Schema."""
    return re.sub(r"([\\.^$|?*+()\[\]{}])", r"\\\1", text)


def exactly_or_like(value: Any, name: str = "") -> dict[str, Any]:
    """Return a schema for one value: the value itself, or where it is long or may be a secret its kind and size."""
    if len(json.dumps(value)) <= _MAX_CONST and not is_private(value, (name,)):
        return {"const": value}
    kind = _kind(value)
    size = {"string": "maxLength", "array": "maxItems", "object": "maxProperties"}.get(kind)
    return {"type": kind, size: len(value)} if size else {"type": kind}


def is_private(value: Any, where: Sequence[str | int]) -> bool:
    """Tell whether a value may be a secret, by its text or the name of the argument that holds it."""
    if any(isinstance(step, str) and is_private_name(step) for step in where):
        return not isinstance(value, (bool, dict, list))
    if isinstance(value, str):
        return may_be_secret(value)
    if isinstance(value, Mapping):
        return any(is_private(each, (key,)) for key, each in value.items())
    return isinstance(value, list) and any(is_private(each, where) for each in value)


def _kind(value: Any) -> str:
    return next(name for kind, name in _KINDS if isinstance(value, kind))


def _with(node: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {**node, **changes}


def _enum(node: Mapping[str, Any], _keyword: str, value: Any, _names: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield _with(node, enum=[*node["enum"], value])


def _const(node: Mapping[str, Any], _keyword: str, value: Any, _names: Sequence[str]) -> Iterator[dict[str, Any]]:
    if "enum" not in node:
        rest = {key: each for key, each in node.items() if key != "const"}
        yield _with(rest, enum=[node["const"], value])


def _type(node: Mapping[str, Any], _keyword: str, value: Any, _names: Sequence[str]) -> Iterator[dict[str, Any]]:
    known = node["type"]
    kinds = [*known] if isinstance(known, list) else [known]
    yield _with(node, type=[*kinds, _kind(value)])


def _pattern(node: Mapping[str, Any], _keyword: str, value: Any, _names: Sequence[str]) -> Iterator[dict[str, Any]]:
    if len(value) > _MAX_LITERAL:
        return
    old = node["pattern"]
    head = f"(?:{old})" if "(?" in old else old
    yield _with(node, pattern=f"{head}|^{literal(value)}$")


def _bound(node: Mapping[str, Any], keyword: str, value: Any, _names: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield _with(node, **{keyword: value})


def _size(node: Mapping[str, Any], keyword: str, value: Any, _names: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield _with(node, **{keyword: len(value)})


def _exclusive(node: Mapping[str, Any], keyword: str, value: Any, _names: Sequence[str]) -> Iterator[dict[str, Any]]:
    upper = keyword == "exclusiveMaximum"
    inclusive = "maximum" if upper else "minimum"
    if isinstance(node[keyword], bool):  # draft 4: a flag of the bound beside it
        yield {key: each for key, each in node.items() if key != keyword}
    elif inclusive not in node:
        rest = {key: each for key, each in node.items() if key != keyword}
        yield _with(rest, **{inclusive: value})
    elif isinstance(value, int):
        yield _with(node, **{keyword: value + (1 if upper else -1)})
    else:
        yield _with(node, **{keyword: math.nextafter(value, math.inf if upper else -math.inf)})


def _required(node: Mapping[str, Any], keyword: str, _value: Any, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    left = [name for name in node[keyword] if name not in names]
    yield _with(node, **{keyword: left})
    yield {key: each for key, each in node.items() if key != keyword}  # older drafts refuse an empty list


def _members(node: Mapping[str, Any], _keyword: str, value: Any, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    further = {name: exactly_or_like(value[name], name) for name in names if name in value}
    if further:
        yield _with(node, properties={**node.get("properties", {}), **further})


def _alternative(node: Mapping[str, Any], keyword: str, value: Any, _names: Sequence[str]) -> Iterator[dict[str, Any]]:
    if len(json.dumps(value)) <= _MAX_LITERAL:
        yield _with(node, **{keyword: [*node[keyword], {"const": value}]})


REPAIRS: Mapping[str, Repair] = {
    "enum": _enum,
    "const": _const,
    "type": _type,
    "pattern": _pattern,
    "required": _required,
    "additionalProperties": _members,
    "unevaluatedProperties": _members,
    "anyOf": _alternative,
    "oneOf": _alternative,
    "exclusiveMaximum": _exclusive,
    "exclusiveMinimum": _exclusive,
    **dict.fromkeys(("minimum", "maximum"), _bound),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _size),
}
