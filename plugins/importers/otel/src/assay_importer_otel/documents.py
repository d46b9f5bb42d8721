"""The JSON documents of a file: one a line, or over several lines, as the console exporter writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from assay_core.contracts import BinarySource
from assay_core.documents.strict_json import DECODE_ERRORS, shallow, suspicious
from assay_core.errors import InputError, Place
from assay_core.trace import check_strict, iter_lines, refuse_line
from assay_importer_otel.exports import decode_export

__all__ = ["JsonDocument", "read_documents"]

_decode = msgspec.json.Decoder().decode
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?')
_SPAN_ID = re.compile(rb'"spanId"\s*:\s*"([^"]*)"')


class JsonDocument(NamedTuple):
    """One JSON text of the file."""

    line: int  # on which it begins
    end: int  # on which it ends
    text: bytes
    value: Any  # an Export, or decoded JSON

    def lines(self) -> Callable[[str], int | None]:
        """Return a function from the id of a span to the line its span stands on, near enough to find it."""
        if self.line == self.end:
            return lambda _: self.line
        found: dict[str, int] = {}
        line, position = self.line, 0
        for match in _SPAN_ID.finditer(self.text):
            line += self.text.count(b"\n", position, match.start())
            position = match.start()
            found.setdefault(match[1].decode("utf-8", "replace"), line)
        return lambda span_id: found.get(span_id, self.line)


class _Spread:
    """A document that is spread over lines, as far as it has been read."""

    def __init__(self, number: int, line: bytes, depth: int) -> None:
        self.first = number
        self.last = number
        self.parts = [line]
        self.size = len(line)
        self.depth = depth

    def add(self, number: int, line: bytes) -> None:
        """Add a line; blank ones between the last and this one are put back."""
        self.parts += [b""] * (number - self.last - 1)
        self.parts.append(line)
        self.last = number
        self.size += len(line) + 1
        self.depth += _depth(line)

    @property
    def text(self) -> bytes:
        """The lines so far."""
        return b"\n".join(self.parts)


def read_documents(source: BinarySource) -> Iterator[JsonDocument]:
    """Yield the documents in their order.

    Raises:
        InputError: E_TRACE_INVALID for what is no unambiguous JSON, with its line; E_TRACE_LIMIT for a line, or a
            document over lines, that is too long, and for one that is too deep.
    """
    open_one: _Spread | None = None
    for number, line in iter_lines(source):
        if open_one is None:
            found = _whole_line(number, line, source)
            if isinstance(found, JsonDocument):
                yield found
            else:
                open_one = found
            continue
        open_one.add(number, line)
        if open_one.size > source.limits.line_bytes:
            raise _too_long(source, open_one)
        if open_one.depth <= 0:
            text = open_one.text
            yield JsonDocument(open_one.first, number, text, _value(text, open_one.first, source))
            open_one = None
    if open_one is not None:
        raise refuse_line(open_one.text, open_one.first, source, "the document does not end")


def _whole_line(number: int, line: bytes, source: BinarySource) -> JsonDocument | _Spread:
    """Return the document of a line, or the beginning of one that goes on."""
    if line.startswith(b'{"resourceSpans"') and (export := decode_export(line)) is not None:
        return JsonDocument(number, number, line, export)
    try:
        value = _decode(line)
    except DECODE_ERRORS as error:
        depth = _depth(line)
        if depth > 0:
            return _Spread(number, line, depth)
        raise refuse_line(line, number, source, "the line is not JSON") from error
    _check(line, value, number, source)
    return JsonDocument(number, number, line, value)


def _value(text: bytes, number: int, source: BinarySource) -> object:
    try:
        value = _decode(text)
    except DECODE_ERRORS as error:
        raise refuse_line(text, number, source, "the document is not JSON") from error
    _check(text, value, number, source)
    return value


def _check(text: bytes, value: object, number: int, source: BinarySource) -> None:
    if not shallow(text, source.limits.depth) or suspicious(text, value):
        check_strict(text, number, source)


def _depth(line: bytes) -> int:
    """Return by how much a line's brackets open more than they close. A JSON string never goes over a line's end."""
    bare = _STRING.sub(b"", line) if b'"' in line else line
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")


def _too_long(source: BinarySource, spread: _Spread) -> InputError:
    return InputError(
        code="E_TRACE_LIMIT",
        message=f"the document that begins on line {spread.first} is longer than {source.limits.line_bytes} bytes",
        remedy="write one export or one span a line, or raise settings.limits",
        place=Place(source.name, spread.first),
    )
