"""One trace, one episode."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from assay_core.contracts import ImportReport
from assay_core.model import Episode, Event, SourcePlace, Step, ToolCall, ToolDefinition, Usage
from assay_importer_otel.calls import TraceCalls
from assay_importer_otel.conventions import dropped_name, inputs_of, kind_of, outputs_of, text_at, tokens_of
from assay_importer_otel.definitions import definitions_of
from assay_importer_otel.embedded import encode
from assay_importer_otel.messages import Message
from assay_importer_otel.spans import Span
from assay_importer_otel.tools import SpannedCall

__all__ = ["build_episode"]

_MAX_ANCESTORS = 64
_MODEL = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")


def build_episode(spans: Sequence[Span], file: str, line: int | None, report: ImportReport) -> Episode | None:
    """Return the episode of the spans of a trace; None where none of them is of a model, an agent or a tool.

    Raises:
        RecordError: what a span recorded cannot be read.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, -span.end_ns, span.span_id))
    kinds = [kind_of(span) for span in ordered]
    if not any(kind != "other" for kind in kinds):
        report.drop("span of a trace without agent", len(spans))
        return None
    parents = {span.span_id: span.parent_id for span in ordered}
    models = [span for span, kind in zip(ordered, kinds, strict=True) if kind == "model"]
    outer = _outermost(models, parents)
    agents = [span for span, kind in zip(ordered, kinds, strict=True) if kind == "agent"]
    answers = {span.span_id: outputs_of(span) for span in models or agents}
    calls = TraceCalls(parents, report)
    for span, kind in zip(ordered, kinds, strict=True):
        if kind == "tool":
            calls.add_tool_span(span)
    for span in models or agents:
        calls.add_asked(span, answers[span.span_id])
    calls.add_results(reversed(models or agents))
    _count(models + agents, report)
    if others := kinds.count("other"):
        report.drop("span that is neither of a model, an agent nor a tool", others)
    return Episode(
        id=ordered[0].trace_id,
        prompt=_prompt(models, agents),
        response=_response(models, agents, answers),
        events=_events(calls.calls, outer, agents, answers),
        complete=all(not span.parent_id or span.parent_id in parents or span.remote_parent for span in ordered),
        outcome="error" if any(span.failed and span.parent_id not in parents for span in ordered) else None,
        tool_definitions=_definitions(models),
        usage=_usage(outer) or _usage(models) or _usage(_outermost(agents, parents)),
        source=SourcePlace(file, line),
        extra_json=encode({"meta": {"source": "otel", "trace_id": ordered[0].trace_id}}),
    )


def _outermost(spans: list[Span], parents: dict[str, str]) -> list[Span]:
    """Return the spans that are not within another one of the list: each layer may be instrumented."""
    ids = {span.span_id for span in spans}
    found = []
    for span in spans:
        above = span.parent_id
        for _ in range(_MAX_ANCESTORS):
            if not above or above in ids:
                break
            above = parents.get(above, "")
        if above not in ids:
            found.append(span)
    return found


def _prompt(models: list[Span], agents: list[Span]) -> str | None:
    """Return what the user last said before the first answer of the first model."""
    for span in (*models, *agents):
        said = [message.text for message in inputs_of(span) if message.role == "user" and message.text]
        if said:
            return said[-1]
    return next((text for span in agents if (text := text_at(span.attributes, "input.value"))), None)


def _response(models: list[Span], agents: list[Span], answers: dict[str, list[Message]]) -> str | None:
    """Return the last thing a model said, or what the agent that began first returned."""
    for span in sorted(models, key=lambda span: span.end_ns, reverse=True):
        said = [message.text for message in answers[span.span_id] if message.text]
        if said:
            return said[-1]
    for span in agents:
        said = [message.text for message in answers.get(span.span_id) or outputs_of(span) if message.text]
        text = said[-1] if said else text_at(span.attributes, "final_result", "output.value")
        if text is not None:
            return text
    return None


