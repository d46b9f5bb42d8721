"""How two behaviours differ: tools gone or new, order, shapes of arguments.

What was always so and never is now (or the other way round) is a warning; what varied already is a note, unless
the numbers rule out chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from assay_core.model import BehaviourChange, BehaviourKind
from assay_core.run.baseline.behaviour import Behaviour
from assay_core.run.baseline.statistics import chance_of_other_rate

__all__ = ["behaviour_changes"]

_LEVEL = 0.05
_LISTED = 10
Types = Mapping[str, int]


def behaviour_changes(test_id: str, before: Behaviour, after: Behaviour) -> Iterator[BehaviourChange]:
    """Yield every difference: tools by name, then order, then arguments by tool."""

    def change(kind: BehaviourKind, tool: str, message: str, *, certain: bool) -> BehaviourChange:
        severity: Literal["warning", "note"] = "warning" if certain else "note"
        return BehaviourChange(test_id=test_id, kind=kind, tool=tool, message=message, severity=severity)

    if not before.episodes or not after.episodes:
        return
    for tool in sorted(before.tools.keys() | after.tools.keys()):
        had, has = before.tools.get(tool, 0), after.tools.get(tool, 0)
        certain = _is_certain(had, before.episodes, has, after.episodes)
        if not has and not after.cut:
            text = f"{tool!r} is no longer called (in {_share(had, before.episodes)} before)"
            yield change("tool_gone", tool, text, certain=certain)
        elif not had and not before.cut:
            text = f"{tool!r} is called now (in {_share(has, after.episodes)}), and was not before"
            yield change("tool_new", tool, text, certain=certain)
    for (one, two), text, certain in _order_changes(before, after):
        yield change("order", two, f"{one!r} {text} {two!r}", certain=certain)
    for tool in sorted(before.tools.keys() & after.tools.keys()):
        found = list(_shape_changes(before, after, tool))
        if found:
            listed = "; ".join(text for text, _ in found[:_LISTED])
            more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
            certain = any(each for _, each in found)
            yield change("arguments", tool, f"arguments of {tool!r}: {listed}{more}", certain=certain)


def _order_changes(before: Behaviour, after: Behaviour) -> Iterator[tuple[tuple[str, str], str, bool]]:
    words = ("came before", "came after", "was called in turn with")
    now = ("comes before", "comes after", "is called in turn with")
    for pair in sorted(before.order.keys() & after.order.keys()):
        had, has = before.order[pair], after.order[pair]
        new = [at for at in range(3) if has[at] and not had[at]]
        if not new:
            continue
        at = max(new, key=has.__getitem__)
        old = max(range(3), key=had.__getitem__)
        certain = _is_certain(had[at], sum(had), has[at], sum(has))
        yield pair, f"{words[old]} and now {now[at]}", certain


def _shape_changes(before: Behaviour, after: Behaviour, tool: str) -> Iterator[tuple[str, bool]]:
    """Yield what changed, and whether it is certain; below a key that came or went nothing further is told."""
    had, has = before.arguments.get(tool, {}), after.arguments.get(tool, {})
    episodes, now = before.tools[tool], after.tools[tool]
    told: list[str] = []
    for pointer in sorted(had.keys() | has.keys()):
        if any(pointer.startswith(f"{each}/") for each in told):
            continue
        old, new = had.get(pointer, {}), has.get(pointer, {})
        shown = repr(pointer) if pointer else "the whole"
        if not new:
            if not after.cut:
                told.append(pointer)
                yield f"{shown} is gone", _is_certain(_most(old), episodes, 0, now)
        elif not old:
            if not before.cut:
                told.append(pointer)
                yield f"{shown} ({_names(new)}) is new", _is_certain(0, episodes, _most(new), now)
        elif other := [kind for kind in new if kind not in old]:
            told.append(pointer)
            certain = any(_is_certain(0, episodes, new[kind], now) for kind in other)
            yield f"{shown} was {_names(old)} and now is {_names({kind: new[kind] for kind in other})}", certain


def _is_certain(had: int, before: int, has: int, after: int) -> bool:
    had, has = min(had, before), min(has, after)
    if (had == before and not has) or (not had and has == after):
        return True
    return chance_of_other_rate(had, before, has, after) <= _LEVEL


def _most(types: Types) -> int:
    return max(types.values(), default=0)


def _names(types: Types) -> str:
    return " or ".join(sorted(types))


def _share(count: int, episodes: int) -> str:
    return "the one episode" if episodes == 1 else f"{count} of {episodes} episodes"
