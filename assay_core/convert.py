"""The two cattrs converters: strict for what people write, lossless for what machines write."""

from __future__ import annotations

import difflib
from collections import abc
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import (
    AttributeValidationNote,
    ForbiddenExtraKeysError,
    IterableValidationNote,
    StructureHandlerNotFoundError,
)
from cattrs.gen import make_dict_structure_fn

from assay_core.model.json_value import JsonValue

__all__ = ["Problem", "StructureError", "key_names", "nearest", "resolve_types", "structure", "unstructure"]

T = TypeVar("T")
Path = tuple[str | int, ...]


@attrs.frozen(kw_only=True)
class Problem:
    """One thing wrong with a value that a person wrote."""

    path: Path  # keys and indexes from the root of the value that was structured
    message: str
    key: str | None = None  # the unknown key, where that is the problem
    suggestion: str | None = None  # the nearest known key or value


class StructureError(Exception):
    """A value does not have the shape of its class; `problems` lists everything that is wrong, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class _Wrong(ValueError):
    """A scalar of the wrong type."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like this one, or None where nothing is near (similarity below 0.6)."""
    found = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def key_names(kind: type[object]) -> tuple[str, ...]:
    """Return the keys that a class takes, first spellings before further ones.

    A field is written under its own name, or under the names in its metadata: `metadata={"names": ("text",)}`.
    """
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", kind))
    first = [_spellings(field)[0] for field in fields if field.init]
    further = [name for field in fields if field.init for name in _spellings(field)[1:]]
    return (*first, *further)


def structure(value: JsonValue, kind: type[T]) -> T:
    """Build `kind` from what a person wrote. Strict: nothing is coerced and no unknown key passes.

    Keys beginning with `x-` are free and left out. Fields take further spellings from `metadata["names"]`.

    Raises:
        StructureError: with every problem found.
    """
    try:
        return _strict().structure(value, kind)
    except Exception as error:
        raise StructureError(tuple(_problems(error, ()))) from error


def unstructure(value: object) -> JsonValue:
    """Return frozen values as plain JSON values; nothing is dropped, enums become their values."""
    return cast("JsonValue", _lossless().unstructure(value))


def resolve_types(kind: type[object]) -> None:
    """Resolve the annotations of an attrs class, also where its module imports `JsonObject` but not `JsonValue`."""
    attrs.resolve_types(cast("type[attrs.AttrsInstance]", kind), localns={"JsonValue": JsonValue})


def _spellings(field: attrs.Attribute[Any]) -> tuple[str, ...]:
    names = tuple(field.metadata.get("names", ()))
    return names if field.metadata.get("only_names") else (field.name, *names)


@lru_cache(maxsize=1)
def _lossless() -> Converter:
    return Converter()


@lru_cache(maxsize=1)
def _strict() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    for scalar, words in ((str, "a string"), (int, "a whole number"), (bool, "true or false")):
        converter.register_structure_hook(scalar, _scalar(scalar, words))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook_func(_is_json_value, lambda value, _: value)
    converter.register_structure_hook_func(_is_json_object, lambda value, _: _mapping(value))
    converter.register_structure_hook_func(_is_literal, _literal)
    converter.register_structure_hook_func(_is_tuple_of, lambda value, kind: _sequence(converter, value, kind))
    converter.register_structure_hook_factory(attrs.has, lambda kind: _class_hook(kind, converter))
    return converter


def _is_json_value(kind: Any) -> bool:  # Any: a type form
    """Recognise `JsonValue`, however far its forward references have been resolved."""
    arguments = set(getattr(kind, "__args__", ()))
    return kind is object or bool(get_origin(kind) is Union and {bool, int, float, str} <= arguments)


def _is_json_object(kind: Any) -> bool:  # Any: a type form
    arguments: tuple[object, ...] = getattr(kind, "__args__", ())
    return get_origin(kind) is abc.Mapping and len(arguments) == 2 and _is_json_value(arguments[-1])


def _is_literal(kind: Any) -> bool:  # Any: a type form
    return get_origin(kind) is Literal


def _is_tuple_of(kind: object) -> bool:
    return getattr(kind, "__origin__", None) is tuple


def _scalar(scalar: type[Any], words: str) -> Any:  # a cattrs hook
    def check(value: object, _: object) -> object:
        if type(value) is not scalar and not (isinstance(value, scalar) and not isinstance(value, bool)):
            raise _Wrong(f"expected {words}, found {_shown(value)}")
        return scalar(value) if type(value) is not scalar else value  # ruamel's scalar classes become plain

    return check


