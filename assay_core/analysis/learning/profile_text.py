"""A profile as YAML that people can read and other tools can load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assay_core.config.starter.yaml_text import block, scalar
from assay_core.model import JsonObject, JsonValue

__all__ = ["profile_yaml"]


def profile_yaml(document: JsonObject) -> str:
    """Return the YAML of `Profile.document()`: times and versions quoted, long lists one item a line."""
    lines: list[str] = []
    for key, value in document.items():
        lines += _member(key, value)
    return "\n".join(lines) + "\n"


def _member(key: str, value: JsonValue) -> Iterator[str]:
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        yield f"{scalar(key)}:"
        yield from (f"- {scalar(str(each))}" for each in value)
    elif isinstance(value, Mapping):
        yield from _mapping(key, value)
    else:
        yield from block({key: value})


def _mapping(key: str, value: Mapping[str, JsonValue]) -> Iterator[str]:
    if not value:
        yield f"{scalar(key)}: {{}}"
        return
    yield f"{scalar(key)}:"
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield f"  {scalar(name)}:"
            yield from block(inner, 4)
        else:
            yield from block({name: inner}, 2)
