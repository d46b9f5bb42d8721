"""The conversation of a sample: the calls that were asked for, for logs without events and calls that have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import JsonValue, ToolCall
from assay_core.trace import Members, RecordError, value_of
from assay_importer_inspect.attachments import Attachments
from assay_importer_inspect.events import call_of
from assay_importer_inspect.strict import members_of, split_list

__all__ = ["asked_calls", "merged", "read_messages", "text_of"]

_ROLES = ("system", "user", "assistant", "tool")


def read_messages(raw: msgspec.Raw | None, what: str) -> list[Members]:
    """Return the messages of a list.

    Raises:
        RecordError: it is no list of objects.
    """
    return [members_of(each, f"a message of {what}") for each in split_list(raw, what)]


def text_of(content: JsonValue) -> str:
    """Return the text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)
    )  # fmt: skip


def asked_calls(messages: Iterable[Members], attachments: Attachments, report: ImportReport) -> list[ToolCall]:
    """Return the calls of the assistant's messages, each with the answer of its tool message.

    Raises:
        RecordError: a call is not what it says it is.
    """
    calls: list[ToolCall] = []
    waiting: dict[str, list[int]] = {}
    for message in messages:
        role = value_of(message.get("role"))
        if role == "assistant":
            for each in split_list(message.get("tool_calls"), "'tool_calls'"):
                call = _asked(members_of(each, "a tool call"), len(calls), attachments, report)
                waiting.setdefault(call.call_id or "", []).append(len(calls))
                calls.append(call)
        elif role == "tool":
            found = waiting.get(str(value_of(message.get("tool_call_id"))), [])
            if found:
                index = found.pop(0)
                calls[index] = _answered(calls[index], message, attachments, report)
            else:
                report.drop("answer of a tool to no call")
        if role not in _ROLES:
            raise RecordError("a message has none of the roles system, user, assistant and tool")
    return calls


def merged(happened: list[ToolCall], asked: list[ToolCall]) -> list[ToolCall]:
    """Return the calls that happened, and after its predecessor each one that was asked for and has no event."""
    left = Counter(call.call_id for call in happened)
    after: dict[int, list[ToolCall]] = {}
    positions: dict[str | None, list[int]] = {}
    for position, call in enumerate(happened):
        positions.setdefault(call.call_id, []).append(position)
    last = -1
    for call in asked:
        if left[call.call_id] > 0:
            left[call.call_id] -= 1
            last = positions[call.call_id].pop(0)
        else:
            after.setdefault(last, []).append(call)
    result = list(after.get(-1, ()))
    for position, call in enumerate(happened):
        result += [call, *after.get(position, ())]
    return [msgspec.structs.replace(call, index=index) for index, call in enumerate(result)]


def _asked(members: Members, index: int, attachments: Attachments, report: ImportReport) -> ToolCall:
    wrong = value_of(members.pop("parse_error", None))
    call = call_of(members, attachments, report, index=index)
    if isinstance(wrong, str):
        return msgspec.structs.replace(call, outcome="error", error=wrong)
    return msgspec.structs.replace(call, outcome="no_response")


def _answered(call: ToolCall, message: Members, attachments: Attachments, report: ImportReport) -> ToolCall:
    members: Members = {"function": msgspec.Raw(msgspec.json.encode(call.tool))}
    for name, source in (("result", "content"), ("error", "error")):
        if source in message:
            members[name] = message[source]
    answer = call_of(members, attachments, report, index=call.index)
    return msgspec.structs.replace(
        call, result_json=answer.result_json, error=answer.error, outcome=answer.outcome, extra_json=answer.extra_json
    )
