"""How likely some bytes are the start of a file of spans."""

from __future__ import annotations

import re

import msgspec

from assay_core.contracts import ImportReport
from assay_core.documents.strict_json import DECODE_ERRORS
from assay_core.trace import RecordError
from assay_importer_otel.protobuf import looks_binary, read_resource_spans

__all__ = ["likelihood"]

_decode = msgspec.json.Decoder().decode
_EXPORT = re.compile(rb'\[?\s*\{\s*"(resourceSpans|resource_spans|resourceLogs|resourceMetrics)"\s*:\s*\[')
_FLAT_IDS = ({"trace_id", "span_id"}, {"traceId", "spanId"})
_CONSOLE = re.compile(rb'\[?\s*\{\s*"name"\s*:\s*"(?:[^"\\]|\\.)*",\s*"context"\s*:\s*\{\s*"trace_id"\s*:')
_CUT_FLAT = re.compile(rb'\[?\s*\{\s*"(?:trace_?[iI]d|span_?[iI]d)"\s*:')


def likelihood(head: bytes) -> int:
    """Return 0 to 100."""
    text = head.lstrip(b" \t\r\n")
    if text[:1] not in (b"{", b"[") or looks_binary(head):
        return _of_binary(head) if looks_binary(head) else 0
    if _EXPORT.match(text):
        return 95
    if _CONSOLE.match(text):
        return 95
    try:
        value = _decode(text.split(b"\n", 1)[0])
    except DECODE_ERRORS:
        return 60 if _CUT_FLAT.match(text) else 0
    return _of_value(value)


def _of_value(value: object) -> int:
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict) or "jsonrpc" in value:
        return 0
    if any(name in value for name in ("resourceSpans", "resource_spans", "resourceLogs")):
        return 95
    context = value.get("context")
    if isinstance(context, dict) and "trace_id" in context and "span_id" in context:
        return 95
    if any(ids <= value.keys() for ids in _FLAT_IDS):
        timed = any(name in value for name in ("startTimeUnixNano", "endTimeUnixNano", "start_time_unix_nano"))
        return 95 if timed else 70
    return 0


def _of_binary(head: bytes) -> int:
    """Return how likely bytes are an export in protobuf: its first message of spans must read as one."""
    body = head[4:] if head[:1] == b"\x00" else head
    if body[:1] != b"\n":
        _, body = _after_varint(body)
    if body[:1] != b"\n":
        return 0
    size, inner = _after_varint(body[1:])
    if inner[:1] not in (b"\n", b"\x12") or not size:
        return 0
    try:
        found = read_resource_spans(inner[:size], ImportReport())
    except RecordError:
        return 55 if size > len(inner) else 0  # cut off by the end of the head
    return 95 if "scopeSpans" in found else 0


def _after_varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for position, byte in enumerate(data[:5]):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, data[position + 1 :]
    return 0, b""
