"""Tool calls out of recorded members, in every spelling that the trace formats use."""

from __future__ import annotations

import msgspec

from assay_core.model import CallOutcome, JsonValue, ToolCall
from assay_core.trace.members import Members, join_members, milliseconds, value_of

__all__ = [
    "RecordError",
    "call_outcome",
    "call_with_result",
    "error_text",
    "holds_calls",
    "read_call",
    "same_json",
    "states_second_call",
    "take_text",
]

_NULL = b"null"
_NO_RESPONSE = "timeout/no_response"  # what importers of MCP transcripts write for a call nobody answered
_TOOL = ("tool_name", "tool", "name")
_ARGS = ("args", "arguments", "params", "parameters", "input")
_SAY_NOTHING = ("args_sha256", "result_sha256", "truncations")  # of a value that was neither hashed nor cut
_TIME = ("ts_ms", "timestamp")
_ID = ("call_id", "id", "tool_call_id")


class RecordError(ValueError):
    """A record whose JSON is sound and whose content is not; the reader adds the line."""


def read_call(members: Members, index: int, line: int | None) -> ToolCall:
    """Build a call and take what it uses out of `members`; the rest becomes its `extra_json`.

    Takes the tool (`tool_name`, `tool`, `name`), the arguments (`args`, `arguments`, `params`, `parameters`,
    `input`), `result`, `error`, the time (`ts_ms`, `timestamp`), `duration_ms`, `server`, `parent_id` and the id
    (`call_id`, `id`, `tool_call_id`, else `<step_id>-<call_index>`). The first id found is used; an empty id or
    server counts as absent.

    Raises:
        RecordError: there is no tool, two members state different tools or arguments, the call holds calls of its
            own, or a member has the wrong type.
    """
    tool = _take_tool(members)
    if tool is None or not tool or tool.isspace():
        raise RecordError("the record names no tool")
    args = _take_args(members)
    if members:
        _refuse_second_call(members, tool, args)
    call_id = _take_id(members)
    result = _take_raw(members, "result")
    for name in _SAY_NOTHING:
        if name in members and bytes(members[name]) in (b"null", b"[]"):
            del members[name]
    error = error_text(value_of(members.get("error")))
    if error is None or isinstance(value_of(members.get("error")), str):
        members.pop("error", None)
    call = ToolCall(
        index=index,
        tool=tool,
        args_json=args,
        result_json=result,
        error=error,
        outcome=_take_outcome(members) or call_outcome(value_of(result), error),
        ts_ms=_take_time(members),
        duration_ms=_take_number(members, "duration_ms"),
        server=take_text(members, "server") or None,
        call_id=call_id,
        parent_id=take_text(members, "parent_id") or None,
        line=line,
    )
    return msgspec.structs.replace(call, extra_json=join_members(members)) if members else call


def call_with_result(call: ToolCall, members: Members) -> ToolCall:
    """Return the call with the outcome that a separate result record (`result` or `content`, `error`) reports."""
    name = "result" if "result" in members else "content"
    result = _take_raw(members, name)
    error = error_text(value_of(members.pop("error", None)))
    failed = any(value_of(members.pop(flag, None)) is True for flag in ("is_error", "isError"))
    outcome: CallOutcome = "error" if failed else call_outcome(value_of(result), error)
    answered = "ok" if outcome == "unknown" else outcome
    return msgspec.structs.replace(call, result_json=result, error=error, outcome=answered)


def call_outcome(result: JsonValue, error: str | None) -> CallOutcome:
    """Tell how a call ended from what was recorded of it.

    `denied` where the result carries the deny contract of an enforcer, `structuredContent.status: deny`.
    """
    if isinstance(result, dict):
        content = result.get("structuredContent")
        if isinstance(content, dict) and content.get("status") == "deny":
            return "denied"
        if result.get("isError") is True:
            return "error"
    if error is not None:
        return "no_response" if error == _NO_RESPONSE else "error"
    return "unknown" if result is None else "ok"


def error_text(error: JsonValue) -> str | None:
    """Return a recorded error as text: itself, its `message`, or its JSON; None where nothing failed."""
    if error is None or error is False:
        return None
    if isinstance(error, str):
        return error
    if isinstance(error, dict) and isinstance(message := error.get("message"), str):
        return message
    return msgspec.json.encode(error).decode()


def take_text(members: Members, name: str) -> str | None:
    """Take a text out of `members`; None where it is absent or null. An integer counts as its digits.

    Raises:
        RecordError: it is of another type.
    """
    raw = members.pop(name, None)
    value = value_of(raw)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64:
        return str(value)
    raise RecordError(f"'{name}' is not a text")


