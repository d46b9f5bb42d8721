"""Tool calls where providers of promptfoo put them.

Promptfoo passes on what a model's interface answered, so the forms are those of OpenAI (chat and responses),
Anthropic, Google and Bedrock, and the list `metadata.toolCalls` of the agent SDK providers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from assay_core.model import CallOutcome, ToolCall
from assay_core.trace import Members, RecordError, error_text, take_text, value_of
from assay_importer_promptfoo.strict import elements, json_of, object_of, one_line

__all__ = ["calls_of_response"]

# Members that hold messages, parts and calls, in the order in which they are looked through.
_HOLDERS = (
    "choices", "candidates", "messages", "message", "output", "content", "parts", "items", "tool_calls", "toolCalls",
)  # fmt: skip
_CALL_TYPES = ("tool_use", "function_call", "mcp_call", "custom_tool_call", "server_tool_use")
_ANSWER_TYPES = ("tool_result", "function_call_output", "custom_tool_call_output")
_NAMED = ("functionCall", "toolUse")  # Google, Bedrock
_ARGS = ("arguments", "args", "input", "parameters")
_RESULTS = ("output", "result")
_encode = msgspec.json.Encoder().encode


def calls_of_response(response: Members, line: int) -> tuple[ToolCall, ...]:
    """Return the calls of a response, wherever they are; one that several places name is one call.

    Raises:
        RecordError: a call is malformed.
    """
    metadata = object_of(response.get("metadata")) or {}
    output = response.get("output")
    text = value_of(output)
    found: list[ToolCall] = []
    for raw in (metadata.get("toolCalls"), metadata.get("tool_calls"), metadata.get("messages")):
        found = _together(found, _Finder(line).find(raw, listed=True))
    for raw in (output, response.get("raw")):
        found = _together(found, _Finder(line).find(raw))
    if isinstance(text, str):
        found = _together(found, _Finder(line).find_in_lines(text))
    return tuple(msgspec.structs.replace(call, index=index) for index, call in enumerate(found))


def _together(known: list[ToolCall], more: tuple[ToolCall, ...]) -> list[ToolCall]:
    """Return the known calls, and of more those that are not among them: by id, or by tool and arguments."""
    ids = {call.call_id for call in known if call.call_id}
    alike = Counter((call.tool, call.args_json) for call in known)
    result = list(known)
    for call in more:
        key = (call.tool, call.args_json)
        if call.call_id in ids or ((not call.call_id or not ids) and alike[key] > 0):
            alike[key] -= 1
        else:
            result.append(call)
    return result


class _Finder:
    """Collects the calls of one value, and the answers to them."""

    def __init__(self, line: int) -> None:
        self._line = line
        self._calls: list[ToolCall] = []
        self._waiting: dict[str, int] = {}

    def find(self, raw: msgspec.Raw | bytes | None, *, listed: bool = False) -> tuple[ToolCall, ...]:
        """Return the calls of a value; a text is looked into where it is JSON. `listed`: every object is a call."""
        if raw is None:
            return ()
        if bytes(raw)[:1] == b'"':
            text = value_of(raw)
            raw = (_json_in(text) if isinstance(text, str) else None) or b"null"
        self._walk(raw, listed=listed)
        return tuple(self._calls)

    def find_in_lines(self, text: str) -> tuple[ToolCall, ...]:
        """Return the calls that stand as JSON on lines of their own, as promptfoo writes them beside a text."""
        for line in text.splitlines():
            if line.startswith('{"') and '"type"' in line and (data := _json_in(line)) is not None:
                self._walk(data)
        return tuple(self._calls)

    def _walk(self, raw: msgspec.Raw | bytes, *, listed: bool = False) -> None:
        inner = elements(raw)
        if inner is not None:
            for each in inner:
                self._walk(each, listed=listed)
            return
        members = object_of(raw)
        if members is None:
            return
        kind = value_of(members.get("type"))
        if kind in _ANSWER_TYPES or value_of(members.get("role")) == "tool":
            self._answer(members)
        elif kind in _CALL_TYPES and "name" in members:
            self._add(members)
        elif (function := object_of(members.get("function"))) is not None:
            self._add({**{name: members[name] for name in ("id",) if name in members}, **function})
        elif listed and "name" in members:
            self._add(members)
        else:
            self._look_inside(members)

    def _look_inside(self, members: Members) -> None:
        for name in _NAMED:
            if (call := object_of(members.get(name))) is not None:
                self._add(call)
        if (legacy := object_of(members.get("function_call"))) is not None:
            self._add(legacy)
        for name in _HOLDERS:
            if name in members:
                self._walk(members[name], listed=name in ("tool_calls", "toolCalls"))

    def _add(self, members: Members) -> None:
        tool = take_text(members, "name")
        if not tool or tool.isspace():
            raise RecordError("a tool call names no tool")
        names = ("call_id", "id", "toolUseId", "tool_use_id")
        call_id = next((text for name in names if (text := take_text(members, name))), None)
        call = ToolCall(
            index=len(self._calls), tool=tool, args_json=_arguments(members), call_id=call_id,
            parent_id=take_text(members, "parentToolUseId") or None, server=take_text(members, "server_label") or None,
            line=self._line,
        )  # fmt: skip
        agent = "is_error" in members or any(name in members for name in _RESULTS)
        if call_id:
            self._waiting[call_id] = call.index
        self._calls.append(_answered(call, members, _RESULTS) if agent else call)

    def _answer(self, members: Members) -> None:
        names = ("tool_call_id", "tool_use_id", "call_id")
        call_id = next((text for name in names if (text := take_text(members, name))), None)
        index = self._waiting.get(call_id or "")
        if index is not None:
            self._calls[index] = _answered(self._calls[index], members, ("content", *_RESULTS))


def _json_in(text: str) -> bytes | None:
    """Return the object or array that a text holds; None where it holds none, or one that a model wrote carelessly.

    What promptfoo and its providers write repeats no key, so no call of theirs is missed.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json_of(text)
    except RecordError:
        return None


def _arguments(members: Members) -> bytes | None:
    """Return the arguments: JSON as it stands, also where it stands in a text; another text is a JSON string."""
    raw = next((members[name] for name in _ARGS if name in members), None)
    if raw is None or bytes(raw) == b"null":
        return None
    if bytes(raw)[:1] != b'"':
        return one_line(bytes(raw))
    text = value_of(raw)
    if not isinstance(text, str) or not text.strip():
        return None
    return json_of(text) or _encode(text)


def _answered(call: ToolCall, members: Members, names: Iterable[str]) -> ToolCall:
    """Return the call with its result. One that an agent made and that has none was not answered."""
    raw = next((members[name] for name in names if name in members and bytes(members[name]) != b"null"), None)
    result = None if raw is None else one_line(bytes(raw))
    error = error_text(value_of(members.get("error")))
    outcome: CallOutcome = "no_response" if raw is None else "ok"
    if value_of(members.get("is_error")) is True or error is not None:
        outcome = "error"
        error = error or _text_of(raw)
    return msgspec.structs.replace(call, result_json=result, error=error, outcome=outcome)


def _text_of(raw: msgspec.Raw | None) -> str:
    """Return a result as text: itself, or the texts of its parts, or its JSON."""
    if raw is None:
        return "error"
    value = value_of(raw)
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n".join(texts) or bytes(raw).decode("utf-8", "replace")
