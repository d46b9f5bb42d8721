"""Typed lines: V2 events, the calls and results of the prose docs, coverage lines, resource events."""

from __future__ import annotations

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import ResourceEvent, ResourceKind, Step, ToolCall
from assay_core.trace import (
    EpisodeBuilder,
    Grouping,
    Members,
    RecordError,
    call_with_result,
    holds_calls,
    join_members,
    milliseconds,
    read_call,
    read_definitions,
    same_json,
    split_members,
    take_text,
    value_of,
)
from assay_importer_jsonl.records import calls_of, check_repeated, group_key, read_calls, read_episode_members

__all__ = ["EVENT_TYPES", "read_event", "read_recorded"]

_RESOURCES: dict[str, tuple[ResourceKind, str]] = {
    "file_open": ("file", "path"),
    "net_connect": ("net", "dest"),
    "proc_exec": ("exec", "path"),
}
_OF_THE_START = frozenset({"input", "meta", "response", "test_id", "context", "usage", "tool_definitions"})
EVENT_TYPES = frozenset({
    "episode_start", "episode_end", "step", "tool_call", "call_tool", "tool_result", *_RESOURCES,
})  # fmt: skip


def read_event(kind: str, members: Members, line: int, groups: Grouping, report: ImportReport) -> None:
    """Put one event into its episode. `members` no longer holds `type`.

    Raises:
        RecordError: a member is missing or has the wrong type.
        InputError: E_TRACE_DUPLICATE.
    """
    if kind not in ("tool_call", "call_tool"):
        _refuse_calls(kind, members)
    if kind == "episode_start":
        _start(members, groups.start(_required(members, "episode_id"), line))
    elif kind == "episode_end":
        _end(members, line, groups, report)
    elif kind == "step":
        _step(members, line, groups)
    elif kind in ("tool_call", "call_tool"):
        _call(members, line, groups)
    elif kind == "tool_result":
        _result(members, line, groups, report)
    else:
        _resource(kind, members, line, groups)


def read_recorded(builder: EpisodeBuilder, line: int) -> None:
    """Read the calls of an episode's `meta.tool_calls`, unless its events state them: then they must be the same.

    An upgraded V1 record has its calls nowhere else.

    Raises:
        RecordError: they are others, or none.
    """
    recorded = (_members_of(builder.extra.get("meta")) or {}).get("tool_calls")
    if builder.calls:
        check_repeated(recorded, calls_of(builder), line)
    else:
        read_calls(recorded, builder, line)


def _refuse_calls(kind: str, members: Members) -> None:
    """Refuse a call in an event of another kind, where nobody would look at it."""
    if holds_calls(members.get("tool_calls")):
        raise RecordError(f"the {kind} has 'tool_calls' beside its 'type': only records without events have them")
    recorded = (_members_of(members.get("meta")) or {}).get("tool_calls")
    if (kind == "tool_result" or kind in _RESOURCES) and holds_calls(recorded):
        raise RecordError(f"the {kind} has 'meta.tool_calls' beside its 'type': only episodes have them")
    if kind == "tool_result":
        return  # it may name the call that it belongs to
    names = [name for name in ("tool_name", "tool", "name") if name in members and not _is_null(members[name])]
    args = [name for name in ("args", "arguments") if name in members and not _is_null(members[name])]
    if names and (args or names[0] != "name"):
        what = " and ".join(f"'{name}'" for name in (names[0], *args))
        raise RecordError(f"the {kind} states a call with {what} beside its 'type': that is an event of its own")


def _start(members: Members, builder: EpisodeBuilder) -> None:
    if _is_null(members.get("input")):
        members.pop("input", None)
    given = _members_of(members.get("input"))
    if given is not None:
        if isinstance(prompt := value_of(given.get("prompt")), str):
            builder.prompt = prompt
            builder.authoritative = True
        context = value_of(given.get("context"))
        if isinstance(context, list) and all(isinstance(item, str) for item in context):
            builder.context = tuple(context)
        understood = {"prompt"} if builder.prompt is not None else set()
        understood |= {"context"} if builder.context else set()
        if set(given) <= understood and given:
            del members["input"]
    if _is_null(members.get("meta")):
        members.pop("meta", None)
    if "response" in members:
        builder.output = take_text(members, "response")
    if "outcome" in members:
        builder.outcome = take_text(members, "outcome")
    if "timestamp" in members and bytes(members["timestamp"]) in (b"0", b"null"):
        del members["timestamp"]
    read_episode_members(members, builder)
    builder.extra |= members


def _end(members: Members, line: int, groups: Grouping, report: ImportReport) -> None:
    builder = groups.event(_required(members, "episode_id"), line)
    response = take_text(members, "final_output")
    builder.response = builder.output if response is None else response
    builder.outcome = take_text(members, "outcome")
    time = members.pop("timestamp", None)
    if time is not None and bytes(time) not in (b"0", b"null"):
        builder.extra["end_timestamp"] = time
    read_episode_members(members, builder)
    if "meta" in members and builder.calls:
        check_repeated((_members_of(members["meta"]) or {}).get("tool_calls"), calls_of(builder), line)
    elif holds_calls((_members_of(members.get("meta")) or {}).get("tool_calls")):
        raise RecordError("'meta.tool_calls' stands in an episode_end whose episode has 'meta' already")
    for name, raw in members.items():
        if name in _OF_THE_START or name in builder.extra:
            report.drop(f"member {name} of an episode_end")
        else:
            builder.extra[name] = raw
    read_recorded(builder, line)
    builder.ended = True
    groups.finish(builder)


