"""Strict JSON with positions: for small files that people or programs write whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from assay_core.documents.document import DEPTH_LIMIT, NODE_LIMIT, SIZE_LIMIT, Node, Source
from assay_core.documents.scalars import ScalarError, whole_text
from assay_core.errors import InputError, Place
from assay_core.model.json_value import JsonValue

__all__ = ["JsonSyntaxError", "compose_json", "parse_json"]

_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN_STRING = re.compile(r'"([^"\\\x00-\x1f]*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 1000
_WORDS: tuple[tuple[str, JsonValue], ...] = (("true", True), ("false", False), ("null", None))
_scan_string: Callable[[str, int, bool], tuple[str, int]] = json.decoder.scanstring  # type: ignore[attr-defined]  # the C scanner of the standard library has no stub


class JsonSyntaxError(ValueError):
    """Not JSON, at an offset of the text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


def parse_json(data: bytes, name: str) -> JsonValue:
    """Return the value of a small JSON file, read strictly.

    Raises:
        InputError: E_CFG_PARSE with the place: not JSON, duplicate keys at any depth, NaN, lone surrogates, bytes
            that are not UTF-8, a byte order mark; E_DOCUMENT_LIMIT beyond 10 MiB, 128 levels or 1 M nodes.
    """
    if len(data) > SIZE_LIMIT:
        message = f"the document is larger than {SIZE_LIMIT // 1024 // 1024} MiB"
        raise InputError(code="E_DOCUMENT_LIMIT", message=message, place=Place(name))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as reason:
        source = Source(data[: reason.start].decode("utf-8"), name, "E_CFG_PARSE", InputError)
        source.fail(f"the byte 0x{data[reason.start]:02x} is not UTF-8", source.place_of(len(source.text)))
    source = Source(text, name, "E_CFG_PARSE", InputError)
    try:
        return compose_json(source).value
    except JsonSyntaxError as reason:
        source.fail(reason.message, source.place_of(reason.offset))


def compose_json(source: Source) -> Node:
    """Return the nodes of a text that is JSON.

    Raises:
        JsonSyntaxError: The text is not strict JSON.
        AssayError: E_DOCUMENT_LIMIT.
    """
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._count = 0
        self._line = 1
        self._line_start = 0
        self._counted_to = 0

    def whole(self) -> Node:
        node, end = self._value(self._skip(0), 1)
        end = self._skip(end)
        if end != len(self._text):
            raise JsonSyntaxError("text follows the end of the JSON document", end)
        return node

    def _skip(self, at: int) -> int:
        return _SPACE.match(self._text, at).end()  # type: ignore[union-attr]  # the pattern matches nothing, too

    def _place(self, at: int) -> tuple[int, int]:
        """Return line and column; offsets only ever grow, so each character is looked at once."""
        breaks = self._text.count("\n", self._counted_to, at)
        if breaks:
            self._line += breaks
            self._line_start = self._text.rfind("\n", self._counted_to, at) + 1
        self._counted_to = at
        return self._line, at - self._line_start + 1

    def _value(self, at: int, depth: int) -> tuple[Node, int]:
        first = self._text[at : at + 1]
        node = Node(None, *self._place(at))
        self._limit(at, depth if first in ("{", "[") else 1)
        if first == "{":
            return node, self._object(node, at, depth)
        if first == "[":
            return node, self._array(node, at, depth)
        if first == '"':
            node.value, end = self._string(at)
            return node, end
        for word, value in _WORDS:
            if self._text.startswith(word, at):
                node.value = value
                return node, at + len(word)
        node.value, end = self._number(at)
        return node, end

    def _limit(self, at: int, depth: int) -> None:
        self._count += 1
        if depth > DEPTH_LIMIT:
            message = f"the document is nested deeper than {DEPTH_LIMIT} levels"
            self._source.fail(message, self._source.place_of(at), code="E_DOCUMENT_LIMIT")
        if self._count > NODE_LIMIT:
            message = f"the document has more than {NODE_LIMIT:,} nodes"
            self._source.fail(message, self._source.place_of(at), code="E_DOCUMENT_LIMIT")

    def _object(self, node: Node, at: int, depth: int) -> int:
        children: dict[str, tuple[int, int, Node]] = {}
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "}":
            if children:
                at = self._skip(self._expect(",", at))
            if self._text[at : at + 1] != '"':
                raise JsonSyntaxError("expected a key in double quotes", at)
            line, column = self._place(at)
            key, end = self._string(at)
            if key in children:
                first = children[key]
                raise JsonSyntaxError(
                    f"the key {key!r} stands twice; first at {self._source.file}:{first[0]}:{first[1]}", at
                )
            self._count += 1
            at = self._skip(self._expect(":", self._skip(end)))
            child, at = self._value(at, depth + 1)
            children[key] = (line, column, child)
            at = self._skip(at)
        node.children = children
        node.value = {key: entry[2].value for key, entry in children.items()}
        return at + 1

    def _array(self, node: Node, at: int, depth: int) -> int:
        children: list[Node] = []
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "]":
            if children:
                at = self._skip(self._expect(",", at))
            child, at = self._value(at, depth + 1)
            children.append(child)
            at = self._skip(at)
        node.children = children
        node.value = [child.value for child in children]
        return at + 1

    def _expect(self, sign: str, at: int) -> int:
        if self._text[at : at + 1] != sign:
            found = "the end of the text" if at >= len(self._text) else repr(self._text[at])
            raise JsonSyntaxError(f"expected {sign!r}, found {found}", at)
        return at + 1

    def _string(self, at: int) -> tuple[str, int]:
        if plain := _PLAIN_STRING.match(self._text, at):
            return plain.group(1), plain.end()
        try:
            text, end = _scan_string(self._text, at + 1, True)
            return whole_text(text), end
        except json.JSONDecodeError as reason:
            raise JsonSyntaxError(reason.msg[:1].lower() + reason.msg[1:], reason.pos) from reason
        except ScalarError as reason:
            raise JsonSyntaxError(str(reason), at) from reason

    def _number(self, at: int) -> tuple[JsonValue, int]:
        found = _NUMBER.match(self._text, at)
        if not found:
            what = "the end of the text" if at >= len(self._text) else repr(self._text[at])
            raise JsonSyntaxError(f"expected a value, found {what}", at)
        text = found.group()
        if len(text) > _MAX_DIGITS:
            raise JsonSyntaxError(f"a number of {len(text)} digits is too long", at)
        if found.group(1) is None and found.group(2) is None:
            return int(text), found.end()
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise JsonSyntaxError(f"{text[:60]} is beyond the numbers of JSON", at)
        return number, found.end()
