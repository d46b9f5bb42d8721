"""YAML for people, written by hand: values from a trace or a file name appear quoted, never as syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from assay_core.model import JsonValue

__all__ = ["block", "comment", "flow", "scalar"]

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_./-]*")
_WIDTH = 110
_OTHER_TYPES = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))  # 1.1 readers too


def scalar(text: str) -> str:
    """Return text as one YAML scalar: plain where nobody could misread it, else in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER_TYPES:
        return text
    if text.isprintable() and "\\" in text and "'" not in text:
        return f"'{text}'"  # a pattern stays as people write it
    return '"' + "".join(_escaped(character) for character in text) + '"'


def comment(text: str) -> str:
    """Return text on one line, everything invisible escaped, fit to follow `# `."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def block(value: Mapping[str, JsonValue], indent: int = 0) -> Iterator[str]:
    """Yield the lines of a mapping: what fits on a line in flow style, the rest in block style."""
    for key, inner in value.items():
        head = " " * indent + scalar(key) + ":"
        line = f"{head} {flow(inner)}"
        if isinstance(inner, Mapping) and inner and len(line) > _WIDTH:
            yield head
            yield from block(inner, indent + 2)
        else:
            yield line


def flow(value: JsonValue) -> str:
    """Return a value on one line."""
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    return repr(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    if character.isprintable():
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
