"""What a JSON Schema says before any value is seen: unknown keywords, references that lead nowhere, emptiness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias
from urllib.parse import unquote

from assay_core.convert import nearest
from assay_core.model import JsonObject, JsonValue

__all__ = ["FORMAT_DRAFTS", "SchemaFault", "find_fault", "inner_schemas", "refuses_nothing", "resolved"]

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
# Where schemas stand inside a schema: under the keyword itself, in a list, or under the names of a mapping.
_ONE = frozenset(
    [
        "additionalProperties",
        "additionalItems",
        "unevaluatedProperties",
        "unevaluatedItems",
        "propertyNames",
        "contains",
        "items",
        "not",
        "if",
        "then",
        "else",
        "contentSchema",
    ]
)
_LIST = frozenset(["allOf", "anyOf", "oneOf", "prefixItems", "items"])
_NAMED = frozenset(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"])
# Keywords whose schema looks at the same value: a reference through them alone makes no progress.
_IN_PLACE_ONE = frozenset(["not", "if", "then", "else"])
_IN_PLACE_LIST = frozenset(["allOf", "anyOf", "oneOf"])
_IN_PLACE_NAMED = frozenset(("dependentSchemas", "dependencies"))
_ASSERTING = frozenset(
    [
        "type",
        "enum",
        "const",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "required",
        "dependentRequired",
        "format",
    ]
)
_ANNOTATING = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "contentEncoding",
        "contentMediaType",
    ]
)
_STANDARD = frozenset(
    ["$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$comment"]
)
_KNOWN = _ONE | _LIST | _NAMED | _ASSERTING | _ANNOTATING | _STANDARD | frozenset(_REFERENCES)
_OLD_DRAFTS = frozenset(("Draft4Validator", "Draft6Validator", "Draft7Validator"))
FORMAT_DRAFTS = _OLD_DRAFTS  # in which the engine asserts `format`; later ones make it a remark
# Known words that a draft does not evaluate: written there they would switch a control off in silence.
_DEAD = {
    "Draft202012Validator": {"additionalItems": "items", "$recursiveRef": "$dynamicRef", "id": "$id"},
    "Draft201909Validator": {"prefixItems": "items", "$dynamicRef": "$recursiveRef", "id": "$id"},
    "Draft7Validator": dict.fromkeys(
        [
            "prefixItems",
            "unevaluatedProperties",
            "unevaluatedItems",
            "dependentSchemas",
            "dependentRequired",
            "minContains",
            "maxContains",
            "$dynamicRef",
            "$recursiveRef",
        ],
        "a newer $schema",
    ),
}
_DEAD["Draft6Validator"] = {**_DEAD["Draft7Validator"], **dict.fromkeys(("if", "then", "else"), "a newer $schema")}
_DEAD["Draft4Validator"] = {
    **_DEAD["Draft6Validator"],
    **dict.fromkeys(("const", "contains", "propertyNames"), "a newer $schema"),
}

_Schema: TypeAlias = JsonValue
_MAX_DEPTH = 200
_MAX_WEIGHT = 10_000  # schemas that look at one and the same value
_MAX_VISITS = 100_000  # of schemas, before emptiness is taken to be unprovable


class SchemaFault(Exception):
    """Why a schema cannot be used; `text` says where in the schema."""

    def __init__(self, pointer: str, text: str, remedy: str = "", *, key: str = "") -> None:
        self.text = f"{text} (at {pointer} of the schema)" if pointer else text
        self.remedy = remedy
        self.pointer = pointer
        self.key = key  # the keyword at fault, "" for the schema as a whole
        super().__init__(self.text)


def find_fault(schema: _Schema, draft: str = "Draft202012Validator") -> SchemaFault | None:
    """Return the first thing that is wrong with a schema's text, or None.

    What the engine checks itself, such as the types of keywords, is left to it.
    """
    try:
        _walk(schema, schema, "", draft, 0)
        _find_endless(schema)
    except SchemaFault as fault:
        return fault
    return None


def refuses_nothing(schema: _Schema, draft: str = "Draft202012Validator") -> bool:
    """Tell whether a schema plainly accepts every value: it is true, empty, or only annotates.

    Judged by the text alone. False does not prove that some value is refused.
    """
    try:
        return _is_open(schema, _Visits(schema, draft), frozenset())
    except _TooMany:
        return False


def _walk(schema: _Schema, root: _Schema, pointer: str, draft: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise SchemaFault("", f"the schema is nested more than {_MAX_DEPTH} levels deep")
    if not isinstance(schema, Mapping):
        return  # a boolean, or something the engine's meta-schema refuses
    for key in schema:
        _check_keyword(str(key), pointer, draft)
    if pointer and any(isinstance(schema.get(key), str) for key in ("$id", "id")):
        raise SchemaFault(pointer, "an inner $id would give the references below another base", "use $anchor or $defs")
    for key in _REFERENCES:
        if key in schema:
            resolved(schema[key], root, f"{pointer}/{key}")
    if "$ref" in schema and draft in _OLD_DRAFTS:
        lost = sorted(set(schema) & (_KNOWN - _ANNOTATING - _STANDARD - {"$ref", "$defs", "definitions"}))
        if lost:
            text = f"the draft that $schema names ignores {lost[0]!r} beside a $ref"
            raise SchemaFault(pointer, text, "put both into allOf, or drop $schema")
    for where, inner in inner_schemas(schema):
        _walk(inner, root, f"{pointer}/{where}", draft, depth + 1)


def _check_keyword(key: str, pointer: str, draft: str) -> None:
    if instead := _DEAD[draft].get(key):
        raise SchemaFault(pointer, f"{key!r} is not evaluated by this draft of JSON Schema", f"use {instead}", key=key)
    if key in _KNOWN or key.startswith("x-"):
        return
    guess = nearest(key, _KNOWN)
    remedy = f"did you mean {guess!r}?" if guess else "prefix your own words with `x-`"
    raise SchemaFault(pointer, f"unknown keyword {key[:80]!r}", remedy, key=key)


def inner_schemas(schema: JsonObject) -> Iterator[tuple[str, _Schema]]:
    """Yield every schema directly inside a schema, with its pointer from there."""
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            for name, inner in value.items():
                yield f"{key}/{name}", inner
        elif key in _LIST and isinstance(value, (list, tuple)):
            for index, inner in enumerate(value):
                yield f"{key}/{index}", inner
        elif key in _ONE:
            yield key, value


def resolved(reference: _Schema, root: _Schema, pointer: str) -> _Schema:
    """Return what a local reference means.

    Raises:
        SchemaFault: It leads out of the schema, or to no schema.
    """
    if not isinstance(reference, str):
        raise SchemaFault(pointer, "a reference is a string")
    if not reference.startswith("#"):
        text = f"the reference {reference[:100]!r} leads out of the schema; only `#…` is allowed"
        raise SchemaFault(pointer, text, "put the definition under $defs and refer to `#/$defs/name`")
    fragment = unquote(reference[1:])
    if fragment and not fragment.startswith("/"):
        found = next(_anchored(root, fragment), None)
        if found is not None:
            return found
    else:
        here: _Schema = root
        for step in fragment.split("/")[1:]:
            here = _child(here, step.replace("~1", "/").replace("~0", "~"))
            if here is None:
                break
        else:
            if isinstance(here, (Mapping, bool)):
                return here
    raise SchemaFault(pointer, f"the reference {reference[:100]!r} leads to no schema")


def _child(value: _Schema, step: str) -> _Schema:
    found: _Schema = None
    if isinstance(value, Mapping):
        found = value.get(step)
    elif isinstance(value, (list, tuple)) and step.isdecimal() and int(step) < len(value):
        found = value[int(step)]
    return found


def _anchored(schema: _Schema, name: str) -> Iterator[JsonObject]:
    if isinstance(schema, Mapping):
        if name in (schema.get("$anchor"), schema.get("$dynamicAnchor")):
            yield schema
        for _, inner in inner_schemas(schema):
            yield from _anchored(inner, name)


def _find_endless(root: _Schema) -> None:
    """Refuse a reference that comes back to itself without going down into the value, and references that multiply.

    Depth first over the schemas that look at the same value. Schemas are told apart by identity: references
    resolve to the very objects that were walked.
    """
    weights: dict[int, int] = {}
    for start in _all(root):
        _weigh(start, root, weights, set(), 0)


def _weigh(schema: _Schema, root: _Schema, weights: dict[int, int], path: set[int], depth: int) -> int:
    """Return how many schemas the engine looks at for one value, this one included."""
    if not isinstance(schema, Mapping):
        return 1
    if id(schema) in weights:
        return weights[id(schema)]
    if id(schema) in path or depth > 4 * _MAX_DEPTH:
        raise SchemaFault("", "a $ref comes back to itself without going down into the value")
    path.add(id(schema))
    weight = 1 + sum(_weigh(inner, root, weights, path, depth + 1) for inner in _in_place(schema, root))
    path.discard(id(schema))
    if weight > _MAX_WEIGHT:
        raise SchemaFault("", f"the references multiply to more than {_MAX_WEIGHT} schemas for one value")
    weights[id(schema)] = weight
    return weight


def _in_place(schema: JsonObject, root: _Schema) -> Iterator[_Schema]:
    """Yield the schemas that look at the same value as this one."""
    for key in _REFERENCES:
        if key in schema:
            yield resolved(schema[key], root, f"/{key}")
    for key, value in schema.items():
        if key in _IN_PLACE_ONE:
            yield value
        elif key in _IN_PLACE_LIST and isinstance(value, (list, tuple)):
            yield from value
        elif key in _IN_PLACE_NAMED and isinstance(value, Mapping):
            yield from value.values()


def _all(schema: _Schema) -> Iterator[_Schema]:
    yield schema
    if isinstance(schema, Mapping):
        for _, inner in inner_schemas(schema):
            yield from _all(inner)


class _TooMany(Exception):
    """The schema is too entangled to judge by its text."""


class _Visits:
    """The root of a walk and its draft, and how far it may still go."""

    def __init__(self, root: _Schema, draft: str) -> None:
        self.root = root
        self.draft = draft
        self._left = _MAX_VISITS

    def count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooMany


def _is_open(schema: _Schema, visits: _Visits, seen: frozenset[int]) -> bool:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping):
        return False
    visits.count()
    if id(schema) in seen:
        return True  # a recursive schema refuses only what another part of it refuses
    inner = seen | {id(schema)}
    return all(_is_idle(str(key), value, schema, visits, inner) for key, value in schema.items())


def _is_idle(key: str, value: JsonValue, schema: JsonObject, visits: _Visits, seen: frozenset[int]) -> bool:
    """Tell whether one keyword of a schema can refuse nothing."""
    if key in _ASSERTING:
        return _is_idle_assertion(key, value, schema, visits.draft)
    if key in ("$defs", "definitions", "if", "contentSchema"):
        return True
    if key in ("then", "else"):
        return "if" not in schema or _is_open(value, visits, seen)
    if key == "additionalItems" and not isinstance(schema.get("items"), (list, tuple)):
        return True
    if key in _REFERENCES:
        return _is_open(resolved(value, visits.root, key), visits, seen)
    if key in ("not", "contains", "oneOf"):
        return False
    if key == "anyOf" and isinstance(value, (list, tuple)):
        return any(_is_open(each, visits, seen) for each in value)
    if key in _NAMED and isinstance(value, Mapping):
        return all(each == [] or _is_open(each, visits, seen) for each in value.values())
    if key in _LIST and isinstance(value, (list, tuple)):
        return all(_is_open(each, visits, seen) for each in value)
    if key in _ONE:
        return _is_open(value, visits, seen)
    return key not in _KNOWN or key in _ANNOTATING or key in _STANDARD


def _is_idle_assertion(key: str, value: JsonValue, schema: JsonObject, draft: str) -> bool:
    if key == "format":
        return draft not in FORMAT_DRAFTS
    if key in ("minContains", "maxContains"):
        return "contains" not in schema
    if key in ("minLength", "minItems", "minProperties"):
        return value == 0
    if key in ("required", "dependentRequired"):
        return not value
    return key == "uniqueItems" and value is False
