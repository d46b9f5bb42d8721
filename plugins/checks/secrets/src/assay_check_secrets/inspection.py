"""Walks a JSON value and says where credentials stand, without ever repeating one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from assay_check_secrets.budget import Budget
from assay_check_secrets.kinds import Kind
from assay_check_secrets.scanner import Hit, Scanner
from assay_core.model import JsonValue

__all__ = ["Found", "inspect"]

_HIDDEN_KEY = "[credential]"
_LONG_KEY = "[long key]"
_LONGEST_KEY = 128


@attrs.frozen(kw_only=True)
class Found:
    """One credential, described by what may be printed of it."""

    kind: Kind
    pointer: str  # JSON Pointer; a key that is itself a credential is replaced
    length: int  # characters of the text that carries it
    encodings: tuple[str, ...]
    in_key: bool


def inspect(value: JsonValue, scanner: Scanner, budget: Budget) -> Iterator[Found]:
    """Yield what is found in every string and every object key, in the order of the document.

    The walk holds one iterator per level, so memory grows with depth and not with width.

    Raises:
        TooMuchWork: see `Scanner.find`.
    """
    levels: list[tuple[str, Iterator[tuple[str | int | None, JsonValue]]]] = [("", iter([(None, value)]))]
    while levels:
        parent, members = levels[-1]
        for step, item in members:
            key = step if isinstance(step, str) else None
            hits = scanner.find(key, budget) if key is not None else ()
            for hit in hits:
                yield _found(hit, parent, str(key), in_key=True)
            if isinstance(item, str):
                for hit in scanner.find(item, budget, key):
                    yield _found(hit, parent + _token(step, hidden=bool(hits)), item, in_key=False)
            elif isinstance(item, (Mapping, Sequence)):
                inner = iter(item.items()) if isinstance(item, Mapping) else enumerate(item)
                levels.append((parent + _token(step, hidden=bool(hits)), inner))
                break  # go down; this level goes on where it stopped
        else:
            levels.pop()


def _found(hit: Hit, pointer: str, text: str, *, in_key: bool) -> Found:
    return Found(kind=hit.kind, pointer=pointer, length=len(text), encodings=hit.encodings, in_key=in_key)


def _token(step: str | int | None, *, hidden: bool) -> str:
    """Return the part of a pointer that leads to a member; "" for the value itself."""
    if step is None:
        return ""
    if hidden:
        return f"/{_HIDDEN_KEY}"
    if isinstance(step, str) and len(step) > _LONGEST_KEY:
        return f"/{_LONG_KEY}"
    return "/" + str(step).replace("~", "~0").replace("/", "~1")
