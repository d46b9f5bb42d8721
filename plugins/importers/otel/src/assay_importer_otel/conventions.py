"""What the attributes of a span say, in every generation of the conventions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from assay_core.model import Usage
from assay_importer_otel.embedded import decoded
from assay_importer_otel.messages import Message, read_messages, unnumbered
from assay_importer_otel.spans import Attributes, Span, SpanEvent

__all__ = ["Kind", "dropped_name", "inputs_of", "kind_of", "outputs_of", "text_at", "tokens_of"]

Kind = Literal["tool", "model", "agent", "other"]

_OPERATIONS: dict[str, Kind] = {
    "execute_tool": "tool",
    **dict.fromkeys(("chat", "text_completion", "generate_content", "completion"), "model"),
    **dict.fromkeys(("invoke_agent", "create_agent", "invoke_workflow"), "agent"),
}
_KINDS: dict[str, Kind] = {"TOOL": "tool", "LLM": "model", "AGENT": "agent"}  # of OpenInference
_ENTITIES: dict[str, Kind] = {"tool": "tool", "agent": "agent", "workflow": "agent"}  # of Traceloop
_MODEL_SIGNS = ("llm.request.type", "gen_ai.completion", "gen_ai.output.messages", "gen_ai.completion.0.role")
_AGENT_SIGNS = ("all_messages_events", "pydantic_ai.all_messages")
_TOOL_SIGNS = ("gen_ai.tool.call.id", "tool_arguments", "gen_ai.tool.args", "gen_ai.tool.call.arguments")

_INPUTS = ("gen_ai.input.messages", "gen_ai.prompt")
_OUTPUTS = ("gen_ai.output.messages", "gen_ai.completion")
_NUMBERED_INPUTS = ("gen_ai.prompt.", "llm.input_messages.")
_NUMBERED_OUTPUTS = ("gen_ai.completion.", "llm.output_messages.")
_FIRST = {
    prefix: tuple(f"{prefix}0.{name}" for name in ("role", "message.role", "content"))
    for prefix in (*_NUMBERED_INPUTS, *_NUMBERED_OUTPUTS)
}
_HISTORY = ("pydantic_ai.all_messages", "all_messages_events")  # of an agent: what went in and what came out
_INPUT_TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_OUTPUT_TOKENS = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
_COST = ("operation.cost", "gen_ai.usage.cost", "llm.cost.total")


def kind_of(span: Span) -> Kind:
    """Tell what a span stands for."""
    given = span.attributes
    operation = given.get("gen_ai.operation.name")
    if isinstance(operation, str):
        return _OPERATIONS.get(operation, "other")
    for key, kinds in (("openinference.span.kind", _KINDS), ("traceloop.span.kind", _ENTITIES)):
        if isinstance(kind := given.get(key), str):
            return kinds.get(kind if kinds is _ENTITIES else kind.upper(), "other")
    if given.get("mcp.method.name") == "tools/call":
        return "tool"
    if "gen_ai.tool.name" in given and any(name in given for name in _TOOL_SIGNS):
        return "tool"
    if any(name in given for name in _MODEL_SIGNS):
        return "model"
    return "agent" if any(name in given for name in _AGENT_SIGNS) else "other"


def inputs_of(span: Span) -> list[Message]:
    """Return the messages that went into a model or an agent."""
    found = _messages(span, _INPUTS, _NUMBERED_INPUTS, "user")
    for event in span.events:
        if event.name.endswith(".message"):
            found += _of_event(event)
        else:
            found += _of_details(event, _INPUTS, "user")
    if events := span.attributes.get("events"):
        found += [message for message in read_messages(events) if message.role != "assistant" or message.calls]
    for name in _HISTORY:
        if name in span.attributes:
            found += read_messages(span.attributes[name])
    return found


def outputs_of(span: Span) -> list[Message]:
    """Return the messages that came out of a model or an agent. An agent's own history is no output."""
    found = _messages(span, _OUTPUTS, _NUMBERED_OUTPUTS, "assistant")
    for event in span.events:
        if event.name == "gen_ai.choice":
            found += _of_event(event)
        else:
            found += _of_details(event, _OUTPUTS, "assistant")
    if events := span.attributes.get("events"):
        found += read_messages([event for event in _decoded_list(events) if event.get("event.name") == "gen_ai.choice"])
    return found