def _events(
    calls: list[SpannedCall], models: list[Span], agents: list[Span], answers: dict[str, list[Message]]
) -> tuple[Event, ...]:
    """Return calls and steps in the order in which they began."""
    timed: list[tuple[int, int, Span | SpannedCall]] = [(call.start_ns, 1, call) for call in calls]
    timed += [(span.start_ns, -1, span) for span in agents]
    timed += [(span.start_ns, 0, span) for span in models]
    timed.sort(key=lambda each: each[:2])  # stable: calls of the same instant stay in the order of the trace
    events: list[Event] = []
    index = 0
    for _, kind, item in timed:
        if isinstance(item, Span):
            events.append(_step(item, answers[item.span_id] if kind == 0 else None))
        else:
            events.append(_call(item, index))
            index += 1
    return tuple(events)


def _step(span: Span, said: list[Message] | None) -> Step:
    texts = [message.text for message in said or () if message.text]
    model = text_at(span.attributes, *_MODEL)
    name = text_at(span.attributes, "gen_ai.agent.name") if said is None else None
    return Step(
        kind="agent" if said is None else "model",
        name=name or span.name,
        content="\n".join(texts) if texts else None,
        step_id=span.span_id,
        ts_ms=_ms(span.start_ns),
        line=span.line,
        extra_json=_about(model) if model and said is not None else b"{}",
    )


@lru_cache(maxsize=64)
def _about(model: str) -> bytes:
    return encode({"meta": {"gen_ai.response.model": model}})


def _call(call: SpannedCall, index: int) -> ToolCall:
    extra = {"attributes": call.extra} if call.extra else {}
    if call.span_id:
        extra["span_id"] = call.span_id  # type: ignore[assignment]  # beside the attributes
    return ToolCall(
        index=index, tool=call.tool, args_json=call.args_json, result_json=call.result_json, error=call.error,
        outcome=call.outcome, ts_ms=_ms(call.start_ns),
        duration_ms=(call.end_ns - call.start_ns) / 1e6 if call.start_ns and call.end_ns >= call.start_ns else None,
        server=call.server, call_id=call.call_id, parent_id=call.parent_id or None, line=call.line,
        extra_json=encode(extra),
    )  # fmt: skip


def _ms(nanoseconds: int) -> float | None:
    """Return milliseconds; whole ones as an integer's value would lose nothing, the fraction down to microseconds."""
    return nanoseconds // 1000 / 1000 if nanoseconds else None


def _usage(spans: list[Span]) -> Usage | None:
    found = [usage for span in spans if (usage := tokens_of(span)) is not None]
    if not found:
        return None
    inputs = [usage.input_tokens for usage in found if usage.input_tokens is not None]
    outputs = [usage.output_tokens for usage in found if usage.output_tokens is not None]
    costs = [usage.cost_usd for usage in found if usage.cost_usd is not None]
    return Usage(
        input_tokens=sum(inputs) if inputs else None,
        output_tokens=sum(outputs) if outputs else None,
        cost_usd=sum(costs) if costs else None,
    )


def _definitions(models: list[Span]) -> tuple[ToolDefinition, ...] | None:
    """Return every definition that some model was given, each once."""
    found: dict[tuple[str, str | None, bytes | None], ToolDefinition] = {}
    for span in models:
        for definition in definitions_of(span.attributes):
            found.setdefault((definition.name, definition.description, definition.input_schema_json), definition)
    return tuple(found.values()) or None


def _count(spans: list[Span], report: ImportReport) -> None:
    """Count the attributes of models and agents that nothing was made of."""
    dropped = report.dropped
    for span in spans:
        for name in _dropped_names(tuple(span.attributes)):
            dropped[name] = dropped.get(name, 0) + 1
        for event in span.events:
            if not event.name.startswith("gen_ai.") and event.name != "exception":
                report.drop("event of a span")


@lru_cache(maxsize=256)
def _dropped_names(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is left out of a span with these attributes. Most spans of a file have the same few."""
    return tuple(name for key in keys if (name := dropped_name(key)) is not None)
