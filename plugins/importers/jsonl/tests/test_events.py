"""Typed lines."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, ResourceEvent, Step

Read = Callable[..., list[Episode]]
START = {"type": "episode_start", "episode_id": "e", "timestamp": 1}
END = {"type": "episode_end", "episode_id": "e", "timestamp": 9}


def step(kind: str = "model", **members: object) -> dict[str, object]:
    return {"type": "step", "episode_id": "e", "step_id": "s", "timestamp": 2, "kind": kind, **members}


def texts(episode: Episode) -> tuple[str | None, str | None]:
    return episode.prompt, episode.response


def test_episode_is_complete_with_its_end(read: Read) -> None:
    (episode,) = read({**START, "input": {"prompt": "p"}}, step(content="x"), {**END, "outcome": "pass"})

    assert (texts(episode), episode.complete, episode.outcome) == (("p", "x"), True, "pass")
    assert episode.events == (Step(kind="model", content="x", step_id="s", ts_ms=2, line=2),)
    assert episode.extra == {"timestamp": 1, "end_timestamp": 9}


def test_episode_without_its_end_is_incomplete(read: Read) -> None:
    (episode,) = read({**START, "input": {"prompt": "p"}}, step(content="x"))

    assert (texts(episode), episode.complete) == (("p", "x"), False)


def test_call_of_a_step_has_its_id_and_time(read: Read) -> None:
    call = {"type": "tool_call", "episode_id": "e", "step_id": "s1", "timestamp": 5, "tool_name": "t"}
    (episode,) = read(
        START,
        {**call, "call_index": 2, "args": {"a": 1}, "result": {"x": 1}, "error": None, "truncations": []},
        {**call, "error": "timeout/no_response", "result": None},
        {**call, "args_sha256": "ab", "truncations": [{"field": "args"}]},
        END,
    )

    assert [(c.call_id, c.ts_ms, c.outcome) for c in episode.tool_calls] == [
        ("s1-2", 5, "ok"), ("s1-0", 5, "no_response"), ("s1-0", 5, "unknown"),
    ]  # fmt: skip
    assert episode.tool_calls[2].extra == {"args_sha256": "ab", "truncations": [{"field": "args"}]}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # the start's prompt is authoritative
        ([{**START, "input": {"prompt": "p"}}, step(content='{"prompt":"q","completion":"c"}')], ("p", "c")),
        # a model step's prompt replaces that of another step, and then stays
        ([START, step("agent", content='{"prompt":"a"}'), step(content='{"prompt":"m"}'),
          step(content='{"prompt":"n"}')], ("m", '{"prompt":"n"}')),
        # another step gives a prompt only where there is none at all
        ([START, step("agent", content='{"prompt":"a"}'), step("agent", content='{"prompt":"b"}')],
         ("a", '{"prompt":"b"}')),
        # meta is asked where the content has none, and its completion wins
        ([START, step(content="text", meta={"gen_ai.prompt": "g", "gen_ai.completion": "h"})], ("g", "h")),
        # the end's output wins over all steps
        ([START, step(content="text"), {**END, "final_output": "f"}], (None, "f")),
        # content that only begins like JSON is a text
        ([START, step(content="{not json")], (None, "{not json")),
        ([START, step(content=None), END], (None, None)),
        # a prompt that is no text is none
        ([START, step(content='{"prompt":5}')], (None, '{"prompt":5}')),
    ],
)  # fmt: skip
def test_prompt_and_response_are_assembled_by_the_rules(
    read: Read, lines: list[object], expected: tuple[str | None, str | None]
) -> None:
    assert texts(read(*lines)[0]) == expected


def test_upgraded_v1_record_has_the_calls_of_its_meta(read: Read) -> None:
    meta = {"tool_calls": [{"tool_name": "t", "args": {}, "id": "1", "index": 0, "ts_ms": 0}]}
    call = {"type": "tool_call", "episode_id": "e", "step_id": "s", "timestamp": 1, "tool_name": "own"}

    assert [c.tool for c in read({**START, "meta": meta}, END)[0].tool_calls] == ["t"]
    with pytest.raises(InputError, match=r"'meta.tool_calls' states other calls"):
        read({**START, "meta": meta}, call, END)
    assert [c.tool for c in read({**START, "meta": meta}, {**call, "tool_name": "t"}, END)[0].tool_calls] == ["t"]
    with pytest.raises(InputError, match="'tool_calls' is not an array"):
        read({**START, "meta": {"tool_calls": 5}}, END)


def test_listed_tools_are_definitions(read: Read) -> None:
    listing = json.dumps({"tools": [{"name": "t", "description": "d", "input_schema": {}, "tool_identity": None}]})
    (episode,) = read(START, step("tool", name="tools/list.result", content=listing), END)

    assert episode.tool_definitions is not None
    assert [(each.name, each.description) for each in episode.tool_definitions] == [("t", "d")]


def test_calls_and_results_of_the_docs_are_matched_by_id(read: Read, report: ImportReport) -> None:
    (episode,) = read(
        {"type": "tool_call", "id": "1", "tool": "a", "arguments": {"x": 1}, "timestamp": 10},
        {"type": "tool_call", "id": "2", "tool": "b", "arguments": {}},
        {"type": "tool_result", "id": "2", "result": "two", "extra": 1},
        {"type": "tool_result", "tool_call_id": "1", "content": "one", "is_error": True, "timestamp": 15},
        {"type": "call_tool", "tool_name": "c", "input": {"y": 1}},
        {"type": "tool_result", "result": 3},
    )

    assert [(c.tool, c.result, c.outcome, c.duration_ms) for c in episode.tool_calls] == [
        ("a", "one", "error", 5), ("b", "two", "ok", None), ("c", 3, "ok", None),
    ]  # fmt: skip
    assert report.dropped == {"member extra of a tool_result": 1}


@pytest.mark.parametrize("result", [{"id": "9"}, {}])
def test_result_without_its_call_is_an_error(read: Read, result: dict[str, object]) -> None:
    with pytest.raises(InputError, match="belongs to no call"):
        read({"type": "tool_result", **result})


def test_resource_events_are_events(read: Read) -> None:
    (episode,) = read(
        {"type": "file_open", "path": "/etc/x", "pid": 3, "timestamp": 7, "access": "r", "uid": 0},
        {"type": "net_connect", "dest": "h:1", "timestamp": 0},
        {"type": "proc_exec", "path": "/bin/sh"},
    )

    assert episode.events == (
        ResourceEvent(kind="file", target="/etc/x", access="r", ts_ms=7, pid=3, line=1, extra_json=b'{"uid":0}'),
        ResourceEvent(kind="net", target="h:1", line=2),
        ResourceEvent(kind="exec", target="/bin/sh", line=3),
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"type": "episode_start"}, "no 'episode_id'"),
        ({"type": "step", "episode_id": "e"}, "no 'kind'"),
        ({"type": "step", "kind": "model"}, "no 'episode_id'"),
        ({"type": "tool_call", "episode_id": "e"}, "names no tool"),
        ({"type": "tool_call", "tool": "t", "call_index": "x"}, "'call_index'"),
        ({"type": "file_open"}, "no 'path'"),
        ({"type": "proc_exec", "path": "x", "pid": "y"}, "'pid'"),
        ({"type": "net_connect", "dest": "x", "timestamp": []}, "'timestamp'"),
        ({"type": "step", "episode_id": "e", "kind": "k", "timestamp": "soon"}, "'timestamp'"),
    ],
)
def test_malformed_event_is_an_error_with_its_line(read: Read, line: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(START, line)

    assert caught.value.code == "E_TRACE_INVALID"
    assert caught.value.place is not None
    assert caught.value.place.line == 2


@pytest.mark.parametrize("again", [START, step(), END])
def test_event_after_the_end_is_a_duplicate(read: Read, again: dict[str, object]) -> None:
    with pytest.raises(InputError, match="first on line 1, again on line 3") as caught:
        read(START, END, again)

    assert caught.value.code == "E_TRACE_DUPLICATE"


def test_start_of_an_open_episode_is_a_duplicate(read: Read) -> None:
    with pytest.raises(InputError, match="stands twice"):
        read(START, START)


def test_events_without_a_start_are_an_episode_and_noted(read: Read, report: ImportReport) -> None:
    (episode,) = read(step(content="x"), END)

    assert (episode.response, episode.complete) == ("x", True)
    assert report.notes == ["episode e has no start; its first event is on line 1"]
