"""Records in the spellings of trace files: which become calls of the client's episode, which stand for themselves."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import msgspec

from assay.failures import TraceError
from assay.json_safe import convert
from assay.recorder import Recorder, now_ms
from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import JsonObject, JsonValue, Limits, ToolCall
from assay_core.trace import Members, RecordError, read_call, split_members

__all__ = ["MemorySource", "plain_record", "write_record"]

_encode = msgspec.json.Encoder().encode
_EVENTS = frozenset(
    ("episode_start", "episode_end", "step", "tool_call", "call_tool", "tool_result", "file_open", "net_connect",
     "proc_exec")
)  # fmt: skip
_GROUPS = ("episode_id", "session_id", "run_id", "test_id")
_ARGS = ("args", "arguments", "params", "parameters")
# What an event has members for: a further member of this name would say something else.
_OWN = frozenset(
    ("type", "episode_id", "step_id", "timestamp", "tool_name", "call_index", "args", "args_sha256", "result",
     "result_sha256", "error", "truncations", "call_id", "outcome", "duration_ms", "server", "parent_id")
)  # fmt: skip


class MemorySource:
    """Bytes as the source of an import. Implements `assay_core.contracts.BinarySource`."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.size: int | None = len(data)
        self.limits = Limits()
        self._data = data

    def open(self) -> io.BytesIO:
        """Return a new stream at the start."""
        return io.BytesIO(self._data)


def plain_record(record: object) -> JsonValue:
    """Return a record as JSON.

    Raises:
        TraceError: E_TRACE_INVALID, `Invalid trace format: …`, where JSON cannot hold it.
    """
    value, notes = convert(record)
    if notes:
        pointer, what = notes[0]
        raise _invalid(f"JSON cannot hold {pointer or 'the record'}: {what}")
    return value


def write_record(recorder: Recorder, value: JsonValue) -> list[ToolCall]:
    """Write a record, and return the calls that it makes.

    A record that names a tool is a call of this episode. One that says where it belongs (a prompt, or an episode,
    session, run or test id) is written as it is, and an event without an id becomes one of this episode. Anything
    else is kept as a step, so that the file stays one that can be read.

    Raises:
        TraceError: E_TRACE_INVALID where the record could not be read back.
    """
    if not isinstance(value, Mapping):
        recorder.note(value)
        return []
    kind = value.get("type")
    typed = isinstance(kind, str) and kind in _EVENTS
    group = next((str(value[name]) for name in _GROUPS if value.get(name) not in (None, "")), None)
    if typed and group is None:
        found = _read_back(value, recorder, recorder.id)
        recorder.typed(value)
        return found
    if typed or _is_record(value, grouped=group is not None):
        found = _read_back(value, recorder, group or "")
        recorder.lines.append(_encode(value) + b"\n")
        return found
    calls = list(_calls(value))
    for call in calls:
        recorder.call(call)
    if not calls:
        recorder.note(value)
    return calls


def _is_record(value: JsonObject, *, grouped: bool) -> bool:
    if value.get("type") == "assay.trace" or isinstance(value.get("prompt"), str):
        return True
    return grouped and (_names_tool(value) or "tool_calls" in value or "response" in value or "text" in value)


def _names_tool(value: JsonObject) -> bool:
    return "tool" in value or "tool_name" in value or ("name" in value and any(name in value for name in _ARGS))


def _calls(value: JsonObject) -> Iterator[ToolCall]:
    several = value.get("tool_calls")
    if _names_tool(value):
        yield _call(value)
    elif isinstance(several, list) and several and all(isinstance(each, Mapping) for each in several):
        for each in several:
            yield _call(each)


def _call(value: JsonObject) -> ToolCall:
    members: Members = dict(split_members(_encode(value)))
    kept = {name: members.pop(name) for name in ("type", "index", "prompt") if name in members}
    try:
        call = read_call(members, 0, None)
    except RecordError as error:
        raise _invalid(str(error)) from error
    extra: dict[str, object] = {name: raw for name, raw in members.items() if name not in _OWN}
    clashing = {name: raw for name, raw in members.items() if name in _OWN} | kept
    if clashing:
        extra["record"] = clashing
    return msgspec.structs.replace(
        call, ts_ms=now_ms() if call.ts_ms is None else call.ts_ms, extra_json=_encode(extra)
    )


def _read_back(value: JsonObject, recorder: Recorder, group: str) -> list[ToolCall]:
    """See that the importer will take the line, and return its calls."""
    from assay_importer_jsonl import JsonlImporter

    if value.get("type") == "tool_result":
        _answer(value, recorder.waiting.setdefault(group, []))
        return []
    try:
        episodes = list(JsonlImporter().read(MemorySource(_encode(value), "record"), ImportReport()))
    except InputError as error:
        raise _invalid(error.message.removeprefix("line 1: ")) from error
    calls = [call for episode in episodes for call in episode.tool_calls]
    if "type" in value and not value.get("step_id"):
        waiting = [call.call_id for call in calls if call.result_json is None and call.error is None]
        recorder.waiting.setdefault(group, []).extend(waiting)
    return calls


def _answer(value: JsonObject, waiting: list[str | None]) -> None:
    """See that a result belongs to a call that waits for one; without an id it is the last call's."""
    given = next((value[name] for name in ("tool_call_id", "call_id", "id") if value.get(name)), None)
    key = None if given is None else str(given)
    if not waiting or (key is not None and key not in waiting):
        raise _invalid(f"the result belongs to no call that is waiting for one (id {key!r})")
    waiting.remove(waiting[-1] if key is None else key)


def _invalid(reason: str) -> TraceError:
    return TraceError(
        code="E_TRACE_INVALID", message=f"Invalid trace format: {reason}",
        remedy="name the tool and its arguments: {\"tool\": …, \"args\": …}",
    )  # fmt: skip
