"""Traces whose spans are still arriving, interleaved or not."""

from __future__ import annotations

from collections.abc import Iterator

from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import InputError, Place
from assay_core.model import Episode
from assay_core.trace import IDLE_BYTES, RecordError
from assay_importer_otel.episodes import build_episode
from assay_importer_otel.spans import Span, SpanEvent

__all__ = ["Traces"]


class _Trace:
    """A trace that is not over yet."""

    __slots__ = ("events", "line", "seen_at", "spans")

    def __init__(self, line: int | None) -> None:
        self.line = line
        self.spans: dict[str, Span] = {}
        self.events: list[tuple[str, SpanEvent]] = []
        self.seen_at = 0


class Traces:
    """Collects spans by trace. A trace is over after `IDLE_BYTES` of the file without a span of it."""

    def __init__(self, source: BinarySource, report: ImportReport, *, idle_bytes: int = IDLE_BYTES) -> None:
        self._source = source
        self._report = report
        self._idle_bytes = idle_bytes
        self._open: dict[str, _Trace] = {}  # least recently seen first
        self._over: set[str] = set()
        self._recent: tuple[str, _Trace] | None = None  # the last of `_open`
        self.offset = 0  # how far the file has been read; the reader keeps it current

    def add_span(self, span: Span) -> None:
        """Add a span to its trace. A span that is exported twice counts once.

        Raises:
            RecordError: another span of the trace has the same id.
            InputError: E_TRACE_DUPLICATE if the trace was over already.
        """
        spans = self._trace(span.trace_id, span.line).spans
        known = spans.setdefault(span.span_id, span)
        if known is not span:
            span.line = known.line
            if span != known:
                raise RecordError(f"two different spans of a trace have the id {span.span_id[:40]}")
            self._report.drop("span that was exported again")

    def add_event(self, trace_id: str, span_id: str, event: SpanEvent, line: int | None) -> None:
        """Add an event that was recorded apart from its span, perhaps before it.

        Raises:
            InputError: E_TRACE_DUPLICATE if the trace was over already.
        """
        self._trace(trace_id, line).events.append((span_id, event))

    def over(self, *, end: bool = False) -> Iterator[Episode]:
        """Yield the episodes of the traces that are over; at the end of the file all of them, as they began.

        Raises:
            InputError: E_TRACE_INVALID for a trace whose spans cannot be read.
        """
        horizon = self.offset - self._idle_bytes
        done = list(self._open) if end else []
        if not end:
            for trace_id, trace in self._open.items():
                if trace.seen_at >= horizon:
                    break
                done.append(trace_id)
        if end:
            done.sort(key=lambda trace_id: self._open[trace_id].line or 0)
        for trace_id in done:
            self._recent = None
            self._over.add(trace_id)
            if (episode := self._build(self._open.pop(trace_id))) is not None:
                yield episode

    def _trace(self, trace_id: str, line: int | None) -> _Trace:
        if self._recent is not None and self._recent[0] == trace_id:
            self._recent[1].seen_at = self.offset
            return self._recent[1]
        trace = self._open.pop(trace_id, None)
        if trace is None:
            if trace_id in self._over:
                raise InputError(
                    code="E_TRACE_DUPLICATE",
                    message=f"the trace {trace_id[:60]!r} goes on after it was over",
                    remedy=f"keep the spans of a trace within {IDLE_BYTES // 1024 // 1024} MiB of one another",
                    place=Place(self._source.name, line or 0),
                )
            trace = _Trace(line)
        trace.seen_at = self.offset
        self._open[trace_id] = trace  # now the most recently seen
        self._recent = (trace_id, trace)
        return trace

    def _build(self, trace: _Trace) -> Episode | None:
        for span_id, event in sorted(trace.events, key=lambda each: each[1].time_ns):
            if (span := trace.spans.get(span_id)) is None:
                self._report.drop("log record whose span is not in the file")
            else:
                span.events.append(event)
        if not trace.spans:
            return None
        try:
            return build_episode(list(trace.spans.values()), self._source.name, trace.line, self._report)
        except RecordError as error:
            where = f"the trace that begins on line {trace.line}" if trace.line else "a trace"
            raise InputError(
                code="E_TRACE_INVALID",
                message=f"{where}: {error}",
                place=Place(self._source.name, trace.line or 0),
            ) from error
