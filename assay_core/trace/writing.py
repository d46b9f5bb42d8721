"""Episodes written as V2 events: one JSON object a line, every field present, in the order of the format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

import msgspec

from assay_core.model import Episode, Event, ResourceEvent, Step, ToolCall
from assay_core.trace.calls import call_outcome, states_second_call
from assay_core.trace.definitions import definition_members
from assay_core.trace.members import join_members, split_members, value_of

__all__ = ["end_event", "episode_events", "event_line", "start_event", "write_episodes"]

_encode = msgspec.json.Encoder().encode
_NULL = b"null"
_RESOURCES = {"file": ("file_open", "path"), "net": ("net_connect", "dest"), "exec": ("proc_exec", "path")}

_TOOL = frozenset({"tool", "tool_name"})
_ARGS = frozenset({"args", "arguments"})
_SPELLINGS = _TOOL | _ARGS | {"name", "params", "parameters", "input"}

_Written = dict[str, bytes | msgspec.Raw]


def write_episodes(episodes: Iterable[Episode], sink: BinaryIO) -> int:
    """Write the events of each episode and return how many lines that made.

    Reading them back gives equal episodes, but for the file and the lines they stand on. What V2 has no field for
    is written as a further member, and only where it is set.
    """
    count = 0
    for episode in episodes:
        for event in episode_events(episode):
            sink.write(event + b"\n")
            count += 1
    return count


def episode_events(episode: Episode) -> Iterator[bytes]:
    """Yield the V2 events of one episode, each a compact JSON object.

    An incomplete episode gets no `episode_end`. A time that is unknown is written 0.
    """
    yield start_event(episode)
    steps = 0
    for event in episode.events:
        yield event_line(episode.id, event, steps)
        steps += isinstance(event, Step)
    if episode.complete:
        yield end_event(episode)


def start_event(episode: Episode) -> bytes:
    """Return the event that an episode begins with, for those who write one as it happens."""
    extra: _Written = {**split_members(episode.extra_json)}
    if episode.complete:
        extra.pop("end_timestamp", None)
    return _line(_start(episode, extra))


def event_line(episode_id: str, event: Event, steps: int = 0) -> bytes:
    """Return the event of a call, a step or an access; `steps` is how many steps the episode had before."""
    if isinstance(event, ToolCall):
        return _line(_call(episode_id, event))
    return _line(_step(episode_id, event, steps) if isinstance(event, Step) else _resource(episode_id, event))


def end_event(episode: Episode) -> bytes:
    """Return the event that ends an episode: its response, its outcome and its extra member `end_timestamp`."""
    end: _Written = {
        "type": b'"episode_end"', "episode_id": _encode(episode.id),
        "timestamp": split_members(episode.extra_json).get("end_timestamp", b"0"),
        "outcome": _encode(episode.outcome), "final_output": _encode(episode.response),
    }  # fmt: skip
    return _line(end)


def _line(members: _Written) -> bytes:
    """Return one line. Raw JSON may be spread over several; a line feed stands between its tokens only."""
    return join_members(members).replace(b"\n", b" ")


def _merged(members: _Written, extra: Mapping[str, bytes | msgspec.Raw], *given: str) -> _Written:
    """Add further members. One that has a field's name replaces it where it is the fuller value, else it is renamed."""
    for name, raw in extra.items():
        taken = (name in members and name not in given) or _states_call(name, raw, members, extra)
        members[f"record_{name}" if taken else name] = raw
    return members


def _states_call(
    name: str, raw: bytes | msgspec.Raw, members: _Written, extra: Mapping[str, bytes | msgspec.Raw]
) -> bool:
    """Tell whether a further member would be read as a call, or as a part of one, that its event does not make."""
    if bytes(raw) == _NULL:
        return False
    if members["type"] != b'"tool_call"':
        named = bytes(members.get("name", extra.get("name", _NULL))) != _NULL
        return name in _TOOL or (name == "tool_calls" and bytes(raw) != b"[]") or (named and name in _ARGS)
    if name in ("tool_calls", "meta", "function"):
        args = bytes(members["args"])
        return states_second_call({name: msgspec.Raw(raw)}, str(value_of(members["tool_name"])), args)
    return name in _SPELLINGS


