"""The same changes made to plain values: what the rewritten text has to say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay_core.config.rewriting.changes import AddType, Change, MovePath, Promote, Replace, SetVersion
from assay_core.model.json_value import JsonValue

__all__ = ["changed_value", "legacy_changes"]


def changed_value(value: JsonValue, changes: Iterable[Change]) -> JsonValue:
    """Return the value with the changes made; the value itself stays as it is."""
    changes = tuple(changes)
    if not changes:
        return value
    root: dict[str, JsonValue] = {"": _copied(value)}  # aliases are followed, so that each place changes by itself
    for change in changes:
        holder: JsonValue = root
        *steps, last = ("", *change.path)
        for step in steps:
            holder = holder[step]  # type: ignore[index, call-overload]  # the path was found in this value
        changed = _changed(holder[last], change)  # type: ignore[index]  # as above
        holder[last] = changed  # type: ignore[index]  # as above
    return root[""]


def _copied(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _changed(value: JsonValue, change: Change) -> JsonValue:
    if not isinstance(value, dict):
        raise TypeError("a change is about a mapping")
    if isinstance(change, SetVersion):
        kept = {key: item for key, item in value.items() if key not in ("version", "configVersion")}
        return {"configVersion": 1, **kept}
    if isinstance(change, AddType):
        return {"type": change.type, **value}
    if isinstance(change, Promote):
        return {**value, change.key: [value[change.key]]}
    if isinstance(change, MovePath):
        return {**value, change.key: change.to}
    if isinstance(change, Replace):
        kept = {key: item for key, item in value.items() if key.startswith("x-")}
        content = changed_value(change.referred.document.value, change.inner)
        return {**content, **kept} if isinstance(content, dict) else content
    kept = {key: item for key, item in value.items() if key != "policy"}
    return {**kept, change.key: change.referred.document.value}


def legacy_changes(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return those without which the loader could not read the old form: `$ref` and paths from other folders."""
    return tuple(each for each in changes if isinstance(each, (Replace, MovePath)))
