"""Episodes written as V2 events."""

from __future__ import annotations

import io
import json

import pytest

from assay_core.model import Episode, Event, ResourceEvent, Step, ToolCall, ToolDefinition, Usage
from assay_core.trace import episode_events, event_line, write_episodes

# The order of every member of the four V2 events.
ORDER = {
    "episode_start": ["type", "episode_id", "timestamp", "input", "meta"],
    "step": [
        "type", "episode_id", "step_id", "idx", "timestamp", "kind", "name", "content", "content_sha256",
        "truncations", "meta",
    ],
    "tool_call": [
        "type", "episode_id", "step_id", "timestamp", "tool_name", "call_index", "args", "args_sha256", "result",
        "result_sha256", "error", "truncations",
    ],
    "episode_end": ["type", "episode_id", "timestamp", "outcome", "final_output"],
}  # fmt: skip


def written(*events: Event, **fields: object) -> list[dict[str, object]]:
    episode = Episode(id="e", events=events, **fields)  # type: ignore[arg-type]  # fields of the episode
    return [json.loads(line) for line in episode_events(episode)]


def test_every_field_is_written_in_the_order_of_the_format() -> None:
    lines = written(
        Step(kind="model", content="hi", step_id="s0", ts_ms=5),
        ToolCall(index=0, tool="t", args_json=b'{"a":1}', call_id="s0-2", ts_ms=7),
        prompt="p", response="r", outcome="pass",
    )  # fmt: skip

    for line in lines:
        assert list(line) == ORDER[str(line["type"])]
    start, step, call, end = lines
    assert start == {"type": "episode_start", "episode_id": "e", "timestamp": 0, "input": {"prompt": "p"}, "meta": None}
    assert (step["idx"], step["truncations"], step["meta"]) == (0, [], None)
    assert (call["step_id"], call["call_index"], call["args"], call["timestamp"]) == ("s0", 2, {"a": 1}, 7)
    assert (end["outcome"], end["final_output"]) == ("pass", "r")


def test_incomplete_episode_gets_no_end() -> None:
    assert [line["type"] for line in written(complete=False)] == ["episode_start"]


def test_what_the_format_has_no_field_for_is_a_further_member_only_where_it_is_set() -> None:
    (start, call, resource, _) = written(
        ToolCall(index=0, tool="t", call_id="abc", outcome="denied", server="s", duration_ms=3,
                 extra_json=b'{"k":[1]}'),
        ResourceEvent(kind="net", target="h:1", pid=4, access="x"),
        test_id="t1", context=("c",), usage=Usage(input_tokens=3),
        tool_definitions=(ToolDefinition(name="t", description="d"),), extra_json=b'{"meta":{"m":1},"model":"x"}',
    )  # fmt: skip

    assert list(start) == [*ORDER["episode_start"], "test_id", "tool_definitions", "usage", "model"]
    assert start["input"] == {"context": ["c"]}
    assert list(call) == [*ORDER["tool_call"], "call_id", "outcome", "duration_ms", "server", "k"]
    assert resource == {
        "type": "net_connect", "episode_id": "e", "dest": "h:1", "timestamp": 0, "access": "x", "pid": 4,
    }  # fmt: skip


def test_numbers_keep_their_spelling_and_raw_line_feeds_stay_out() -> None:
    sink = io.BytesIO()
    call = ToolCall(index=0, tool="t", args_json=b'{\n "a": 1.50,\r\n "b": 18446744073709551617\n}')

    assert write_episodes([Episode(id="e", events=(call,))], sink) == 3

    line = sink.getvalue().split(b"\n")[1]
    assert b'"args":{  "a": 1.50,\r  "b": 18446744073709551617 }' in line


@pytest.mark.parametrize("call_id", ["a-", "-1", "a-01", "a--1", "a-1234567890", "a-\u0661", "plain"])
def test_call_id_that_was_not_made_of_a_step_is_written_whole(call_id: str) -> None:
    (_, call, _) = written(ToolCall(index=0, tool="t", call_id=call_id))

    assert call.get("call_id", f"{call['step_id']}-{call['call_index']}") == call_id


def test_input_of_another_format_never_replaces_the_prompt() -> None:
    (start, _) = written(prompt="p", extra_json=b'{"input":{"prompt":"q"}}')

    assert start["input"] == {"prompt": "p"}
    assert start["record_input"] == {"prompt": "q"}


def test_input_with_more_than_the_prompt_is_written_as_it_was_read() -> None:
    (start, _) = written(prompt="p", context=("c",), extra_json=b'{"input":{"prompt":"p","context":["c"],"k":1.0}}')

    assert start["input"] == {"prompt": "p", "context": ["c"], "k": 1.0}


def test_an_episode_can_be_written_event_by_event_as_it_happens() -> None:
    from assay_core.trace import end_event, event_line, start_event

    call, step = ToolCall.of("a", {"x": 1}, ts_ms=5), Step(kind="model", content="done", step_id="s", ts_ms=6)
    whole = Episode(
        id="e", prompt="hi", response="done", events=(call, step), outcome="pass",
        extra_json=b'{"timestamp":1,"end_timestamp":9}',
    )  # fmt: skip

    lines = [start_event(whole), event_line("e", call), event_line("e", step, 0), end_event(whole)]

    assert lines == list(episode_events(whole))


def test_further_members_are_never_written_as_another_call() -> None:
    stated = b'{"name":"shell","input":{"a":1},"tool_calls":[{"tool":"shell"}],"function":{"name":"shell"}}'
    event = ToolCall(index=0, tool="t", args_json=b"{}", extra_json=stated)
    step = Step(kind="tool", name="n", extra_json=b'{"tool":"shell","args":{},"tool_calls":[1],"kept":1}')

    call_members = json.loads(event_line("e", event))
    step_members = json.loads(event_line("e", step))

    assert {name for name in call_members if name.startswith("record_")} == {
        "record_name", "record_input", "record_tool_calls", "record_function",
    }  # fmt: skip
    assert call_members.keys().isdisjoint({"name", "input", "tool_calls", "function"})
    assert step_members.keys().isdisjoint({"tool", "args", "tool_calls"})
    assert step_members["kept"] == 1
