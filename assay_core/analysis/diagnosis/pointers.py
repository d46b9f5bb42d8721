"""From the place of a finding back to what stands there in its document."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from assay_core.documents import Document
from assay_core.errors import Place
from assay_core.model import JsonValue

__all__ = ["Standing", "Way", "pointer_of", "standing_at"]

Way = tuple[str | int, ...]


@attrs.frozen
class Standing:
    """A key or a value, and the way to it."""

    path: Way
    value: JsonValue
    is_key: bool


def standing_at(document: Document, place: Place | None) -> Standing | None:
    """Return the key, or else the value, that begins at a place; None where none does."""
    if place is None or not place.line:
        return None
    wanted = (place.line, place.column)
    best: Standing | None = None
    for path, value in _walk(document.value, ()):
        if path and isinstance(path[-1], str) and document.place(path, key=True)[1:3] == wanted:
            return Standing(path, value, True)
        if best is None and not isinstance(value, (dict, list)) and document.place(path)[1:3] == wanted:
            best = Standing(path, value, False)
    return best


def pointer_of(path: Way) -> str:
    """Return a path as a JSON Pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _walk(value: JsonValue, path: Way) -> Iterator[tuple[Way, JsonValue]]:
    waiting: list[tuple[Way, JsonValue]] = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, dict):
            waiting.extend(((*path, key), item) for key, item in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend(((*path, at), value[at]) for at in range(len(value) - 1, -1, -1))
