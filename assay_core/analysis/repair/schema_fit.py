"""The smallest change of a JSON Schema with which one value fits it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from assay_core.analysis.repair.schema_keywords import QUOTING, REPAIRS, is_private
from assay_core.errors import AssayError
from assay_core.model import JsonObject, JsonValue
from assay_core.policy import CompiledSchema, compile_schema

__all__ = ["fitted"]

_MAX_ROUNDS = 64
_MAX_FAILURES = 200
_MAX_QUOTED = 2_000  # characters of a value that is written into a schema
_DESCENDING = frozenset(
    (
        "properties", "patternProperties", "additionalProperties", "unevaluatedProperties",
        "items", "prefixItems", "unevaluatedItems", "additionalItems", "contains",
    )
)  # fmt: skip
_NAMED = frozenset(("properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"))
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ROOT_ONLY = ("$schema", "$id", "id", "$anchor", "$defs", "definitions", "title", "description")


@attrs.frozen(kw_only=True)
class _Failure:
    """One way in which the value does not fit."""

    path: tuple[str | int, ...]  # to the schema that failed, as far as no reference is followed
    keyword: str  # "" where the schema itself is false, or lies behind a reference
    where: tuple[str | int, ...]  # in the value
    names: tuple[str, ...] = ()  # members that are too many, or the one that is missing

    def value(self, root: JsonValue) -> Any:
        """Return the part of the value that the schema refused."""
        for step in self.where:
            root = root[step]  # type: ignore[index]  # the engine went there
        return root


def fitted(schema: JsonObject, defs: JsonObject, value: JsonValue) -> JsonObject | None:
    """Return the schema changed so that the value fits; None where no small change is known.

    What the value lacks or has too much of is let through one violation at a time: a bound is moved as far as the
    value needs, a value is added to those listed, a member is described, and where nothing smaller does, the very
    value is named beside the schema that refuses it. Shared definitions are never changed.
    """
    work: dict[str, Any] = copy.deepcopy(dict(schema))
    for _ in range(_MAX_ROUNDS):
        failures = _failures(work, defs, value)
        if failures is None:
            return None
        if not failures:
            return work
        for candidate in _candidates(work, failures[0], value):
            left = _failures(candidate, defs, value)
            if left is not None and failures[0] not in left and len(left) <= len(failures):
                work = dict(candidate)
                break
        else:
            return None
    return None


def _failures(schema: JsonObject, defs: JsonObject, value: JsonValue) -> list[_Failure] | None:
    """Return what does not fit, None where that cannot be told."""
    try:
        compiled = compile_schema(schema, defs=defs)
        if compiled.is_valid(value):
            return []
        return _told(compiled, schema, value) or None
    except (AssayError, ValueError, RecursionError):
        return None


def _told(compiled: CompiledSchema, schema: JsonObject, value: JsonValue) -> list[_Failure]:
    found: list[_Failure] = []
    errors: Any = compiled.engine_errors(value)
    for error in errors:
        if len(found) >= _MAX_FAILURES:
            break
        path, where = tuple(error.evaluation_path), tuple(error.instance_path)
        kind = error.kind
        cut = _reference(schema, path)
        if cut is not None:
            found.append(_Failure(path=path[:cut], keyword="", where=where[: _depth(path[:cut])]))
            continue
        keyword = str(path[-1]) if path else ""
        if kind.name == "falseSchema":
            found.append(_Failure(path=path, keyword="", where=where))
            continue
        if kind.name == "propertyNames":
            path = path[: len(path) - 1 - path[::-1].index("propertyNames")]
            found.append(_Failure(path=path, keyword="propertyNames", where=where))
            continue
        names = getattr(kind, "unexpected", None) or [getattr(kind, "property", None)]
        known = tuple(name for name in names if isinstance(name, str))
        found.append(_Failure(path=path[:-1], keyword=keyword, where=where, names=known))
    return found


def _reference(schema: JsonValue, path: Sequence[str | int]) -> int | None:
    """Return where on its path a failure leaves the schema's own text by a reference."""
    here: Any = schema
    named = False
    for at, step in enumerate(path):
        if not named and step in _REFERENCES:
            return at
        named = not named and step in _NAMED
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            return None
    return None


def _depth(path: Sequence[str | int]) -> int:
    """Return how deep in the value the schema at a path looks."""
    depth, skip = 0, False
    for step in path:
        if skip:
            skip = False
            continue
        depth += step in _DESCENDING
        skip = step in _NAMED or step == "prefixItems"
    return depth


def _candidates(schema: JsonObject, failure: _Failure, value: JsonValue) -> Iterator[JsonObject]:
    """Yield changed schemas, the narrowest first."""
    part = failure.value(value)
    repair = REPAIRS.get(failure.keyword)
    private = is_private(part, failure.where)  # what is quoted would be written into the policy, and shown
    if repair is not None and not (private and failure.keyword in QUOTING):
        for changed in repair(_at(schema, failure.path), failure.keyword, part, failure.names):
            yield _put(schema, failure.path, changed)
    if not private and _fits_in_a_policy(part):
        yield _put(schema, failure.path, _or_exactly(_at(schema, failure.path), part, root=not failure.path))
    if failure.path and not is_private(value, ()) and _fits_in_a_policy(value):
        yield _or_exactly(schema, value, root=True)


def _at(schema: JsonValue, path: Sequence[str | int]) -> Any:
    here: Any = schema
    for step in path:
        here = here[step]
    return here


def _put(schema: JsonObject, path: Sequence[str | int], node: Any) -> JsonObject:
    """Return a copy of the schema with another node at a path."""
    if not path:
        return dict(node)
    whole = copy.deepcopy(dict(schema))
    _at(whole, path[:-1])[path[-1]] = node
    return whole


def _or_exactly(node: Any, value: JsonValue, *, root: bool) -> dict[str, Any]:
    """Return a schema that accepts what a schema accepts, and one value more."""
    exactly = {"const": value}
    if node is False:
        return exactly
    if not isinstance(node, Mapping):
        return {"anyOf": [node, exactly]}
    kept = {key: node[key] for key in _ROOT_ONLY if root and key in node}
    rest = {key: each for key, each in node.items() if key not in kept}
    if set(rest) == {"const"}:
        return {**kept, "enum": [rest["const"], value]}
    if set(rest) == {"anyOf"} and isinstance(rest["anyOf"], list):
        return {**kept, "anyOf": [*rest["anyOf"], exactly]}
    return {**kept, "anyOf": [rest, exactly]}


def _fits_in_a_policy(value: JsonValue) -> bool:
    try:
        return len(json.dumps(value, allow_nan=False)) <= _MAX_QUOTED
    except (ValueError, RecursionError):
        return False