def _number(value: object, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Wrong(f"expected a number, found {_shown(value)}")
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        raise _Wrong("expected a finite number")
    return number


def _mapping(value: object) -> object:
    if not isinstance(value, Mapping):
        raise _Wrong(f"expected a mapping, found {_shown(value)}")
    return value


def _sequence(converter: Converter, value: object, kind: Any) -> tuple[object, ...]:
    if not isinstance(value, (list, tuple)):
        raise _Wrong(f"expected a list, found {_shown(value)}")
    item = kind.__args__[0]
    errors: list[Exception] = []
    items = []
    for index, each in enumerate(value):
        try:
            items.append(converter.structure(each, item))
        except Exception as error:  # noqa: BLE001 - collected, so that every wrong item is reported at once
            error.__notes__ = [*getattr(error, "__notes__", []), IterableValidationNote("", index, item)]
            errors.append(error)
    if errors:
        raise IterableValidationError("list", errors, kind)
    return tuple(items)


def _class_hook(kind: type[Any], converter: Converter) -> Any:  # a cattrs hook
    resolve_types(kind)
    fields = {name: field.name for field in attrs.fields(kind) if field.init for name in _spellings(field)}
    inner = make_dict_structure_fn(
        kind, converter, _cattrs_forbid_extra_keys=False, _cattrs_detailed_validation=True, _cattrs_use_alias=False
    )

    def hook(value: object, _: object) -> object:
        if not isinstance(value, Mapping):
            raise _Wrong(f"expected a mapping, found {_shown(value)}")
        unknown = {key for key in value if key not in fields and not str(key).startswith("x-")}
        renamed: dict[str, object] = {}
        written: dict[str, str] = {}
        errors: list[Exception] = []
        for key, item in value.items():
            if key not in fields:
                continue
            if fields[key] in renamed:
                again = _Wrong(f"{key!r} says again what another spelling of the same key says")
                again.__notes__ = [AttributeValidationNote("", key, kind)]
                errors.append(again)
            renamed[fields[key]] = item
            written[fields[key]] = key
        if unknown:
            errors.append(ForbiddenExtraKeysError(None, kind, unknown))
        try:
            result = inner(renamed, kind)
        except ClassValidationError as error:
            errors.extend(_as_written(each, written) for each in error.exceptions)
        if errors:
            raise ClassValidationError("keys", errors, kind)
        return result

    return hook


def _as_written(error: Exception, written: Mapping[str, str]) -> Exception:
    """Let the note of an error name the key as the person spelt it."""
    for note in getattr(error, "__notes__", []):
        if isinstance(note, AttributeValidationNote):
            note.name = written.get(note.name, note.name)
    return error


def _literal(value: object, kind: object) -> object:
    choices = get_args(kind)
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return value
    guess = nearest(str(value), map(str, choices))
    hint = f"; did you mean {guess!r}?" if guess else ""
    raise _Wrong(f"expected one of {', '.join(map(str, choices))}, found {_shown(value)}{hint}")


def _shown(value: object) -> str:
    names = {str: "the string", bool: "the boolean", int: "the number", float: "the number"}
    for kind, words in names.items():
        if isinstance(value, kind):
            return f"{words} {value!r}" if len(repr(value)) <= 60 else words.replace("the", "a", 1)
    if value is None:
        return "nothing (null)"
    return (
        "a mapping"
        if isinstance(value, Mapping)
        else "a list"
        if isinstance(value, (list, tuple))
        else repr(type(value))
    )


def _problems(error: BaseException, path: Path) -> Iterable[Problem]:
    """Walk a tree of cattrs errors."""
    if isinstance(error, (ClassValidationError, IterableValidationError)):
        for each in error.exceptions:
            yield from _problems(each, (*path, *_step(each)))
        return
    if isinstance(error, ForbiddenExtraKeysError):
        known = key_names(error.cl)
        for key in sorted(map(str, error.extra_fields)):
            guess = nearest(key, known)
            yield Problem(path=(*path, key), key=key, suggestion=guess, message=f"unknown key {key!r}")
        return
    if isinstance(error, KeyError) and path:
        yield Problem(path=path[:-1], message=f"missing key {path[-1]!r}")
        return
    if isinstance(error, (StructureHandlerNotFoundError, NameError, AttributeError, ImportError)):  # the class is wrong
        raise TypeError(str(error)) from error
    yield Problem(path=path, message=str(error) or type(error).__name__)


def _step(error: BaseException) -> Path:
    """Return the key or index that a cattrs note says the error stands under."""
    for note in reversed(getattr(error, "__notes__", [])):
        if isinstance(note, AttributeValidationNote):
            return (note.name,)
        if isinstance(note, IterableValidationNote):
            return (note.index,)
    return ()
