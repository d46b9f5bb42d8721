"""Tool calls out of the spans of tools."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from assay_core.model import CallOutcome
from assay_core.trace import RecordError, call_outcome
from assay_importer_otel.conventions import text_at
from assay_importer_otel.embedded import decoded, encode, json_of
from assay_importer_otel.messages import read_messages
from assay_importer_otel.spans import Attributes, Span

__all__ = ["SpannedCall", "kept_result", "read_tool_span"]

_NAMES = ("gen_ai.tool.name", "tool.name", "mcp.tool.name", "traceloop.entity.name")
_ARGS = (
    "gen_ai.tool.call.arguments", "gen_ai.tool.args", "tool_arguments", "gen_ai.tool.arguments",
    "traceloop.entity.input", "input.value", "mcp.request.argument",
)  # fmt: skip
_RESULTS = (
    "gen_ai.tool.call.result", "gen_ai.tool.result", "tool_response", "gen_ai.tool.response",
    "traceloop.entity.output", "output.value",
)  # fmt: skip
_IDS = ("gen_ai.tool.call.id", "tool_call.id", "tool.call.id", "tool.id")
_MIME = ("input.mime_type", "output.mime_type")
_SERVERS = ("mcp.server.name", "gen_ai.tool.server.name")
_KINDS = ("gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind")
_USED = frozenset({*_NAMES, *_ARGS, *_RESULTS, *_IDS, *_MIME, *_SERVERS, *_KINDS})
_SECRET = re.compile(
    r"(?:^|[._-])(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|api-key|apikey|x-auth-token|x-amz-security-token)$"
)
_HINTS = ("authorization", "cookie", "api-key", "apikey", "auth-token", "security-token", "bearer", "basic")
_BEARER = re.compile(r"^\s*(?:bearer|basic)\s+\S+", re.IGNORECASE)
_HIDDEN = "[redacted]"


class SpannedCall(msgspec.Struct, gc=False):
    """One call, as spans and messages tell it; completed while the trace is read."""

    tool: str
    call_id: str | None
    args: Any  # the value; None where it was not recorded
    args_json: bytes | None
    result_json: bytes | None
    error: str | None
    outcome: CallOutcome
    start_ns: int
    end_ns: int
    span_id: str
    parent_id: str
    server: str | None
    extra: dict[str, Any]
    line: int | None
    order: int = 0


def read_tool_span(span: Span) -> tuple[SpannedCall, int]:
    """Return the call of a tool's span, and how many values were redacted.

    Raises:
        RecordError: there is no tool, or its arguments can be read in two ways or not at all.
    """
    given = span.attributes
    tool = text_at(given, *_NAMES) or span.name.removeprefix("execute_tool ").removeprefix("tools/call ")
    if not tool.strip():
        raise RecordError("a span of a tool names no tool")
    args, args_json = _args(given, span, tool)
    result, result_json, answered_id = _result(given, span)
    error = _error(span)
    outcome: CallOutcome = call_outcome(result, error)
    if outcome == "unknown" and span.end_ns and span.failed is not None:
        outcome = "ok"
    extra, redacted = _rest(given)
    call = SpannedCall(
        tool=tool, call_id=text_at(given, *_IDS) or answered_id, args=args, args_json=args_json,
        result_json=result_json, error=error, outcome=outcome, start_ns=span.start_ns, end_ns=span.end_ns,
        span_id=span.span_id, parent_id=span.parent_id, server=text_at(given, *_SERVERS), extra=extra, line=span.line,
    )  # fmt: skip
    return call, redacted


def kept_result(recorded: Any) -> tuple[Any, bytes | None, str | None, bool]:
    """Return a result without the wrapping of its framework: value, JSON, the call's id, whether it is an error.

    Raises:
        RecordError: it is JSON that can be read in two ways.
    """
    value, data = json_of(recorded) if isinstance(recorded, str) else (recorded, encode(recorded))
    call_id, failed = None, False
    message = _langchain_message(value)
    if message is not None:
        call_id = text_at(message, "tool_call_id")
        failed = message.get("status") == "error"
        content = message.get("content")
        value, data = json_of(content) if isinstance(content, str) else (content, encode(content))
    elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and set(value[0]) == {"text"}:
        text = value[0]["text"]  # the only block of a result
        if isinstance(text, str):
            value, data = json_of(text)
    return value, None if value is None else data, call_id, failed


def _langchain_message(value: Any) -> dict[str, Any] | None:
    """Return the members of LangChain's message of a tool, where a result is one, in whichever serialisation."""
    if not isinstance(value, dict):
        return None
    inner = value.get("output", value) if "kwargs" in value else value
    if not isinstance(inner, dict):
        return None
    members = inner.get("kwargs") if inner.get("type") == "constructor" else inner.get("data")
    return members if isinstance(members, dict) and members.get("type") == "tool" and "content" in members else None