def _step(members: Members, line: int, groups: Grouping) -> None:
    builder = groups.event(_required(members, "episode_id"), line)
    kind = _required(members, "kind")
    content = take_text(members, "content")
    meta = value_of(members.get("meta"))
    _read_texts(builder, kind, content, meta if isinstance(meta, dict) else {})
    if value_of(members.get("idx")) in (None, builder.steps):
        members.pop("idx", None)
    _drop_defaults(members)
    step = Step(
        kind=kind, name=take_text(members, "name"), content=content, step_id=take_text(members, "step_id") or None,
        ts_ms=_time(members), line=line, extra_json=join_members(members),
    )  # fmt: skip
    if step.name == "tools/list.result" and content is not None:
        _add_definitions(builder, content)
    builder.add_step(step)


def _read_texts(builder: EpisodeBuilder, kind: str, content: str | None, meta: dict[str, object]) -> None:
    """Take prompt and output from a step.

    A prompt is taken by a model step while none is authoritative, by another step while there is none at all.
    """
    parsed = _parsed(content)
    wanted = not builder.authoritative if kind == "model" else builder.prompt is None
    if wanted:
        prompt = parsed.get("prompt")
        if not isinstance(prompt, str):
            prompt = meta.get("gen_ai.prompt")
        if isinstance(prompt, str):
            builder.prompt = prompt
            builder.authoritative = kind == "model"
    completion = parsed.get("completion")
    output = completion if isinstance(completion, str) else content
    from_meta = meta.get("gen_ai.completion")
    if isinstance(from_meta, str):
        output = from_meta
    if output is not None:
        builder.output = output


def _parsed(content: str | None) -> dict[str, object]:
    if content is None or not content.lstrip().startswith("{"):
        return {}
    try:
        value = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError):
        return {}  # a text that begins like JSON is a text
    return value if isinstance(value, dict) else {}


def _add_definitions(builder: EpisodeBuilder, content: str) -> None:
    tools = _parsed(content).get("tools")
    if isinstance(tools, list):
        found = read_definitions(msgspec.json.encode(tools))
        builder.definitions = (*(builder.definitions or ()), *found)


def _call(members: Members, line: int, groups: Grouping) -> None:
    builder = _builder_of(members, line, groups)
    stepless = _is_absent(members.get("step_id"))
    call = read_call(members, builder.calls, line)
    if call.result_json is None and call.error is None and stepless:
        builder.unanswered[call.call_id] = len(builder.events)
    builder.add_call(call)


def _result(members: Members, line: int, groups: Grouping, report: ImportReport) -> None:
    builder = _builder_of(members, line, groups)
    call_id = next((text for name in ("tool_call_id", "call_id", "id") if (text := take_text(members, name))), None)
    known = builder.unanswered
    key = next(reversed(known), None) if call_id is None else call_id
    if key not in known:
        raise RecordError(f"the result belongs to no call that is waiting for one (id {call_id!r})")
    position = known.pop(key)
    call = builder.events[position]
    if not isinstance(call, ToolCall):
        raise TypeError("only calls wait for results")
    answered = call_with_result(call, members)
    ended = _time(members)
    if ended is not None and call.ts_ms is not None and call.duration_ms is None:
        answered = msgspec.structs.replace(answered, duration_ms=ended - call.ts_ms)
    builder.events[position] = answered
    builder.has_result = True
    for name in ("tool", "tool_name", "name"):
        if value_of(members.get(name)) == call.tool:
            del members[name]
        elif name != "name" and not _is_absent(members.get(name)):
            raise RecordError(f"the tool of the result's '{name}' is not {call.tool!r}, that of its call")
    for name in ("args", "arguments"):
        if not _is_absent(members.get(name)) and not same_json(bytes(members[name]), call.args_json or b"{}"):
            raise RecordError(f"the result's '{name}' are not the arguments of its call")
    for name in members:
        report.drop(f"member {name} of a tool_result")


def _resource(kind: str, members: Members, line: int, groups: Grouping) -> None:
    builder = _builder_of(members, line, groups)
    resource, target = _RESOURCES[kind]
    pid = value_of(members.pop("pid", None))
    if pid is not None and type(pid) is not int:
        raise RecordError("'pid' is not an integer")
    event = ResourceEvent(
        kind=resource, target=_required(members, target), access=take_text(members, "access") or "",
        ts_ms=_time(members), pid=pid, line=line, extra_json=join_members(members),
    )  # fmt: skip
    builder.events.append(event)


def _builder_of(members: Members, line: int, groups: Grouping) -> EpisodeBuilder:
    """Return the episode of an event: that of its `episode_id`, which has an end, else as for bare calls."""
    episode_id = take_text(members, "episode_id")
    if episode_id:
        return groups.event(episode_id, line)
    key = group_key(members)
    return groups.nameless(line) if key is None else groups.keyed(key, line)


def _required(members: Members, name: str) -> str:
    text = take_text(members, name)
    if not text:
        raise RecordError(f"the event has no '{name}'")
    return text


def _time(members: Members) -> float | None:
    try:
        return milliseconds(value_of(members.pop("timestamp", None)))
    except ValueError as error:
        raise RecordError(f"'timestamp': {error}") from error


def _drop_defaults(members: Members) -> None:
    """Forget members that say nothing: the hashes and truncations of a value that has none, an empty meta."""
    for name in ("content_sha256", "truncations", "meta"):
        if name in members and bytes(members[name]) in (b"null", b"[]"):
            del members[name]


def _members_of(raw: msgspec.Raw | None) -> Members | None:
    if raw is None or not bytes(raw).lstrip().startswith(b"{"):
        return None
    return split_members(raw)


def _is_absent(raw: msgspec.Raw | None) -> bool:
    return raw is None or bytes(raw) == b"null"


def _is_null(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw) == b"null"