def holds_calls(raw: msgspec.Raw | None) -> bool:
    """Tell whether a `tool_calls` member is there and says anything."""
    return raw is not None and value_of(raw) not in (None, [])


def same_json(one: bytes | None, other: bytes | None) -> bool:
    """Tell whether two JSON texts have one value. 1, 1.0 and true are three."""
    return one == other or _canonical(value_of(one)) == _canonical(value_of(other))


def states_second_call(members: Members, tool: str, args: bytes | None) -> bool:
    """Tell whether the further members of a call are such that `read_call` would refuse it."""
    try:
        _refuse_second_call(members, tool, None if args == _NULL else args)
    except RecordError:
        return True
    return False


def _canonical(value: JsonValue) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _take_tool(members: Members) -> str | None:
    tool, where = None, ""
    for name in _TOOL:
        if name not in members or (text := take_text(members, name)) is None:
            continue
        if tool is None:
            tool, where = text, name
        elif text != tool:
            raise RecordError(f"the record names two different values for its tool, in '{where}' and '{name}'")
    return tool


def _refuse_second_call(members: Members, tool: str, args: bytes | None) -> None:
    """Refuse a call beside the one that was read, which nobody would look at."""
    if holds_calls(members.get("tool_calls")):
        raise RecordError("the call has 'tool_calls' of its own beside its tool")
    if "meta" in members and isinstance(meta := value_of(members["meta"]), dict) and meta.get("tool_calls"):
        raise RecordError("the call has 'meta.tool_calls' of its own beside its tool")
    function = value_of(members.get("function"))
    if not isinstance(function, dict):
        return
    if function.get("name") not in (None, tool):
        raise RecordError("the record names two different tools, in its tool and in 'function'")
    given = function.get("arguments")
    if isinstance(given, str):
        try:
            given = value_of(given.encode())
        except (msgspec.MsgspecError, RecursionError) as error:
            raise RecordError("'function.arguments' is not JSON") from error
    if given is not None and _canonical(given) != _canonical({} if args is None else value_of(args)):
        raise RecordError("the record states two different arguments, in its own and in 'function'")


def _take_id(members: Members) -> str | None:
    """Take the id of a call; what `step_id` and `call_index` say beyond it stays."""
    explicit = next((text for name in _ID if (text := take_text(members, name)) is not None), None)
    step_id = take_text(members, "step_id")
    call_index = value_of(members.pop("call_index", None))
    if call_index is not None and not (type(call_index) is int and 0 <= call_index < 2**32):
        raise RecordError("'call_index' is not an integer of 32 bits")
    if not explicit:
        return f"{step_id}-{call_index or 0}" if step_id else None
    if step_id and (step_id != explicit or call_index):
        members["step_id"] = msgspec.Raw(msgspec.json.encode(step_id))
        members["call_index"] = msgspec.Raw(msgspec.json.encode(call_index or 0))
    return explicit


def _take_args(members: Members) -> bytes | None:
    if "args" in members and "arguments" in members:
        raise RecordError("the record has both 'args' and 'arguments'")
    args, where = None, ""
    for name in _ARGS:
        if name not in members or (raw := _take_raw(members, name)) is None:
            continue
        if args is None:
            args, where = raw, name
        elif not same_json(args, raw):
            raise RecordError(f"the record states two different arguments, in '{where}' and '{name}'")
    return args


def _take_raw(members: Members, name: str) -> bytes | None:
    raw = members.pop(name, None)
    return None if raw is None or (data := bytes(raw)) == _NULL else data


def _take_time(members: Members) -> float | None:
    """Take the time. Two spellings may differ by their precision, not by more."""
    found: list[float] = []
    for name in _TIME:
        try:
            time = milliseconds(value_of(members.pop(name, None)))
        except ValueError as error:
            raise RecordError(f"'{name}': {error}") from error
        if time is not None:
            found.append(time)
    if len(found) > 1 and abs(found[0] - found[1]) > 1000:
        raise RecordError("'ts_ms' and 'timestamp' are two different times")
    return found[0] if found else None


def _take_number(members: Members, name: str) -> float | None:
    value = value_of(members.pop(name, None))
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) >= 2**63:
        raise RecordError(f"'{name}' is not a number of milliseconds")
    return value


def _take_outcome(members: Members) -> CallOutcome | None:
    raw = members.get("outcome")
    if raw is None:
        return None
    value = value_of(raw)
    for known in ("ok", "error", "denied", "no_response", "unknown"):
        if value == known:
            del members["outcome"]
            return known
    return None
