"""The importer of spans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import InputError, Place
from assay_core.model import Episode
from assay_core.trace import RecordError
from assay_importer_otel.documents import JsonDocument, read_documents
from assay_importer_otel.exports import Export, spans_of
from assay_importer_otel.flat import is_console_span, is_flat_span, read_console_span, read_flat_span
from assay_importer_otel.otlp import EXPORTS, LooseEvent, read_export, read_span
from assay_importer_otel.protobuf import looks_binary, read_messages, read_resource_spans
from assay_importer_otel.sniffing import likelihood
from assay_importer_otel.spans import Span
from assay_importer_otel.traces import Traces

__all__ = ["OtelImporter"]

_HEAD = 4096


class OtelImporter:
    """Reads spans of agents: OTLP in JSON and in protobuf, flat spans a line each, the console exporter's spans."""

    formats: tuple[str, ...] = ("otel",)

    def sniff(self, head: bytes) -> int:
        """Tell how sure it is, 0 to 100, that bytes starting like this are spans. Never raises."""
        return likelihood(head)

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Yield the episode of each trace when it is over.

        Raises:
            InputError: E_TRACE_INVALID, E_TRACE_LIMIT or E_TRACE_DUPLICATE, naming the line.
        """
        with source.open() as stream:
            binary = looks_binary(stream.read(_HEAD))
        traces = Traces(source, report)
        yield from _read_binary(source, traces, report) if binary else _read_text(source, traces, report)
        yield from traces.over(end=True)


def _read_text(source: BinarySource, traces: Traces, report: ImportReport) -> Iterator[Episode]:
    for document in read_documents(source):
        traces.offset += len(document.text)
        try:
            for item in _of_document(document, report):
                _add(item, traces, document.line)
        except RecordError as error:
            raise _invalid(source, document, str(error)) from error
        yield from traces.over()


def _read_binary(source: BinarySource, traces: Traces, report: ImportReport) -> Iterator[Episode]:
    for message in read_messages(source):
        traces.offset += len(message)
        try:
            export = {"resourceSpans": [read_resource_spans(message, report)]}
            for item in read_export(export, lambda _: None, report):
                _add(item, traces, None)
        except RecordError as error:
            message_text = f"an export in protobuf cannot be read: {error}"
            raise InputError(code="E_TRACE_INVALID", message=message_text, place=Place(source.name)) from error
        yield from traces.over()


def _of_document(document: JsonDocument, report: ImportReport) -> Iterator[Span | LooseEvent]:
    if isinstance(document.value, Export):
        yield from spans_of(document.value, document.lines(), report)
        return
    records: list[Any] = document.value if isinstance(document.value, list) else [document.value]
    lines = document.lines()
    for record in records:
        if not isinstance(record, dict):
            raise RecordError("it is neither an export nor a span")
        if any(name in record for name in EXPORTS):
            yield from read_export(record, lines, report)
        elif is_console_span(record):
            yield read_console_span(record, document.line, report)
        elif is_flat_span(record):
            listed = isinstance(record.get("attributes"), list)
            yield read_span(record, lines, report) if listed else read_flat_span(record, document.line, report)
        else:
            raise RecordError("it is neither an export nor a span: it has no ids of a trace and a span")


def _add(item: Span | LooseEvent, traces: Traces, line: int | None) -> None:
    if isinstance(item, Span):
        traces.add_span(item)
    else:
        trace_id, span_id, event = item
        traces.add_event(trace_id, span_id, event, line)


def _invalid(source: BinarySource, document: JsonDocument, reason: str) -> InputError:
    start = document.text.split(b"\n", 1)[0][:160].decode("utf-8", "replace")
    return InputError(
        code="E_TRACE_INVALID",
        message=f"line {document.line}: {reason}",
        place=Place(source.name, document.line, 0, start),
    )
