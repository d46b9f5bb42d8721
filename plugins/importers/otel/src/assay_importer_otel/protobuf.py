"""OTLP in protobuf, read into the objects that its JSON has.

The few messages of OTLP's traces are stable, so their field numbers stand here; docs/adr/0008 says why the protobuf
library is not used. What a reader may be unsure about is an error: a singular field that stands twice, a field of
another wire type, text that is not UTF-8.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import InputError, Place
from assay_core.trace import RecordError

__all__ = ["looks_binary", "read_messages", "read_resource_spans"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 100


class _Field(NamedTuple):
    name: str
    kind: str  # text, hex, int, signed, bool, fixed64, double, fixed32, bytes, or the name of a message
    many: bool = False


_MESSAGES: dict[str, dict[int, _Field]] = {
    "ResourceSpans": {1: _Field("resource", "Resource"), 2: _Field("scopeSpans", "ScopeSpans", many=True)},
    "Resource": {1: _Field("attributes", "KeyValue", many=True), 2: _Field("droppedAttributesCount", "int")},
    "ScopeSpans": {2: _Field("spans", "Span", many=True)},
    "Span": {
        1: _Field("traceId", "hex"), 2: _Field("spanId", "hex"), 4: _Field("parentSpanId", "hex"),
        5: _Field("name", "text"), 7: _Field("startTimeUnixNano", "fixed64"), 8: _Field("endTimeUnixNano", "fixed64"),
        9: _Field("attributes", "KeyValue", many=True), 10: _Field("droppedAttributesCount", "int"),
        11: _Field("events", "Event", many=True), 12: _Field("droppedEventsCount", "int"),
        13: _Field("links", "bytes", many=True), 14: _Field("droppedLinksCount", "int"),
        15: _Field("status", "Status"), 16: _Field("flags", "fixed32"),
    },
    "Event": {
        1: _Field("timeUnixNano", "fixed64"), 2: _Field("name", "text"),
        3: _Field("attributes", "KeyValue", many=True), 4: _Field("droppedAttributesCount", "int"),
    },
    "Status": {2: _Field("message", "text"), 3: _Field("code", "int")},
    "KeyValue": {1: _Field("key", "text"), 2: _Field("value", "AnyValue")},
    "AnyValue": {
        1: _Field("stringValue", "text"), 2: _Field("boolValue", "bool"), 3: _Field("intValue", "signed"),
        4: _Field("doubleValue", "double"), 5: _Field("arrayValue", "ArrayValue"),
        6: _Field("kvlistValue", "KeyValueList"), 7: _Field("bytesValue", "hex"),
    },
    "ArrayValue": {1: _Field("values", "AnyValue", many=True)},
    "KeyValueList": {1: _Field("values", "KeyValue", many=True)},
}  # fmt: skip
_WIRE = {"int": _VARINT, "signed": _VARINT, "bool": _VARINT, "fixed64": _FIXED64, "double": _FIXED64}
_KNOWN_ELSEWHERE = {"ResourceSpans": {3}, "ScopeSpans": {1, 3}, "Span": {3, 6}}  # schema, scope, trace state, kind


def looks_binary(head: bytes) -> bool:
    """Tell whether a file that begins like this is no text. JSON holds no control characters but white space."""
    start = head[:4096]
    return any(byte < 32 and byte not in b"\t\n\r" for byte in start)


def read_messages(source: BinarySource) -> Iterator[bytes]:
    """Yield the bytes of each ResourceSpans of a file.

    The file is one export or several, one after the other, or each after its length: four bytes, as the
    collector's file exporter writes it, or a varint.

    Raises:
        InputError: E_TRACE_INVALID for a file that is cut off or something else; E_TRACE_LIMIT for a message that
            is longer than a line may be.
    """
    with source.open() as stream:
        first = stream.read(1)
        stream.seek(0)
        if first == b"\n":
            yield from _fields(stream, source, None)
        elif first == b"\x00":
            while prefix := stream.read(4):
                if len(prefix) < 4:
                    raise _invalid(source, "the file is cut off within the length of a message")
                yield from _fields(stream, source, int.from_bytes(prefix, "big"))
        else:
            while (length := _stream_varint(stream, source)) is not None:
                yield from _fields(stream, source, length)


def _fields(stream: BinaryIO, source: BinarySource, length: int | None) -> Iterator[bytes]:
    """Yield every field 1 of the export that begins here; `length` None: up to the end of the file."""
    end = None if length is None else stream.tell() + length
    if length is not None and length > source.limits.line_bytes:
        raise _too_long(source, length)
    while end is None or stream.tell() < end:
        tag = stream.read(1)
        if not tag and end is None:
            return
        if tag != b"\n":
            raise _invalid(source, "the file is not an export of spans in protobuf")
        size = _stream_varint(stream, source)
        if size is None:
            raise _invalid(source, "the file is cut off within a message")
        if size > source.limits.line_bytes:
            raise _too_long(source, size)
        data = stream.read(size)
        if len(data) < size or (end is not None and stream.tell() > end):
            raise _invalid(source, "the file is cut off within a message")
        yield data


def _stream_varint(stream: BinaryIO, source: BinarySource) -> int | None:
    """Read a varint; None at the end of the file."""
    value = 0
    for shift in range(0, 35, 7):
        byte = stream.read(1)
        if not byte:
            if shift:
                raise _invalid(source, "the file is cut off within a length")
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise _invalid(source, "the file is not an export of spans in protobuf")


def read_resource_spans(data: bytes, report: ImportReport) -> dict[str, Any]:
    """Return one ResourceSpans as the object that OTLP's JSON has for it.

    Raises:
        RecordError: the bytes are cut off, or are no such message.
    """
    try:
        return _read(data, 0, len(data), "ResourceSpans", report, 0)
    except (IndexError, struct.error) as error:
        raise RecordError("a message is cut off") from error
    except UnicodeDecodeError as error:
        raise RecordError("a text is not UTF-8") from error


def _read(data: bytes, position: int, end: int, message: str, report: ImportReport, depth: int) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise RecordError(f"a message is nested deeper than {_MAX_DEPTH} levels")
    fields = _MESSAGES[message]
    found: dict[str, Any] = {}
    while position < end:
        tag, position = _varint(data, position, end)
        field, wire = fields.get(tag >> 3), tag & 7
        start, position = _extent(data, position, end, wire)
        if field is None:
            if tag >> 3 not in _KNOWN_ELSEWHERE.get(message, ()):
                report.drop("protobuf field that is unknown")
            continue
        if wire != _WIRE.get(field.kind, _FIXED32 if field.kind == "fixed32" else _BYTES):
            raise RecordError(f"the field {field.name} of a {message} has another type")
        if field.kind in _MESSAGES:
            value: Any = _read(data, start, position, field.kind, report, depth + 1)
        else:
            value = _scalar(data, start, position, field.kind)
        if field.many:
            found.setdefault(field.name, []).append(value)
        elif field.name in found:
            raise RecordError(f"the field {field.name} of a {message} stands twice")
        else:
            found[field.name] = value
    return found


def _extent(data: bytes, position: int, end: int, wire: int) -> tuple[int, int]:
    """Return where a field's value starts and ends."""
    start = position
    if wire == _BYTES:
        size, start = _varint(data, position, end)
        stop = start + size
    elif wire == _VARINT:
        _, stop = _varint(data, position, end)
    elif wire in (_FIXED64, _FIXED32):
        stop = start + (8 if wire == _FIXED64 else 4)
    else:
        raise RecordError("a message holds a field of no known wire type")
    if stop > end:
        raise RecordError("a message is cut off")
    return start, stop


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    byte = data[position]
    position += 1
    if byte < 0x80 and position <= end:
        return byte, position
    value, shift = byte & 0x7F, 7
    while position < end and shift < 70:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise RecordError("a message is cut off")


def _scalar(data: bytes, start: int, end: int, kind: str) -> Any:
    if kind == "text":
        return data[start:end].decode()
    if kind == "hex":
        return data[start:end].hex()
    if kind == "bytes":
        return data[start:end]
    if kind in ("fixed64", "fixed32"):
        return int.from_bytes(data[start:end], "little")
    if kind == "double":
        return struct.unpack_from("<d", data, start)[0]
    value, _ = _varint(data, start, end)
    if kind == "bool":
        return bool(value)
    value &= 2**64 - 1
    return value - 2**64 if kind == "signed" and value >= 2**63 else value


def _invalid(source: BinarySource, message: str) -> InputError:
    return InputError(code="E_TRACE_INVALID", message=message, place=Place(source.name, 0))


def _too_long(source: BinarySource, size: int) -> InputError:
    message = f"a message of {size} bytes is longer than {source.limits.line_bytes} bytes"
    return InputError(code="E_TRACE_LIMIT", message=message, place=Place(source.name, 0))
