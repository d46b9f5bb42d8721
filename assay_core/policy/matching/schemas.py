"""JSON Schemas of users: one factory, nothing fetched, linear-time patterns, and a broken check denies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NoReturn, TypeAlias, cast

import attrs

from assay_core.errors import InputError, Place
from assay_core.model import JsonObject, JsonValue
from assay_core.policy.matching.schema_idle import IdleKeyword, idle_keywords
from assay_core.policy.matching.schema_text import SchemaFault, find_fault, refuses_nothing

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

__all__ = ["CompiledSchema", "SchemaViolation", "compile_schema", "part_checks"]

MAX_VIOLATIONS = 200  # of one value; what a hostile value can make us hold
_MAX_MESSAGE = 300  # characters
_MAX_POINTER = 500
_REGEX_SIZE_LIMIT = 1 << 20
_DRAFTS = {
    "https://json-schema.org/draft/2020-12/schema": "Draft202012Validator",
    "https://json-schema.org/draft/2019-09/schema": "Draft201909Validator",
    "http://json-schema.org/draft-07/schema": "Draft7Validator",
    "http://json-schema.org/draft-06/schema": "Draft6Validator",
    "http://json-schema.org/draft-04/schema": "Draft4Validator",
}
_NEWEST = "Draft202012Validator"

_Schema: TypeAlias = JsonObject | bool


@attrs.frozen
class SchemaViolation:
    """One way in which a value does not fit. The message never quotes the value: it may be a secret."""

    pointer: str  # JSON Pointer to the offending part of the value, "" for the value itself
    keyword: str
    message: str


class CompiledSchema:
    """A schema, ready to check values.

    Values are what a JSON decoder gives. Their depth is the decoder's business: msgspec stops at about a
    thousand levels, far below where the engine's own recursion would end.
    """

    __slots__ = ("_check", "_iterate", "idle", "schema", "vacuous")

    def __init__(
        self,
        schema: _Schema,
        check: Callable[[object], bool],
        iterate: Callable[[object], object],
        *,
        vacuous: bool,
        idle: tuple[IdleKeyword, ...] = (),
    ) -> None:
        self.schema = schema  # as compiled, shared definitions included
        self.vacuous = vacuous  # True: no value whatever could be refused
        self.idle = idle  # keywords that look like a control and are none
        self._check = check
        self._iterate = iterate

    @property
    def engine_check(self) -> Callable[[object], bool]:
        """The engine's own test, for hot loops: an exception it raises has to count as False."""
        return self._check

    @property
    def engine_errors(self) -> Callable[[object], object]:
        """The engine's own errors of a value, an iterator: for what has to know where in the schema one came from."""
        return self._iterate

    def is_valid(self, value: object) -> bool:
        """Tell whether the value fits. Anything the engine cannot judge does not fit."""
        try:
            return self._check(value)
        except Exception:  # noqa: BLE001 - fail closed: no answer means deny
            return False

    def violations(self, value: object) -> tuple[SchemaViolation, ...]:
        """Return how the value does not fit, sorted by pointer and keyword; empty if and only if it fits.

        At most 200 are listed; one more then says that there are others.
        """
        if self.is_valid(value):
            return ()
        try:
            errors = cast("list[ValidationError]", list(islice(self._iterate(value), MAX_VIOLATIONS + 1)))  # type: ignore[call-overload]  # an iterator
            found = sorted(map(_violation, errors[:MAX_VIOLATIONS]), key=attrs.astuple)
        except Exception as error:  # noqa: BLE001 - fail closed
            return (SchemaViolation("", "", f"the value cannot be checked ({type(error).__name__})"),)
        if len(errors) > MAX_VIOLATIONS:
            found.append(SchemaViolation("", "", f"more than {MAX_VIOLATIONS} violations; the rest is left out"))
        return tuple(found) or (SchemaViolation("", "", "the value does not fit the schema"),)


def compile_schema(
    schema: JsonValue,
    *,
    defs: JsonObject | None = None,
    place: Place | None = None,
    code: str = "E_SCHEMA_COMPILE",
) -> CompiledSchema:
    """Compile a JSON Schema: 2020-12, or the draft that its `$schema` names.

    Args:
        schema: A mapping or a boolean.
        defs: Shared definitions, merged into the schema's own `$defs`.
        place: Where the schema stands, for the error.
        code: The code of the error.

    Raises:
        InputError: with `code`, if a keyword is unknown or misspelt, a value has the wrong type, a pattern is not
            linear, a `$ref` is not local, does not resolve or comes back to itself without having gone down into
            the value, or a shared definition has the name of an own one.
    """
    try:
        merged = _merged(schema, defs)
        draft = _draft(merged)
        if fault := find_fault(merged, draft):
            raise fault
        check, iterate = _engine(merged, draft)
        vacuous, idle = refuses_nothing(merged, draft), idle_keywords(merged, draft)
    except SchemaFault as fault:
        raise InputError(code=code, message=fault.text, remedy=fault.remedy, place=place) from None
    except RecursionError:
        raise InputError(code=code, message="the schema is nested too deep", place=place) from None
    return CompiledSchema(merged, check, iterate, vacuous=vacuous, idle=idle)