def _start(episode: Episode, extra: _Written) -> _Written:
    members: _Written = {
        "type": b'"episode_start"', "episode_id": _encode(episode.id), "timestamp": extra.pop("timestamp", b"0"),
        "input": _input(episode, extra), "meta": extra.pop("meta", _NULL),
    }  # fmt: skip
    meta = value_of(members["meta"])
    known = meta if isinstance(meta, dict) else {}
    if episode.test_id is not None and known.get("test_id") != episode.test_id:
        members["test_id"] = _encode(episode.test_id)
    if episode.tool_definitions is not None and "tool_definitions" not in known:
        members["tool_definitions"] = b"[" + b",".join(map(definition_members, episode.tool_definitions)) + b"]"
    if episode.usage is not None:
        members["usage"] = _encode(msgspec.structs.asdict(episode.usage))
    if not episode.complete:
        members |= {"response": _encode(episode.response)} if episode.response is not None else {}
        members |= {"outcome": _encode(episode.outcome)} if episode.outcome is not None else {}
    return _merged(members, extra, "usage", "tool_definitions")


def _input(episode: Episode, extra: _Written) -> bytes | msgspec.Raw:
    """Return the `input` of the start: as it was read, unless it says something else than the episode.

    A record of another format may have an `input` of its own; it stays a further member, as `record_input`.
    """
    given: dict[str, object] = {} if episode.prompt is None else {"prompt": episode.prompt}
    if episode.context:
        given["context"] = list(episode.context)
    recorded = extra.pop("input", None)
    if recorded is not None:
        value = value_of(recorded)
        said = value if isinstance(value, dict) else {}
        if "prompt" in given and not isinstance(said.get("prompt"), str) and _has_steps(episode):
            return recorded  # the prompt came from a step, and will again
        agrees = isinstance(said.get("prompt"), str) == ("prompt" in given)
        if agrees and all(said.get(name) == each for name, each in given.items()):
            return recorded
        extra["record_input"] = recorded
    return _encode(given) if given else _NULL


def _has_steps(episode: Episode) -> bool:
    return any(type(event) is Step for event in episode.events)


def _call(episode_id: str, call: ToolCall) -> _Written:
    step_id, call_index = _step_of(call.call_id)
    members: _Written = {
        "type": b'"tool_call"', "episode_id": _encode(episode_id), "step_id": _encode(step_id),
        "timestamp": _encode(call.ts_ms or 0), "tool_name": _encode(call.tool), "call_index": _encode(call_index),
        "args": _NULL if call.args_json is None else call.args_json, "args_sha256": _NULL,
        "result": _NULL if call.result_json is None else call.result_json, "result_sha256": _NULL,
        "error": _encode(call.error), "truncations": b"[]",
    }  # fmt: skip
    if call.call_id is not None and call.call_id != f"{step_id}-{call_index}":
        members["call_id"] = _encode(call.call_id)
    if call.outcome != call_outcome(value_of(call.result_json), call.error):
        members["outcome"] = _encode(call.outcome)
    for name, value in (("duration_ms", call.duration_ms), ("server", call.server), ("parent_id", call.parent_id)):
        if value is not None:
            members[name] = _encode(value)
    extra = split_members(call.extra_json)
    if call.call_id is not None and not extra.keys().isdisjoint(("id", "tool_call_id")):
        members["call_id"] = _encode(call.call_id)
    return _merged(
        members, extra, "step_id", "call_index", "error", "truncations", "args_sha256", "result_sha256", "outcome"
    )


def _step_of(call_id: str | None) -> tuple[str, int]:
    """Split a call id that was made of a step's id and a call's index; "" stands for no id."""
    if call_id is None:
        return "", 0
    step_id, dash, index = call_id.rpartition("-")
    if dash and step_id and index.isascii() and index.isdigit() and len(index) < 9 and str(int(index)) == index:
        return step_id, int(index)
    return call_id, 0


def _step(episode_id: str, step: Step, position: int) -> _Written:
    members: _Written = {
        "type": b'"step"', "episode_id": _encode(episode_id), "step_id": _encode(step.step_id or ""),
        "idx": _encode(position), "timestamp": _encode(step.ts_ms or 0), "kind": _encode(step.kind),
        "name": _encode(step.name), "content": _encode(step.content), "content_sha256": _NULL, "truncations": b"[]",
        "meta": _NULL,
    }  # fmt: skip
    return _merged(members, split_members(step.extra_json), "idx", "truncations", "content_sha256", "meta")


def _resource(episode_id: str, event: ResourceEvent) -> _Written:
    kind, target = _RESOURCES[event.kind]
    members: _Written = {
        "type": _encode(kind), "episode_id": _encode(episode_id), target: _encode(event.target),
        "timestamp": _encode(event.ts_ms or 0),
    }  # fmt: skip
    if event.access:
        members["access"] = _encode(event.access)
    if event.pid is not None:
        members["pid"] = _encode(event.pid)
    return _merged(members, split_members(event.extra_json))
