"""OTLP, as its JSON has it: exports of spans, and of log records that are events of spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from assay_core.contracts import ImportReport
from assay_core.trace import RecordError
from assay_importer_otel.spans import SHAPE_ERRORS, Attributes, Span, SpanEvent, count_dropped, hex_id, nanoseconds

__all__ = ["EXPORTS", "Lines", "LooseEvent", "any_value", "attributes_of", "read_export", "read_span"]

EXPORTS = ("resourceSpans", "resource_spans", "resourceLogs", "resourceMetrics")
_REMOTE = 0x200  # of a span's flags: its parent is remote
_MAX_DEPTH = 100
_ERRORS = (2, "STATUS_CODE_ERROR")

# An event that stands apart from its span: the ids of trace and span, the event.
LooseEvent = tuple[str, str, SpanEvent]
Lines = Callable[[str], int | None]  # from a span's id to its line


def read_export(export: Any, lines: Lines, report: ImportReport) -> Iterator[Span | LooseEvent]:
    """Yield what one export holds.

    Raises:
        RecordError: it has another shape.
    """
    try:
        if metrics := export.get("resourceMetrics"):
            report.drop("export of metrics", len(metrics))
        for resource in export.get("resourceSpans") or export.get("resource_spans") or ():
            _count_resource(resource, report)
            for scope in _either(resource, "scopeSpans", "instrumentationLibrarySpans"):
                for span in scope.get("spans", ()):
                    yield read_span(span, lines, report)
        for resource in export.get("resourceLogs") or ():
            _count_resource(resource, report)
            for scope in resource.get("scopeLogs", ()):
                for record in scope.get("logRecords", ()):
                    report.records += 1
                    event = _read_log(record)
                    if event is None:
                        report.drop("log record that is no event of a span")
                    else:
                        yield event
    except SHAPE_ERRORS as error:
        raise _shape_error(error) from error


def read_span(record: Any, lines: Lines, report: ImportReport) -> Span:
    """Return the span of an OTLP record.

    Raises:
        RecordError: it has another shape.
    """
    try:
        report.records += 1
        count_dropped(record, report)
        status = record.get("status") or {}
        flags = record.get("flags", 0)
        span_id = hex_id(record["spanId"], "span id")
        parent = record.get("parentSpanId") or ""
        return Span(
            trace_id=hex_id(record["traceId"], "trace id"),
            span_id=span_id,
            parent_id=hex_id(parent, "parent id") if parent else "",
            name=_text(record.get("name", "")),
            start_ns=nanoseconds(record.get("startTimeUnixNano")),
            end_ns=nanoseconds(record.get("endTimeUnixNano")),
            attributes=attributes_of(record.get("attributes") or ()),
            events=[_read_event(event) for event in record.get("events") or ()],
            failed=status.get("code") in _ERRORS,
            status_text=_text(status.get("message", "")),
            remote_parent=type(flags) is int and bool(flags & _REMOTE),
            line=lines(span_id),
        )
    except SHAPE_ERRORS as error:
        raise _shape_error(error) from error


def attributes_of(items: Any) -> Attributes:
    """Return the attributes of a list of keys and typed values, or of a plain object.

    Raises:
        RecordError: a key stands twice, or a value has no type.
    """
    if isinstance(items, dict):
        return items
    found: Attributes = {}
    for item in items:
        value = item["value"]
        if len(value) == 1 and "stringValue" in value:
            found[item["key"]] = value["stringValue"]
        else:
            found[item["key"]] = any_value(value)
    if len(found) != len(items):
        raise RecordError("an attribute stands twice in one record")
    if not all(type(key) is str for key in found):
        raise RecordError("the key of an attribute is not a text")
    return found


def any_value(value: Any, depth: int = 0) -> Any:
    """Return what a typed value of OTLP says.

    Raises:
        RecordError: it has several types, an unknown one, or is too deep.
    """
    if not value:
        return None
    if len(value) != 1 or depth > _MAX_DEPTH:
        raise RecordError("the value of an attribute has several types, or is too deep")
    ((kind, inner),) = value.items()
    if kind == "intValue":
        return int(inner)
    if kind == "arrayValue":
        return [any_value(each, depth + 1) for each in inner.get("values", ())]
    if kind == "kvlistValue":
        items = inner.get("values", ())
        found = {item["key"]: any_value(item["value"], depth + 1) for item in items}
        if len(found) != len(items):
            raise RecordError("a key stands twice in the value of an attribute")
        return found
    if kind in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
        return inner
    raise RecordError(f"the value of an attribute has the unknown type {kind[:60]!r}")


def _read_event(event: Any) -> SpanEvent:
    return SpanEvent(
        _text(event.get("name", "")),
        attributes_of(event.get("attributes") or ()),
        nanoseconds(event.get("timeUnixNano")),
    )


def _read_log(record: Any) -> LooseEvent | None:
    """Return a log record as an event of its span, None where it is something else."""
    attributes = attributes_of(record.get("attributes") or ())
    name = record.get("eventName") or attributes.get("event.name")
    if not isinstance(name, str) or not record.get("traceId") or not record.get("spanId"):
        return None
    body = any_value(record.get("body") or {})
    if isinstance(body, dict):
        attributes |= body
    time = nanoseconds(record.get("timeUnixNano") or record.get("observedTimeUnixNano"))
    trace_id, span_id = hex_id(record["traceId"], "trace id"), hex_id(record["spanId"], "span id")
    return trace_id, span_id, SpanEvent(name, attributes, time)


def _either(record: Any, name: str, older: str) -> Any:
    return record.get(name) or record.get("scope_spans") or record.get(older) or ()


def _count_resource(record: Any, report: ImportReport) -> None:
    if count := len((record.get("resource") or {}).get("attributes") or ()):
        report.drop("attribute of a resource", count)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise RecordError("a name is not a text")


def _shape_error(error: BaseException) -> RecordError:
    if isinstance(error, RecordError):
        return error
    if isinstance(error, KeyError):
        return RecordError(f"a span lacks its {error.args[0]!r}")
    return RecordError("a record has not the shape that OTLP gives it")
