"""Python values as JSON. What JSON cannot hold is noted, never guessed, and never asked for its `repr`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from os import PathLike, fspath
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from assay_core.model import JsonValue

__all__ = ["Converted", "convert"]

_MAX_DEPTH = 100  # below the depth that readers of traces accept, with room for the members around a value


class Converted(NamedTuple):
    """A value as JSON, and what of it JSON could not hold."""

    value: JsonValue
    notes: tuple[tuple[str, str], ...]  # (JSON Pointer, type or reason), in the order of the value


def convert(value: object) -> Converted:
    """Return a value as JSON.

    Tuples become lists; dates, paths, UUIDs and decimals become texts; enumerations their values; dataclasses and
    objects with `model_dump` (pydantic) become objects. In place of anything else stands the text `<type>`, and a
    note: a representation could hold secrets, or an address that differs from run to run.
    """
    notes: list[tuple[str, str]] = []
    return Converted(_Conversion(notes).convert(value, "", 0), tuple(notes))


class _Conversion:
    def __init__(self, notes: list[tuple[str, str]]) -> None:
        self._notes = notes
        self._open: set[int] = set()  # containers being converted, to see those that hold themselves

    def convert(self, value: object, pointer: str, depth: int) -> JsonValue:
        if value is None or value is True or value is False:
            return value
        kind = type(value)
        if kind is str:
            return self._text(value, pointer)  # type: ignore[arg-type]  # by the line above
        if kind is int:
            return value  # type: ignore[return-value]  # by the line above
        if kind is float:
            return value if math.isfinite(value) else self._note(pointer, "a float that is not finite")  # type: ignore[arg-type,return-value]  # by the line above
        if depth >= _MAX_DEPTH:
            return self._note(pointer, f"deeper than {_MAX_DEPTH} levels")
        if id(value) in self._open:
            return self._note(pointer, "a value that holds itself")
        self._open.add(id(value))
        try:
            return self._other(value, pointer, depth)
        except Exception as error:  # noqa: BLE001 - foreign properties and methods run here; recording must not break the tool
            return self._note(pointer, f"{_name(kind)}, which raised {_name(type(error))}")
        finally:
            self._open.discard(id(value))

    def _other(self, value: object, pointer: str, depth: int) -> JsonValue:
        if isinstance(value, Enum):
            return self.convert(value.value, pointer, depth + 1)
        if isinstance(value, (str, int, float)):  # subclasses, as their plain value
            plain = (
                str.__str__(value) if isinstance(value, str) else int(value) if isinstance(value, int) else float(value)
            )
            return self.convert(plain, pointer, depth + 1)
        if isinstance(value, Mapping):
            return self._mapping(value, pointer, depth)
        if isinstance(value, (list, tuple)):
            return [self.convert(each, f"{pointer}/{place}", depth + 1) for place, each in enumerate(value)]
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, (Decimal, UUID)):
            return str(value)
        if isinstance(value, PathLike):
            path = fspath(value)
            return self._text(path, pointer) if isinstance(path, str) else self._note(pointer, "bytes")
        fields = getattr(type(value), "__dataclass_fields__", None)
        if isinstance(fields, Mapping):
            return self._mapping({name: getattr(value, name) for name in fields}, pointer, depth)
        dump = getattr(value, "model_dump", None)
        if callable(dump) and not isinstance(value, type):
            return self.convert(dump(mode="json", by_alias=True, exclude_none=True), pointer, depth + 1)
        return self._note(pointer, _name(type(value)))

    def _mapping(self, value: Mapping[object, object], pointer: str, depth: int) -> JsonValue:
        converted: dict[str, JsonValue] = {}
        for key, item in value.items():
            name = key if type(key) is str else key.value if isinstance(key, Enum) else key
            if isinstance(name, (int, float)) and not isinstance(name, bool):
                name = str(name)
            place = f"{pointer}/{_escaped(name) if isinstance(name, str) else '?'}"
            if not isinstance(name, str):
                self._note(place, f"a key of type {_name(type(key))}")
                continue
            name = str(self._text(name, place))
            if name in converted:
                self._note(place, "a key that stands twice once it is text")
                continue
            converted[name] = self.convert(item, place, depth + 1)
        return converted

    def _text(self, text: str, pointer: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            self._notes.append((pointer, "a text with lone surrogates"))
            return text.encode("utf-8", "backslashreplace").decode()
        return text

    def _note(self, pointer: str, what: str) -> str:
        self._notes.append((pointer, what))
        return f"<{what}>"


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
