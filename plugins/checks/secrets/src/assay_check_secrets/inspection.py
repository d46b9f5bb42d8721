"""Walks a JSON value and says where credentials stand, without ever repeating one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from assay_check_secrets.kinds import Kind
from assay_check_secrets.scanner import Budget, Hit, Scanner
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

    The walk keeps its own stack, so depth costs nothing but memory that the value takes already.

    Raises:
        TooMuchWork: see `Scanner.find`.
    """
    pending: list[tuple[str, str | None, JsonValue]] = [("", None, value)]
    while pending:
        pointer, key, item = pending.pop()
        if isinstance(item, str):
            for hit in scanner.find(item, budget, key):
                yield _found(hit, pointer, item, in_key=False)
        elif isinstance(item, Mapping):
            children: list[tuple[str, str | None, JsonValue]] = []
            for name, child in item.items():
                hits = scanner.find(name, budget)
                for hit in hits:
                    yield _found(hit, pointer, name, in_key=True)
                children.append((f"{pointer}/{_token(name, hidden=bool(hits))}", name, child))
            pending.extend(reversed(children))
        elif isinstance(item, Sequence):
            pending.extend((f"{pointer}/{index}", None, child) for index, child in reversed(list(enumerate(item))))


def _found(hit: Hit, pointer: str, text: str, *, in_key: bool) -> Found:
    return Found(kind=hit.kind, pointer=pointer, length=len(text), encodings=hit.encodings, in_key=in_key)


def _token(key: str, *, hidden: bool) -> str:
    if hidden:
        return _HIDDEN_KEY
    if len(key) > _LONGEST_KEY:
        return _LONG_KEY
    return key.replace("~", "~0").replace("/", "~1")