def _args(given: Attributes, span: Span, tool: str) -> tuple[Any, bytes | None]:
    recorded = _first(given, _ARGS)
    if recorded is None:
        for event in span.events:  # the message that started the tool
            if event.name == "gen_ai.tool.message" and event.attributes.get("content") is not None:
                recorded = event.attributes["content"]
    if recorded is None:
        return None, None
    value, data = json_of(recorded) if isinstance(recorded, str) else (recorded, encode(recorded))
    if isinstance(value, str) and isinstance(recorded, str) and recorded.lstrip()[:1] in ("{", "["):
        raise RecordError(
            f"the arguments of {tool[:80]!r} begin like JSON and are none; an attribute that was cut off?"
        )
    if isinstance(value, dict) and "input_str" in value and isinstance(value.get("inputs"), dict):
        value = value["inputs"]  # the wrapping of LangChain's callbacks
        data = encode(value)
    return value, data


def _result(given: Attributes, span: Span) -> tuple[Any, bytes | None, str | None]:
    recorded = _first(given, _RESULTS)
    if recorded is None:
        for event in span.events:
            if event.name == "gen_ai.choice" and event.attributes.get("message") is not None:
                recorded = event.attributes["message"]
            elif (output := event.attributes.get("gen_ai.output.messages")) is not None:
                answers = [answer for message in read_messages(output) for answer in message.answers]
                recorded = answers[0].result if answers else recorded
    if recorded is None:
        return None, None, None
    value, data, call_id, _ = kept_result(recorded)
    return value, data, call_id


def _first(given: Attributes, names: tuple[str, ...]) -> Any:
    """Return the first of the attributes that is there; None where none is."""
    for name in names:
        value = given.get(name)
        if value is not None:
            return value
    return None


def _error(span: Span) -> str | None:
    """Return why a call failed, None where it did not."""
    kind = text_at(span.attributes, "error.type")
    if not span.failed and kind is None and span.attributes.get("gen_ai.tool.status") != "error":
        return None
    for attributes in [event.attributes for event in span.events if event.name == "exception"]:
        if (message := text_at(attributes, "exception.message", "exception.type")) is not None:
            return message
    return span.status_text or kind or "error"


def _rest(given: Attributes) -> tuple[dict[str, Any], int]:
    """Return the attributes that no field holds, secrets redacted, and how many these were."""
    rest = {key: value for key, value in given.items() if key not in _USED}
    for key, value in rest.items():
        if _may_hide(key, value):
            break
    else:
        return rest, 0
    hidden = [0]
    return {key: _shown(key, value, hidden) for key, value in rest.items()}, hidden[0]


def _may_hide(key: str, value: Any) -> bool:
    """Tell whether there may be a secret in an attribute; False is a proof that there is none."""
    if _is_secret(key):
        return True
    if isinstance(value, str):
        if value.lstrip()[:1] not in ("{", "["):
            return _BEARER.match(value) is not None
    elif not isinstance(value, (dict, list)):
        return False
    text = str(value).lower()
    return any(hint in text for hint in _HINTS)


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return _SECRET.search(key.lower()) is not None


def _shown(key: str, value: Any, hidden: list[int]) -> Any:
    if _is_secret(key) or (isinstance(value, str) and _BEARER.match(value)):
        hidden[0] += 1
        return _HIDDEN
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        inner = decoded(value)
        shown = inner if isinstance(inner, str) else _shown(key, inner, hidden)
        return value if shown == inner else encode(shown).decode()
    if isinstance(value, dict):
        return {name: _shown(str(name), inner, hidden) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shown("", inner, hidden) for inner in value]
    return value
