"""Spans that are one JSON object each: flat ones, a line each, and those of the SDK's console exporter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from assay_core.contracts import ImportReport
from assay_core.trace import RecordError
from assay_importer_otel.otlp import attributes_of
from assay_importer_otel.spans import SHAPE_ERRORS, Span, SpanEvent, hex_id, nanoseconds

__all__ = ["is_console_span", "is_flat_span", "read_console_span", "read_flat_span"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USED = frozenset({
    "trace_id", "traceId", "span_id", "spanId", "parent_span_id", "parentSpanId", "parent_id", "name",
    "startTimeUnixNano", "endTimeUnixNano", "start_time_unix_nano", "end_time_unix_nano", "attributes", "events",
    "status", "kind",
})  # fmt: skip
_USED_OF_THE_CONSOLE = frozenset({
    "name", "context", "parent_id", "start_time", "end_time", "status", "attributes", "events", "kind",
})  # fmt: skip


def is_console_span(record: dict[str, Any]) -> bool:
    """Tell whether an object is a span of the console exporter."""
    context = record.get("context")
    return isinstance(context, dict) and "trace_id" in context and "span_id" in context


def is_flat_span(record: dict[str, Any]) -> bool:
    """Tell whether an object is a flat span."""
    return ("trace_id" in record and "span_id" in record) or ("traceId" in record and "spanId" in record)


def read_flat_span(record: dict[str, Any], line: int, report: ImportReport) -> Span:
    """Return the span of a flat object.

    Raises:
        RecordError: it lacks an id, or a member has the wrong type.
    """
    try:
        report.records += 1
        _count_rest(record, _USED, report)
        parent = next((record[key] for key in ("parent_span_id", "parentSpanId", "parent_id") if record.get(key)), "")
        return Span(
            trace_id=hex_id(record.get("trace_id", record.get("traceId")), "trace id"),
            span_id=hex_id(record.get("span_id", record.get("spanId")), "span id"),
            parent_id=hex_id(parent, "parent id") if parent else "",
            name=_text(record.get("name", "")),
            start_ns=nanoseconds(record.get("startTimeUnixNano", record.get("start_time_unix_nano"))),
            end_ns=nanoseconds(record.get("endTimeUnixNano", record.get("end_time_unix_nano"))),
            attributes=attributes_of(record.get("attributes") or {}),
            events=_events(record, "timeUnixNano"),
            line=line,
            **_status(record),
        )
    except SHAPE_ERRORS as error:
        raise _shape_error(error, "a flat span") from error


def read_console_span(record: dict[str, Any], line: int, report: ImportReport) -> Span:
    """Return the span of an object of the console exporter.

    Raises:
        RecordError: it lacks an id, or a member has the wrong type.
    """
    try:
        report.records += 1
        _count_rest(record, _USED_OF_THE_CONSOLE, report)
        parent = record.get("parent_id") or ""
        return Span(
            trace_id=hex_id(record["context"]["trace_id"], "trace id"),
            span_id=hex_id(record["context"]["span_id"], "span id"),
            parent_id=hex_id(parent, "parent id") if parent else "",
            name=_text(record.get("name", "")),
            start_ns=_moment(record.get("start_time")),
            end_ns=_moment(record.get("end_time")),
            attributes=attributes_of(record.get("attributes") or {}),
            events=_events(record, "timestamp"),
            line=line,
            **_status(record),
        )
    except SHAPE_ERRORS as error:
        raise _shape_error(error, "a span of the console exporter") from error


def _events(record: dict[str, Any], time: str) -> list[SpanEvent]:
    read = _moment if time == "timestamp" else nanoseconds
    return [
        SpanEvent(_text(event.get("name", "")), attributes_of(event.get("attributes") or {}), read(event.get(time)))
        for event in record.get("events") or ()
    ]


def _status(record: dict[str, Any]) -> dict[str, Any]:
    if "status" not in record:
        return {"failed": None}
    status = record["status"] or {}
    if isinstance(status, str):
        status = {"status_code": status}
    code = status.get("status_code", status.get("code"))
    text = status.get("description") or status.get("message") or ""
    return {"failed": code in ("ERROR", "STATUS_CODE_ERROR", 2), "status_text": _text(text)}


def _moment(text: object) -> int:
    """Return the nanoseconds of an ISO 8601 text, whose fraction may be finer than microseconds; 0 for none."""
    if text is None:
        return 0
    whole = _text(text).removesuffix("Z")
    seconds, _, fraction = whole.partition(".")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    since = moment - _EPOCH
    digits = fraction[:9].ljust(9, "0")
    if not digits.isascii() or not digits.isdigit() or since.days < 0:
        raise RecordError("a time is not one of ISO 8601")
    return (since.days * 86400 + since.seconds) * 1_000_000_000 + int(digits)


def _count_rest(record: dict[str, Any], used: frozenset[str], report: ImportReport) -> None:
    for name in record.keys() - used:
        value = record[name]
        if name == "resource" and isinstance(value, dict) and isinstance(value.get("attributes"), dict):
            report.drop("attribute of a resource", len(value["attributes"]))
        elif name == "links" and isinstance(value, list):
            report.drop("link", len(value))
        elif value:
            report.drop("member of a span that is none of OpenTelemetry's")
    report.dropped = {name: count for name, count in report.dropped.items() if count}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise RecordError("a name or a time is not a text")


def _shape_error(error: BaseException, what: str) -> RecordError:
    return error if isinstance(error, RecordError) else RecordError(f"the record has not the shape of {what}")
