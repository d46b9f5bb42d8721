"""JSON-RPC messages as they were recorded: the envelope taken apart, the values still the bytes that were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from assay_core.contracts import ImportReport
from assay_core.documents.strict_json import DECODE_ERRORS
from assay_core.model import JsonValue
from assay_core.trace import Members, RecordError, milliseconds, value_of

__all__ = [
    "CARRIERS",
    "TIMES",
    "Key",
    "Message",
    "Sender",
    "carries_message",
    "count_dropped",
    "is_message",
    "read_message",
    "refuse_carried",
    "take_time",
]

Sender: TypeAlias = Literal["client", "server"]
# A JSON-RPC id: the text "1" is not the number 1, and no dictionary takes one for the other.
Key: TypeAlias = str | int | float

TIMES = ("t", "ts", "time", "timestamp_ms", "timestamp", "ts_ms")
CARRIERS = ("raw", "message", "msg", "payload", "data", "body")
_ENVELOPE = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_MAX_WRAPS = 4
_MESSAGE_TIMES = ("timestamp_ms", "timestamp")
_SECONDS_BELOW = 1e11  # a smaller time counts seconds: as milliseconds it would lie in 1973
_MAX_NAMES = 40  # a report with more names than this is hostile


class Message(NamedTuple):
    """One message of a session."""

    line: int
    sender: Sender | None  # None: the recording does not say
    ts_ms: float | None
    key: Key | None  # None: a notification
    method: str | None  # None: a response
    params: msgspec.Raw | None
    result: msgspec.Raw | None
    error: msgspec.Raw | None


def is_message(members: Members) -> bool:
    """Tell whether an object is a JSON-RPC message rather than a record that holds one."""
    return "jsonrpc" in members or "method" in members


def read_message(
    members: Members, line: int, report: ImportReport, *, sender: Sender | None = None, ts_ms: float | None = None
) -> Message | None:
    """Return the message, or None, counted, for an object that is none.

    Raises:
        RecordError: the id is no id, or the message is a request, a result and an error at once.
    """
    take = members.pop
    take("jsonrpc", None)
    raw_id, raw_method = take("id", None), take("method", None)
    params, result, error = take("params", None), take("result", None), take("error", None)
    own_time = take_time(members, _MESSAGE_TIMES) if members else None
    refuse_carried(members)
    for name in members:
        if name.strip().lower() in _ENVELOPE:
            raise RecordError(f"the member {name!r} is none of JSON-RPC, and no other spelling of one is read")
        count_dropped(report, f"member {name!r} of a message")
    method = value_of(raw_method)
    if error is not None and bytes(error) == b"null":
        error = None
    if method is not None and not isinstance(method, str):
        raise RecordError("'method' is not a text")
    if (method is not None) + (result is not None) + (error is not None) > 1:
        raise RecordError("the message has more than one of 'method', 'result' and 'error'")
    if method is None and result is None and error is None:
        report.drop("message without method, result or error")
        return None
    return Message(line, sender, own_time if ts_ms is None else ts_ms, _key(raw_id), method, params, result, error)


def refuse_carried(members: Members, read: JsonValue = None) -> None:
    """Refuse a further member that carries a message nobody would look at.

    Args:
        members: What is left of a record once its message was taken out of it.
        read: The message that was taken; a member that repeats it is one message, not two.

    Raises:
        RecordError: a member holds another message, as an object, an array, or a text of JSON.
    """
    for name in CARRIERS:
        if name in members and carries_message(value := value_of(members[name])) and _plain(value) != _plain(read):
            raise RecordError(f"{name!r} carries a message of its own, where none is read")


def carries_message(value: JsonValue) -> bool:
    """Tell whether a value is a JSON-RPC message or an array with one, or a text of such JSON."""
    value = _plain(value)
    if isinstance(value, str):  # no sound JSON: it may still be meant as a message
        text = value.lstrip(' \t\r\n"\\')
        return text.startswith(("{", "[")) and ("jsonrpc" in text or "method" in text)
    if isinstance(value, list):
        return any(isinstance(each, dict) and ("jsonrpc" in each or "method" in each) for each in value)
    return isinstance(value, dict) and ("jsonrpc" in value or "method" in value)


def _plain(value: JsonValue) -> JsonValue:
    """Return what a text of JSON says, however often it was made a text; other values as they are."""
    for _ in range(_MAX_WRAPS):
        if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", '"')):
            break
        try:
            value = value_of(value.encode())
        except DECODE_ERRORS:
            break
    return value


def take_time(members: Members, names: Sequence[str]) -> float | None:
    """Take the first time that is there, in milliseconds; numbers too small for these count seconds.

    Raises:
        RecordError: it is no time.
    """
    for name in names:
        if name in members:
            try:
                value = milliseconds(value_of(members.pop(name)))
            except ValueError as error:
                raise RecordError(f"'{name}': {error}") from error
            if value is not None:
                return value * 1000 if abs(value) < _SECONDS_BELOW and name in ("t", "ts", "time") else value
    return None


def count_dropped(report: ImportReport, what: str) -> None:
    """Count something left out, under a bounded number of names."""
    if what not in report.dropped and len(report.dropped) >= _MAX_NAMES:
        what = "further members"
    report.drop(what[:120])


def _key(raw: msgspec.Raw | None) -> Key | None:
    value = value_of(raw)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise RecordError("'id' is neither a text nor a number")
    return value
