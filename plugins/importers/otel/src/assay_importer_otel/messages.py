"""Messages between agent and model, in every shape that the conventions have had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from assay_importer_otel.embedded import decoded

__all__ = ["Answer", "AskedCall", "Message", "read_messages", "unnumbered"]

_TEXTS = ("content", "text")
_PLAIN = frozenset({"role", "parts", "name", "finish_reason"})
_MAX_NUMBER = 100_000


class AskedCall(msgspec.Struct, gc=False):
    """A tool call that a model asked for."""

    tool: str
    call_id: str | None
    args: Any  # JSON: the text as recorded, or the value


class Answer(msgspec.Struct, gc=False):
    """What a model was told about a call."""

    call_id: str | None
    tool: str | None
    result: Any
    failed: bool = False


class Message(msgspec.Struct, gc=False):
    """One message."""

    role: str
    text: str | None = None
    calls: list[AskedCall] = []
    answers: list[Answer] = []


def read_messages(value: Any, role: str = "") -> list[Message]:
    """Return the messages of a list, of one message, or of a bare text; what is none of these gives none.

    `role` is that of messages that state none.
    """
    value = decoded(value)
    if isinstance(value, str):
        return [Message(role, value)]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return []
    if value and all(isinstance(each, dict) and not _is_message(each) for each in value):
        return [_message({"role": role, "content": value}, role)]  # the blocks of one message
    return [_message(each, role) for each in value if isinstance(each, dict)]


def unnumbered(attributes: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Return the list of objects that attributes such as `PREFIX.0.role` spell, in the order of their numbers."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if not key.startswith(prefix):
            continue
        number, _, rest = key[len(prefix) :].partition(".")
        if number.isascii() and number.isdigit() and int(number[:7]) <= _MAX_NUMBER:
            found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def _is_message(value: dict[str, Any]) -> bool:
    return any(name in value for name in ("role", "parts", "message", "tool_calls", "event.name")) or (
        "content" in value and "type" not in value
    )


def _message(value: dict[str, Any], role: str) -> Message:
    if value.keys() <= _PLAIN and isinstance(parts := value.get("parts"), list):
        return _of_parts(_text(value.get("role")) or role, parts)
    inner = value.get("message")
    if inner is not None:  # a choice
        if isinstance(inner, dict):
            return _message(inner, _text(inner.get("role")) or role)
        value = value | {"content": inner}
    message = Message(_text(value.get("role")) or _role_of(value.get("event.name")) or role, None, [], [])
    if message.role == "tool" and "parts" not in value and not _only_blocks(value.get("content")):
        call_id = _text(value.get("tool_call_id")) or _text(value.get("id")) or None
        message.answers.append(Answer(call_id, _text(value.get("name")), value.get("content")))
        return message
    texts: list[str] = []
    for part in _parts(value):
        _read_part(part, message, texts)
    for call in _list(value.get("tool_calls")):
        _read_part(call.get("tool_call", call) | {"type": "tool_call"}, message, texts)
    message.text = "\n".join(texts) if texts else None
    return message


def _of_parts(role: str, parts: list[Any]) -> Message:
    """Return a message of the shape that has nothing but parts, which most have."""
    message = Message(role, None, [], [])
    texts: list[str] = []
    for part in parts:
        if isinstance(part, dict):
            _read_part(part, message, texts)
    message.text = "\n".join(texts) if texts else None
    return message


def _parts(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("parts", *_TEXTS, "contents"):
        content = value.get(name)
        if name != "parts" and isinstance(content, str):
            blocks = decoded(content)
            content = blocks if _only_blocks(blocks) else {"type": "text", "text": content}
        if isinstance(content, dict):
            yield content
        else:
            yield from _list(content)


def _only_blocks(value: Any) -> bool:
    """Tell whether a value is a list of parts of a message, not a list that somebody sent as a text."""
    value = decoded(value)
    names = ("toolUse", "toolResult", "text", "parts")
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and (any(name in each for name in names) or "type" in each) for each in value)
    )


def _read_part(part: dict[str, Any], message: Message, texts: list[str]) -> None:
    kind = part.get("type")
    if isinstance(use := part.get("toolUse"), dict):
        _add_call(message, use.get("name"), use.get("toolUseId"), use.get("input"))
    elif isinstance(given := part.get("toolResult"), dict):
        failed = given.get("status") == "error"
        message.answers.append(Answer(_text(given.get("toolUseId")), None, given.get("content"), failed))
    elif kind in ("tool_call", "function", "tool_use"):
        function = part.get("function")
        inner = function if isinstance(function, dict) else part
        args = next((inner[name] for name in ("arguments", "input", "args") if name in inner), None)
        _add_call(message, inner.get("name"), part.get("id") or part.get("tool_call_id"), args)
    elif kind in ("tool_call_response", "tool_result"):
        result = next((part[name] for name in ("response", "result", "content") if name in part), None)
        call_id = _text(part.get("id")) or _text(part.get("tool_use_id")) or _text(part.get("tool_call_id"))
        message.answers.append(Answer(call_id, _text(part.get("name")), result, part.get("is_error") is True))
    elif kind in (None, "text", "input_text", "output_text", "refusal"):
        text = next((part[name] for name in _TEXTS if isinstance(part.get(name), str)), None)
        if text is not None:
            texts.append(text)


def _add_call(message: Message, tool: Any, call_id: Any, args: Any) -> None:
    if isinstance(tool, str) and tool:
        message.calls.append(AskedCall(tool, _text(call_id) or None, args))


def _role_of(event_name: Any) -> str:
    """Return the role in the name of an event: `gen_ai.user.message`."""
    words = event_name.split(".") if isinstance(event_name, str) else []
    if words[-1:] == ["choice"]:
        return "assistant"
    return words[1] if len(words) == 3 and words[2] == "message" else ""


def _list(value: Any) -> list[dict[str, Any]]:
    value = decoded(value) if isinstance(value, str) else value
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
