"""OTLP exports of spans as structs: what nearly every line of a large file is, decoded without an object to spare.

An export with a member that is not here is left to the slow path, which counts what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from assay_core.contracts import ImportReport
from assay_core.documents.strict_json import DECODE_ERRORS, suspicious
from assay_core.trace import RecordError
from assay_importer_otel.otlp import Lines, any_value
from assay_importer_otel.spans import SHAPE_ERRORS, Attributes, Span, SpanEvent, hex_id, nanoseconds

__all__ = ["Export", "decode_export", "spans_of"]

_REMOTE = 0x200


class _Wire(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """A message whose absent members are unset, so that it is written back with exactly those that it had.

    Members stand in the order of OTLP's field numbers, in which exporters write them: then what is written back is
    the very text, which proves at once that no key was repeated.
    """


class _KeyValue(_Wire):
    key: str
    value: dict[str, Any]


_Attributes = list[_KeyValue] | UnsetType
_Count = int | UnsetType


class _Event(_Wire):
    time_unix_nano: str | int | UnsetType = UNSET
    name: str | UnsetType = UNSET
    attributes: _Attributes = UNSET
    dropped_attributes_count: _Count = UNSET


class _Status(_Wire):
    message: str | UnsetType = UNSET
    code: str | int | UnsetType = UNSET


class _Span(_Wire, kw_only=True):
    trace_id: str
    span_id: str
    trace_state: str | UnsetType = UNSET
    parent_span_id: str | UnsetType = UNSET
    name: str
    kind: str | int | UnsetType = UNSET
    start_time_unix_nano: str | int | UnsetType = UNSET
    end_time_unix_nano: str | int | UnsetType = UNSET
    attributes: _Attributes = UNSET
    events: list[_Event] | UnsetType = UNSET
    status: _Status | UnsetType = UNSET
    flags: int | UnsetType = UNSET


class _Scope(_Wire):
    name: str | UnsetType = UNSET
    version: str | UnsetType = UNSET
    attributes: _Attributes = UNSET


class _ScopeSpans(_Wire, kw_only=True):
    scope: _Scope | UnsetType = UNSET
    spans: list[_Span]
    schema_url: str | UnsetType = UNSET


class _Resource(_Wire):
    attributes: _Attributes = UNSET


class _ResourceSpans(_Wire, kw_only=True):
    resource: _Resource | UnsetType = UNSET
    scope_spans: list[_ScopeSpans]
    schema_url: str | UnsetType = UNSET


class Export(_Wire):
    """One export."""

    resource_spans: list[_ResourceSpans]


_decode = msgspec.json.Decoder(Export).decode


def decode_export(text: bytes) -> Export | None:
    """Return the export of a text; None where it is something else, holds more, or might repeat a key."""
    try:
        export = _decode(text)
    except DECODE_ERRORS:
        return None
    return None if suspicious(text, export) else export


def spans_of(export: Export, lines: Lines, report: ImportReport) -> Iterator[Span]:
    """Yield the spans of an export.

    Raises:
        RecordError: an id, a time or an attribute has another shape.
    """
    try:
        for resource in export.resource_spans:
            if resource.resource and resource.resource.attributes:
                report.drop("attribute of a resource", len(resource.resource.attributes))
            for scope in resource.scope_spans:
                report.records += len(scope.spans)
                for span in scope.spans:
                    yield _span(span, lines)
    except SHAPE_ERRORS as error:
        raise error if isinstance(error, RecordError) else RecordError("an attribute has no value of OTLP") from error


def _span(span: _Span, lines: Lines) -> Span:
    parent = span.parent_span_id or ""
    status = span.status or _Status()
    flags = span.flags or 0
    return Span(
        hex_id(span.trace_id, "trace id"),
        hex_id(span.span_id, "span id"),
        hex_id(parent, "parent id") if parent else "",
        span.name,
        nanoseconds(span.start_time_unix_nano or None),
        nanoseconds(span.end_time_unix_nano or None),
        _attributes(span.attributes) if span.attributes else {},
        [_event(event) for event in span.events] if span.events else [],
        status.code == 2 or status.code == "STATUS_CODE_ERROR",
        status.message or "",
        bool(flags & _REMOTE),
        lines(span.span_id),
    )


def _event(event: _Event) -> SpanEvent:
    attributes = _attributes(event.attributes) if event.attributes else {}
    return SpanEvent(event.name or "", attributes, nanoseconds(event.time_unix_nano or None))


def _attributes(items: list[_KeyValue]) -> Attributes:
    found: Attributes = {}
    for item in items:
        value = item.value
        found[item.key] = value["stringValue"] if len(value) == 1 and "stringValue" in value else any_value(value)
    if len(found) != len(items):
        raise RecordError("an attribute stands twice in one record")
    return found