def part_checks(schema: CompiledSchema) -> Callable[[str], Callable[[object], bool]]:
    """Return the tests of the schemas inside a compiled one, by their JSON Pointer from its root.

    A test says whether a value fits that part alone; what the engine cannot judge does not fit.

    Raises:
        KeyError: from the function, for a pointer at which no schema stands.
    """
    if isinstance(schema.schema, bool):
        raise TypeError("a boolean schema has no parts")
    import jsonschema_rs  # tens of milliseconds: not at start-up

    options = jsonschema_rs.RegexOptions(size_limit=_REGEX_SIZE_LIMIT)
    plain = cast("dict[str, object]", _plain(schema.schema))
    parts = jsonschema_rs.validator_map_for(plain, pattern_options=options, retriever=_refuse)

    def check_of(pointer: str) -> Callable[[object], bool]:
        found = parts.get(f"#{pointer}")
        if found is None:
            raise KeyError(pointer)
        return found.is_valid

    return check_of


def _merged(schema: JsonValue, defs: JsonObject | None) -> _Schema:
    """Add the shared definitions to the schema's own."""
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping):
        raise SchemaFault("", f"a JSON Schema is a mapping or a boolean, not {_kind(schema)}")
    if not defs:
        return schema
    own = schema.get("$defs", {})
    if not isinstance(own, Mapping):
        raise SchemaFault("/$defs", f"$defs is a mapping of names to schemas, not {_kind(own)}")
    if both := sorted(set(own) & set(defs)):
        raise SchemaFault(f"/$defs/{both[0]}", f"the schema's own definition {both[0]!r} has the name of a shared one")
    return {**schema, "$defs": {**defs, **own}}


def _draft(schema: _Schema) -> str:
    """Return the name of the engine's class for the draft that the schema names."""
    named = schema.get("$schema") if isinstance(schema, Mapping) else None
    if named is None:
        return _NEWEST
    found = _DRAFTS.get(str(named).rstrip("#"))
    if found is None:
        raise SchemaFault("/$schema", f"the dialect {str(named)[:100]!r} is not known", "drop $schema to get 2020-12")
    return found


def _engine(schema: _Schema, draft: str) -> tuple[Callable[[object], bool], Callable[[object], object]]:
    import jsonschema_rs  # tens of milliseconds: not at start-up

    def build(mask: str | None) -> Draft202012Validator:
        options = jsonschema_rs.RegexOptions(size_limit=_REGEX_SIZE_LIMIT)
        made = getattr(jsonschema_rs, draft)(_plain(schema), pattern_options=options, retriever=_refuse, mask=mask)
        return cast("Draft202012Validator", made)

    try:
        build(None)  # its errors quote the schema; those of the masked one below do not quote values
        validator = build("the value")
    except jsonschema_rs.ValidationError as error:
        where = "".join(f"/{step}" for step in error.instance_path)
        detail = error.message
        if error.kind.name == "format" or '"regex"' in detail:
            raise SchemaFault(
                where, "the pattern is not a regular expression that the linear-time engine takes"
            ) from None
        raise SchemaFault(where, detail[:_MAX_MESSAGE]) from None
    except RecursionError:
        raise
    except Exception as error:  # noqa: BLE001 - an engine that cannot compile it cannot check with it
        raise SchemaFault("", f"{type(error).__name__}: {str(error)[:_MAX_MESSAGE]}") from None
    return validator.is_valid, validator.iter_errors


def _refuse(uri: str) -> NoReturn:
    """Stand in for the engine's retriever, which by default reads files and fetches URLs."""
    raise ValueError(f"{uri[:100]!r} is not part of the schema and nothing is fetched")


def _plain(value: JsonValue) -> JsonValue:
    """Copy into plain dicts and lists: the engine takes no other mapping."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _violation(error: ValidationError) -> SchemaViolation:
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.instance_path)
    named = str(error.schema_path[-1]) if error.schema_path else ""
    kind = error.kind.name
    message = error.message
    return SchemaViolation(
        pointer if len(pointer) <= _MAX_POINTER else pointer[:_MAX_POINTER] + "…",
        named if named and kind not in ("falseSchema",) and not named.isdigit() else kind,
        message if len(message) <= _MAX_MESSAGE else message[:_MAX_MESSAGE] + "…",
    )


def _kind(value: JsonValue) -> str:
    return (
        "null" if value is None else "a list" if isinstance(value, (list, tuple)) else f"the value {str(value)[:40]!r}"
    )
