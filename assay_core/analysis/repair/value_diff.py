"""The edits that lead from one JSON value to another, key by key, so that comments around them stay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assay_core.analysis.repair.patch import Edit
from assay_core.model import JsonObject, JsonValue

__all__ = ["edits_between", "pointer_to"]

# Keys whose place another takes: moved and not removed, so that neither half of the change works alone.
_RENAMES = (("const", "enum"), ("exclusiveMaximum", "maximum"), ("exclusiveMinimum", "minimum"))
_CHANGED, _REMOVED = 1, 2  # what aligning two lists costs


def edits_between(before: JsonObject, after: JsonObject) -> tuple[Edit, ...]:
    """Return edits that turn one mapping into the other when applied in order.

    Nodes that YAML aliases share are compared once: an edit of one is an edit of all.
    """
    return tuple(_mapping(before, after, "", set()))


def pointer_to(*steps: str | int) -> str:
    """Return the JSON Pointer of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _value(before: JsonValue, after: JsonValue, at: str, seen: set[tuple[int, int]]) -> Iterator[Edit]:
    if (id(before), id(after)) in seen:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        seen.add((id(before), id(after)))
        yield from _mapping(before, after, at, seen)
    elif isinstance(before, list) and isinstance(after, list):
        seen.add((id(before), id(after)))
        yield from _list(before, after, at, seen)
    elif not _same(before, after):
        yield Edit(op="replace", path=at, value=after)


def _mapping(before: JsonObject, after: JsonObject, at: str, seen: set[tuple[int, int]]) -> Iterator[Edit]:
    gone = [key for key in before if key not in after]
    come = [key for key in after if key not in before]
    if gone and "anyOf" in come and at:  # the old schema has become one of several: neither half works alone
        yield Edit(op="replace", path=at, value=dict(after))
        return
    for old, new in _RENAMES:
        if old in gone and new in come:
            gone.remove(old)
            come.remove(new)
            yield Edit(op="move", path=at + pointer_to(new), from_path=at + pointer_to(old))
            if not _same(before[old], after[new]):
                yield Edit(op="replace", path=at + pointer_to(new), value=after[new])
    for key in gone:
        yield Edit(op="remove", path=at + pointer_to(key))
    for key, value in before.items():
        if key in after:
            yield from _value(value, after[key], at + pointer_to(key), seen)
    for key in come:
        yield Edit(op="add", path=at + pointer_to(key), value=after[key])


def _list(before: Sequence[Any], after: Sequence[Any], at: str, seen: set[tuple[int, int]]) -> Iterator[Edit]:
    """Change and remove from the end, so that an index means the same whichever other edits are applied; then append.

    What is new is taken to stand at the end: nothing here inserts.
    """
    start, end = 0, len(before)
    added = max(0, len(after) - len(before))
    kept = list(after[: len(after) - added])
    while start < min(end, len(kept)) and _same(before[start], kept[start]):
        start += 1
    tail = 0
    while tail < min(end, len(kept)) - start and _same(before[end - 1 - tail], kept[len(kept) - 1 - tail]):
        tail += 1
    pairs = _aligned(before[start : end - tail], kept[start : len(kept) - tail])
    for place, partner in reversed(pairs):
        here = at + pointer_to(start + place)
        if partner is None:
            yield Edit(op="remove", path=here)
        else:
            yield from _value(before[start + place], kept[start + partner], here, seen)
    for value in after[len(kept) :]:
        yield Edit(op="add", path=f"{at}/-", value=value)


def _aligned(before: Sequence[Any], after: Sequence[Any]) -> list[tuple[int, int | None]]:
    """Return for each element of the longer list its partner in the shorter one, None where it was removed."""
    rows, columns = len(before), len(after)
    cost = [[_REMOVED * (row - column) if column == 0 else 10**9 for column in range(columns + 1)]
            for row in range(rows + 1)]  # fmt: skip
    for row in range(1, rows + 1):
        for column in range(1, min(row, columns) + 1):
            matched = cost[row - 1][column - 1] + (0 if _same(before[row - 1], after[column - 1]) else _CHANGED)
            cost[row][column] = min(matched, cost[row - 1][column] + _REMOVED)
    pairs: list[tuple[int, int | None]] = []
    row, column = rows, columns
    while row:
        if column == 0 or cost[row][column] == cost[row - 1][column] + _REMOVED:
            pairs.append((row - 1, None))
        else:
            column -= 1
            pairs.append((row - 1, column))
        row -= 1
    return pairs[::-1]


def _same(before: JsonValue, after: JsonValue) -> bool:
    """Tell whether two values are the same JSON, `1`, `1.0` and `true` apart."""
    if before is after:
        return True
    return before == after and json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
