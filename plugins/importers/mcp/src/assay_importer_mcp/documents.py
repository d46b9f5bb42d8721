"""Recordings that are one JSON document: Inspector exports, arrays of messages, HTTP transcripts."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from assay_core.contracts import BinarySource
from assay_core.documents.strict_json import StrictJsonDepthError, StrictJsonError, decode_strict
from assay_core.errors import InputError, Place
from assay_core.trace import Members, split_members, value_of
from assay_importer_mcp.messages import is_message

__all__ = ["TRANSPORTS", "Item", "first_value", "items_of", "read_document"]

TRANSPORTS = frozenset({"streamable-http", "http-sse", "sse-legacy", "sse"})
Item = tuple[int, bytes, bool]  # the line it begins on, its bytes on one line, whether it is an entry of a transport

_EXCERPT = 160
_split_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_SHAPES = "an array of messages, an object with 'events', or one with 'transport' and 'entries'"


def read_document(source: BinarySource) -> bytes:
    """Return the whole file, which is one strict JSON text.

    Raises:
        InputError: E_TRACE_LIMIT if it is larger than a line may be, or too deep; E_TRACE_INVALID, with its line.
    """
    limit = source.limits.line_bytes
    with source.open() as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(
            code="E_TRACE_LIMIT", message=f"a recording that is one JSON document may have {limit} bytes",
            place=Place(source.name, 1),
        )  # fmt: skip
    try:
        decode_strict(data, max_depth=source.limits.depth)
    except StrictJsonError as error:
        code = "E_TRACE_LIMIT" if isinstance(error, StrictJsonDepthError) else "E_TRACE_INVALID"
        raise _at(data, error.offset, source, code, error.message) from error
    return data


def items_of(data: bytes, source: BinarySource) -> Iterator[Item]:
    """Yield the messages, export entries or transport entries of a document, in their order.

    Raises:
        InputError: E_TRACE_INVALID if it is of no known shape.
    """
    start = len(data) - len(data.lstrip(b" \t\r\n"))
    if data[start : start + 1] == b"[":
        yield from _items(data, start, transport=False)
        return
    if data[start : start + 1] != b"{":
        raise _shapeless(data, source)
    members = split_members(data)
    if "transport" in members or "entries" in members:
        entries = members.get("entries")
        label = value_of(members.get("transport"))
        if not isinstance(label, str) or label not in TRANSPORTS or entries is None or bytes(entries)[:1] != b"[":
            known = ", ".join(sorted(TRANSPORTS))
            message = f"a transcript has 'transport' (one of {known}) and the array 'entries'"
            raise _at(data, start, source, "E_TRACE_INVALID", message)
        yield from _items(data, data.find(bytes(entries)), transport=True)
    elif "events" in members and bytes(members["events"])[:1] == b"[":
        yield from _items(data, data.find(bytes(members["events"])), transport=False)
    elif is_message(members):
        yield data.count(b"\n", 0, start) + 1, _one_line(data[start:]), False
    else:
        raise _shapeless(data, source)


def first_value(members: Members) -> bool:
    """Tell whether a first line that is an object is a document of its own rather than the first of many lines."""
    return "entries" in members or ("events" in members and not is_message(members))


def _items(data: bytes, start: int, *, transport: bool) -> Iterator[Item]:
    """Yield the elements of the array that begins at `start`."""
    end = _end(data, start)
    position, line = start + 1, data.count(b"\n", 0, start) + 1
    for raw in _split_list(data[start:end]):
        element = bytes(raw)
        begins = position
        while data[begins] in b" \t\r\n,":
            begins += 1
        line += data.count(b"\n", position, begins)
        yield line, _one_line(element), transport
        position = begins + len(element)
        line += element.count(b"\n")


def _end(data: bytes, start: int) -> int:
    """Return the end of the array at `start`; what follows it is the rest of the document."""
    if data[:start].strip() == b"":
        return len(data)
    members = split_members(data)
    name = "entries" if "entries" in members else "events"
    return start + len(bytes(members[name]))


def _one_line(element: bytes) -> bytes:
    """Return JSON that is spread over lines on one; its tokens stay as they were written."""
    return msgspec.json.format(element, indent=-1) if b"\n" in element else element


def _shapeless(data: bytes, source: BinarySource) -> InputError:
    return _at(data, 0, source, "E_TRACE_INVALID", f"the document is not {_SHAPES}")


def _at(data: bytes, offset: int, source: BinarySource, code: str, message: str) -> InputError:
    line = data.count(b"\n", 0, offset) + 1
    begins = data.rfind(b"\n", 0, offset) + 1
    ends = data.find(b"\n", offset)
    text = data[begins : ends if ends >= 0 else len(data)]
    column = len(data[begins:offset].decode("utf-8", "replace")) + 1
    if len(text) > _EXCERPT:
        text = data[max(begins, offset - _EXCERPT // 2) : offset + _EXCERPT // 2].split(b"\n")[0]
        column = 0
    return InputError(
        code=code, message=f"line {line}: {message}",
        place=Place(source.name, line, column, text.decode("utf-8", "replace")),
    )  # fmt: skip