def tokens_of(span: Span) -> Usage | None:
    """Return what a span says about tokens and cost; None where it says nothing."""
    given = span.attributes
    asked, answered = _count_at(given, _INPUT_TOKENS), _count_at(given, _OUTPUT_TOKENS)
    cost = next((given[name] for name in _COST if type(given.get(name)) in (int, float) and given[name] >= 0), None)
    if asked is None and answered is None and cost is None:
        return None
    return Usage(input_tokens=asked, output_tokens=answered, cost_usd=cost)


def _count_at(given: Attributes, names: tuple[str, ...]) -> int | None:
    for name in names:
        value = given.get(name)
        if type(value) is int and value >= 0:
            return value
    return None


def text_at(attributes: Attributes, *names: str) -> str | None:
    """Return the first of the attributes that is a text which is not empty."""
    for name in names:
        value = attributes.get(name)
        if value and isinstance(value, str):
            return value
    return None


_UNDERSTOOD = frozenset({
    "gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", "llm.request.type", "events",
    "final_result", "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "gen_ai.agent.name",
    "gen_ai.tool.definitions", "gen_ai.response.finish_reasons", "llm.finish_reason",
    *_INPUTS, *_OUTPUTS, *_HISTORY, *_INPUT_TOKENS, *_OUTPUT_TOKENS, *_COST,
})  # fmt: skip
_NUMBERED = (*_NUMBERED_INPUTS, *_NUMBERED_OUTPUTS, "llm.tools.", "llm.request.functions.")


def dropped_name(key: str) -> str | None:
    """Return under which name an attribute of a model or an agent is counted as left out; None: it is understood."""
    if key in _UNDERSTOOD or key.startswith(_NUMBERED):
        return None
    words = ["N" if word.isdigit() else word for word in key.split(".")]
    return "attribute " + ".".join(words)[:80]


def _messages(span: Span, names: tuple[str, ...], prefixes: tuple[str, ...], role: str) -> list[Message]:
    given = span.attributes
    found: list[Message] = []
    for name in names:
        if (value := given.get(name)) is not None:
            found += read_messages(value, role)
    for prefix in prefixes:
        if not given.keys().isdisjoint(_FIRST[prefix]):
            for each in unnumbered(given, prefix):
                found += read_messages(_nested(each), role)
    return found


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Return one numbered message as an object: `message.tool_calls.0.tool_call.id` and the like taken apart."""
    message = {key.removeprefix("message."): value for key, value in flat.items()}
    calls = []
    for each in unnumbered(message, "tool_calls."):
        call = {key.removeprefix("tool_call.").removeprefix("function."): value for key, value in each.items()}
        calls.append(call)
    blocks = unnumbered(message, "contents.")
    nested: dict[str, Any] = {key: value for key, value in message.items() if "." not in key}
    if calls:
        nested["tool_calls"] = calls
    if blocks:
        nested["contents"] = [
            {key.removeprefix("message_content."): value for key, value in block.items()} for block in blocks
        ]
    return nested


def _of_event(event: SpanEvent) -> list[Message]:
    given = event.attributes
    content = given.get("gen_ai.event.content")  # Azure puts the whole body there
    if content is not None:
        return [
            message if message.role else Message("", message.text, message.calls, message.answers)
            for message in read_messages(content, _role(event.name))
        ]
    found = read_messages([{"role": _role(event.name), **given, "event.name": event.name}])
    if results := given.get("tool.result"):
        found += read_messages(results, "tool")
    return found


def _of_details(event: SpanEvent, names: tuple[str, ...], role: str) -> Iterator[Message]:
    for name in names:
        if (value := event.attributes.get(name)) is not None:
            yield from read_messages(value, role)


def _role(event_name: str) -> str:
    return "assistant" if event_name == "gen_ai.choice" else event_name.split(".")[1]


def _decoded_list(value: Any) -> list[dict[str, Any]]:
    found = decoded(value)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
