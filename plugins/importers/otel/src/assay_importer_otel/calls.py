"""The calls of one trace: the same call, told by a span of its tool and by messages of the model, is one call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from assay_core.contracts import ImportReport
from assay_core.trace import RecordError, call_outcome
from assay_importer_otel.conventions import inputs_of, outputs_of
from assay_importer_otel.embedded import encode, json_of
from assay_importer_otel.messages import Answer, AskedCall, Message
from assay_importer_otel.spans import Span
from assay_importer_otel.tools import SpannedCall, kept_result, read_tool_span

__all__ = ["TraceCalls"]

_MAX_ANCESTORS = 64


class TraceCalls:
    """Collects the calls of a trace: spans of tools first, then what models asked for, then what they were told."""

    def __init__(self, parents: dict[str, str], report: ImportReport) -> None:
        self.calls: list[SpannedCall] = []
        self._parents = parents
        self._report = report
        self._by_span: dict[str, SpannedCall] = {}
        self._by_tool: dict[str, list[SpannedCall]] = {}
        self._claimed: set[int] = set()  # the calls, by their order, that a message was matched with

    def add_tool_span(self, span: Span) -> None:
        """Add the call of a tool's span, unless a span around it tells the same call.

        Raises:
            RecordError: the span names no tool, or its arguments cannot be read.
        """
        call, redacted = read_tool_span(span)
        if redacted:
            self._report.drop("value of an authorization header", redacted)
        outer = self._around(span.span_id)
        self._by_span[span.span_id] = call
        if outer is not None and _same(outer, call):
            self._by_span[span.span_id] = outer
            _complete(outer, call)
            self._report.drop("span of a call that the span around it records as well")
        else:
            self._add(call)

    def add_asked(self, model: Span, said: Iterable[Message]) -> None:
        """Add the calls that a model asked for, where no span tells them, nor another layer's span of the model."""
        for message in said:
            for asked in message.calls:
                self._add_asked(asked, model)

    def add_results(self, models: Iterable[Span]) -> None:
        """Find the results of calls without one in what the models were told afterwards; the last model comes first."""
        open_calls = {call.call_id: call for call in self.calls if call.call_id and _unanswered(call)}
        for model in models:
            if not open_calls:
                return
            for message in (*inputs_of(model), *outputs_of(model)):
                for answer in message.answers:
                    if answer.call_id is None:
                        self._report.drop("result that names no call")
                    elif (call := open_calls.pop(answer.call_id, None)) is not None:
                        _answer(call, answer)

    def _add(self, call: SpannedCall) -> None:
        call.order = len(self.calls)
        self.calls.append(call)
        self._by_tool.setdefault(call.tool, []).append(call)

    def _around(self, span_id: str) -> SpannedCall | None:
        """Return the call of the nearest span of a tool around a span."""
        for _ in range(_MAX_ANCESTORS):
            span_id = self._parents.get(span_id, "")
            if not span_id:
                return None
            if (call := self._by_span.get(span_id)) is not None:
                return call
        return None

    def _add_asked(self, asked: AskedCall, model: Span) -> None:
        known = self._by_tool.get(asked.tool, [])
        args, data = _args_told(asked, known) or _args_of(asked)
        call = next((each for each in known if self._tells(each, asked, args)), None)
        if call is None:
            if asked.call_id and (again := _told_before(known, asked.call_id, args)) is not None:
                if again.args is None:
                    again.args, again.args_json = args, data
                return  # by the instrumentation of another layer
            call = SpannedCall(
                tool=asked.tool, call_id=asked.call_id, args=args, args_json=data, result_json=None, error=None,
                outcome="unknown", start_ns=model.end_ns or model.start_ns, end_ns=0, span_id="",
                parent_id=model.span_id, server=None, extra={}, line=model.line,
            )  # fmt: skip
            self._add(call)
        elif args is not None and call.args != args:
            if isinstance(args, dict) and not isinstance(call.args, dict):
                call.args, call.args_json = args, data  # a tool's span that kept a part of them, or nothing
            else:
                call.extra["requested_arguments"] = args
        call.call_id = call.call_id or asked.call_id
        self._claimed.add(call.order)

    def _tells(self, call: SpannedCall, asked: AskedCall, args: Any) -> bool:
        """Tell whether a call that no message was matched with yet is the one that was asked for."""
        if call.order in self._claimed:
            return False
        if call.call_id and asked.call_id:
            return call.call_id == asked.call_id
        return call.args == args or args is None or not isinstance(call.args, dict)


def _told_before(known: Iterable[SpannedCall], call_id: str, args: Any) -> SpannedCall | None:
    for call in known:
        if call.call_id == call_id and (call.args == args or call.args is None or args is None):
            return call
    return None


def _same(outer: SpannedCall, inner: SpannedCall) -> bool:
    """Tell whether a span within the span of a call tells the same call."""
    if outer.tool != inner.tool or (outer.call_id and inner.call_id and outer.call_id != inner.call_id):
        return False
    return outer.args == inner.args or outer.args is None or inner.args is None


def _complete(call: SpannedCall, other: SpannedCall) -> None:
    """Fill what a call lacks from another telling of it."""
    call.call_id = call.call_id or other.call_id
    call.server = call.server or other.server
    if call.args_json is None:
        call.args, call.args_json = other.args, other.args_json
    if call.result_json is None and other.result_json is not None:
        call.result_json = other.result_json
    if call.error is None and other.error is not None and call.outcome != "ok":
        call.error, call.outcome = other.error, other.outcome
    call.extra = other.extra | call.extra


def _unanswered(call: SpannedCall) -> bool:
    return call.result_json is None and call.error is None


def _answer(call: SpannedCall, answer: Answer) -> None:
    value, data, _, failed = kept_result(answer.result)
    call.result_json = data
    if failed or answer.failed:
        call.outcome = "error"
    else:
        outcome = call_outcome(value, None)
        call.outcome = "ok" if outcome == "unknown" else outcome


def _args_told(asked: AskedCall, known: Iterable[SpannedCall]) -> tuple[Any, bytes | None] | None:
    """Return the arguments of a call that was asked for where a known call has the very text, which is read already."""
    if not isinstance(asked.args, str):
        return None
    text = asked.args.encode("utf-8", "surrogatepass")
    return next(((call.args, call.args_json) for call in known if call.args_json == text), None)


def _args_of(asked: AskedCall) -> tuple[Any, bytes | None]:
    """Return the arguments of a call that was asked for: their value, their JSON.

    Raises:
        RecordError: they begin like JSON and are none.
    """
    if asked.args is None or asked.args == "":
        return None, None
    if not isinstance(asked.args, str):
        return asked.args, encode(asked.args)
    value, data = json_of(asked.args)
    if isinstance(value, str) and asked.args.lstrip()[:1] in ("{", "["):
        raise RecordError(f"the arguments of {asked.tool[:80]!r} begin like JSON and are none; were they cut off?")
    return value, data
