"""Records that are no events: bare tool calls, simple `{prompt, response, …}` records, V1 records."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import ToolCall, Usage
from assay_core.trace import (
    EpisodeBuilder,
    Grouping,
    Members,
    RecordError,
    join_members,
    read_call,
    read_definitions,
    same_json,
    split_members,
    take_text,
    value_of,
)

__all__ = [
    "GROUP_KEYS",
    "calls_of",
    "check_repeated",
    "group_key",
    "read_calls",
    "read_episode_members",
    "read_record",
]

GROUP_KEYS = ("episode_id", "session_id", "run_id", "test_id")
_CALL_MEMBERS = (
    "tool", "tool_name", "name", "args", "arguments", "params", "parameters", "input", "result", "error", "ts_ms",
    "timestamp", "duration_ms", "server", "call_id", "id", "parent_id", "function",
)  # fmt: skip
_NULL_IS_ABSENT = (
    *GROUP_KEYS, "request_id", "prompt", "response", "text", "outcome", "context", "usage", "meta", "tool_definitions",
    "timestamp",
)  # fmt: skip
_MEANS_ELSE = frozenset({"input", "response", "outcome", "end_timestamp"})
_ARGS = ("args", "arguments", "params", "parameters")
_split_list = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_INPUT_TOKENS = ("input_tokens", "prompt_tokens")
_OUTPUT_TOKENS = ("output_tokens", "completion_tokens")


def read_record(members: Members, line: int, groups: Grouping, report: ImportReport) -> None:
    """Put one record into its episode: its own if it has a prompt, else that of its key or its neighbours.

    Raises:
        RecordError: it is no record, or a member has the wrong type.
        InputError: E_TRACE_DUPLICATE.
    """
    for name in _NULL_IS_ABSENT:
        if name in members and not _is_set(members[name]):
            del members[name]
    if _present(members, "prompt"):
        _read_prompt_record(members, line, groups, report)
    elif _names_tool(members) or "tool_calls" in members or _answers(members):
        _read_tool_record(members, line, groups, report)
    else:
        raise RecordError("the record has neither a prompt nor a tool")


def group_key(members: Members) -> str | None:
    """Take the first grouping key that is there and not empty; None where the record has none."""
    for name in GROUP_KEYS:
        if name in members and (key := take_text(members, name)):
            return key
    return None


def read_episode_members(members: Members, builder: EpisodeBuilder) -> None:
    """Take what describes the episode: `meta` and what stands in it, test id, context, usage, definitions."""
    if "meta" in members and "meta" not in builder.extra:
        builder.extra["meta"] = members.pop("meta")
    meta = _object(builder.extra.get("meta"))
    for source in (members, meta):
        if builder.test_id is None and isinstance(found := value_of(source.get("test_id")), str):
            builder.test_id = found
            members.pop("test_id", None)
        if builder.definitions is None and (raw := source.get("tool_definitions")) is not None and _is_set(raw):
            builder.definitions = read_definitions(raw)
            members.pop("tool_definitions", None)
    if not builder.context and "context" in members:
        builder.context = _take_context(members)
    if builder.usage is None and "usage" in members:
        _take_usage(members, builder)


def _read_prompt_record(members: Members, line: int, groups: Grouping, report: ImportReport) -> None:
    prompt = take_text(members, "prompt")
    ids = [take_text(members, name) for name in ("episode_id", "request_id") if _present(members, name)]
    builder = groups.single(next(filter(None, ids), f"line-{line}"), line)
    if len(ids) == 2 and ids[0]:
        builder.extra["request_id"] = msgspec.Raw(msgspec.json.encode(ids[1]))
    builder.prompt = prompt
    _take_response(members, builder)
    if _present(members, "outcome"):
        builder.outcome = take_text(members, "outcome")
    if _names_tool(members):
        call = {name: members.pop(name) for name in _CALL_MEMBERS if name in members}
        builder.add_call(read_call(call, 0, line))
    read_calls(members.pop("tool_calls", None), builder, line)
    recorded = _object(members.get("meta")).get("tool_calls")
    read_episode_members(members, builder)
    if not builder.calls:
        read_calls(recorded, builder, line)
    else:
        check_repeated(recorded, calls_of(builder), line)
    _keep(members, builder, report)
    groups.finish(builder)


def _read_tool_record(members: Members, line: int, groups: Grouping, report: ImportReport) -> None:
    members.pop("prompt", None)
    test_id = value_of(members.get("test_id"))
    key = group_key(members)
    builder = groups.nameless(line) if key is None else groups.keyed(key, line)
    if builder.test_id is None and isinstance(test_id, str) and test_id:
        builder.test_id = test_id
        members.pop("test_id", None)
    _take_response(members, builder)
    calls = members.pop("tool_calls", None)
    recorded = _take_recorded(members)
    read_episode_members(members, builder)
    before = builder.calls
    if _names_tool(members):
        builder.add_call(read_call(members, builder.calls, line))
        members = {}
    read_calls(calls, builder, line)
    if not builder.calls:
        read_calls(recorded, builder, line)
    elif recorded is not None:
        own = builder.calls - before or builder.calls  # a record without calls repeats those of the run
        check_repeated(recorded, calls_of(builder)[-own:], line)
    _keep(members, builder, report)


def _keep(members: Members, builder: EpisodeBuilder, report: ImportReport) -> None:
    """Keep further members with the episode. A name that means something else in an episode is marked as foreign."""
    for name, raw in members.items():
        kept = f"record_{name}" if name in _MEANS_ELSE else name
        if bytes(builder.extra.setdefault(kept, raw)) != bytes(raw):
            report.drop(f"member {name} of a record of calls")


def read_calls(raw: msgspec.Raw | None, builder: EpisodeBuilder, line: int) -> None:
    """Add the calls of a `tool_calls` array, canonical or lenient."""
    if raw is None or not _is_set(raw):
        return
    try:
        elements = _split_list(raw)
    except msgspec.MsgspecError as error:
        raise RecordError("'tool_calls' is not an array of objects") from error
    for position, element in enumerate(elements):
        try:
            if value_of(element.get("index")) == position:
                del element["index"]
            builder.add_call(read_call(element, builder.calls, line))
        except RecordError as error:
            raise RecordError(f"tool_calls[{position}]: {error}") from error


def calls_of(builder: EpisodeBuilder) -> list[ToolCall]:
    """Return the calls that an episode has so far."""
    return [event for event in builder.events if isinstance(event, ToolCall)]


def check_repeated(raw: msgspec.Raw | None, calls: Sequence[ToolCall], line: int) -> None:
    """See that `meta.tool_calls` says nothing else than the calls that were read from where they belong.

    Raises:
        RecordError: it names another call, or one of them with other arguments or another result.
    """
    if raw is None or not _is_set(raw):
        return
    repeated = EpisodeBuilder("", line)
    read_calls(raw, repeated, line)
    again = calls_of(repeated)
    if again and not (len(again) == len(calls) and all(map(_same_call, again, calls))):
        raise RecordError("'meta.tool_calls' states other calls than the record or its events do")


def _same_call(one: ToolCall, other: ToolCall) -> bool:
    if one.tool != other.tool or not same_json(one.args_json or b"{}", other.args_json or b"{}"):
        return False
    return one.result_json is None or other.result_json is None or same_json(one.result_json, other.result_json)


def _take_recorded(members: Members) -> msgspec.Raw | None:
    """Take `tool_calls` out of `meta`: what one record of a run repeats says nothing of the whole run."""
    meta = _object(members.get("meta"))
    recorded = meta.pop("tool_calls", None)
    if recorded is not None:
        members["meta"] = msgspec.Raw(join_members(meta))
        if not meta:
            del members["meta"]
    return recorded


def _take_response(members: Members, builder: EpisodeBuilder) -> None:
    for name in ("response", "text"):
        if _present(members, name):
            builder.response = take_text(members, name)
            return


def _take_context(members: Members) -> tuple[str, ...]:
    value = value_of(members["context"])
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return ()  # of another shape: it stays a further member
    del members["context"]
    return tuple(value)


def _take_usage(members: Members, builder: EpisodeBuilder) -> None:
    """Read what a `usage` object says in the usual names; anything else in it keeps it a further member as well."""
    usage = value_of(members["usage"])
    if not isinstance(usage, dict):
        return
    tokens = [
        next((count for name in names if type(count := usage.get(name)) is int and count >= 0), None)
        for names in (_INPUT_TOKENS, _OUTPUT_TOKENS)
    ]
    cost = usage.get("cost_usd")
    cost_usd = cost if isinstance(cost, (int, float)) and not isinstance(cost, bool) else None
    if tokens == [None, None] and cost_usd is None:
        return
    builder.usage = Usage(input_tokens=tokens[0], output_tokens=tokens[1], cost_usd=cost_usd)
    if set(usage) <= {"input_tokens", "output_tokens", "cost_usd"}:
        del members["usage"]


def _answers(members: Members) -> bool:
    """Tell whether a record without prompt and tool states the response of a run."""
    return any(name in members for name in GROUP_KEYS) and ("response" in members or "text" in members)


def _names_tool(members: Members) -> bool:
    if "tool" in members or "tool_name" in members:
        return True
    if "name" not in members:
        return False
    return any(name in members for name in _ARGS) or bytes(members.get("input", b""))[:1] == b"{"


def _present(members: Members, name: str) -> bool:
    return name in members and _is_set(members[name])


def _is_set(raw: msgspec.Raw) -> bool:
    return bytes(raw) != b"null"


def _object(raw: msgspec.Raw | None) -> Members:
    """Return the members of a value, none where it is not an object."""
    if raw is None or not bytes(raw).lstrip().startswith(b"{"):
        return {}
    return split_members(raw)
