from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import uuid
from pathlib import Path

import pytest
from assay import AssayClient, TraceError
from assay.json_safe import convert
from hypothesis import given
from hypothesis import strategies as st

from .conftest import Read


def recorded(trace: Path, *records: object) -> list[dict[str, object]]:
    with AssayClient(trace, episode_id="own") as client:
        for record in records:
            client.record_trace(record)
    return [json.loads(line) for line in trace.read_text().splitlines()]


@pytest.mark.parametrize(
    "record",
    [
        {"tool": "a", "args": {"x": 1}},
        {"tool_name": "a", "arguments": {"x": 1}},
        {"name": "a", "params": {"x": 1}},
        {"type": "function", "name": "a", "arguments": {"x": 1}},
        {"type": "tool_call", "tool": "a", "args": {"x": 1}},
        {"tool_calls": [{"tool": "a", "args": {"x": 1}}]},
    ],
)
def test_every_spelling_of_a_call_becomes_a_call_of_this_episode(trace: Path, read: Read, record: object) -> None:
    recorded(trace, record)

    (episode,) = read(trace)

    assert (episode.id, episode.complete) == ("own", True)
    assert [(call.tool, call.args) for call in episode.tool_calls] == [("a", {"x": 1})]


def test_members_of_a_call_that_are_not_its_own_are_kept(trace: Path, read: Read) -> None:
    recorded(
        trace, {"tool": "a", "result": {"ok": True}, "duration_ms": 4, "colour": "red", "type": "mine", "step_id": 9}
    )

    (call,) = read(trace)[0].tool_calls

    assert (call.result, call.duration_ms) == ({"ok": True}, 4)
    assert call.extra["colour"] == "red"
    assert trace.read_text().count('"type":"tool_call"') == 1
    assert "mine" in trace.read_text()


@pytest.mark.parametrize(
    "record",
    [
        {"foo": 1},
        ["x"],
        "text",
        7,
        None,
        {"type": "llm_span", "model": "m"},
        {"type": ["odd"]},
        {"prompt": 5},
        {"tool_calls": []},
    ],
)
def test_other_json_is_kept_as_a_step_and_the_file_can_be_read(trace: Path, read: Read, record: object) -> None:
    lines = recorded(trace, {"tool": "a"}, record)

    (episode,) = read(trace)

    assert len(episode.tool_calls) == 1
    assert lines[2]["meta"] == {"record": record}


def test_records_that_say_where_they_belong_are_written_as_they_are(trace: Path, read: Read) -> None:
    given = [
        {"prompt": "hi", "response": "yo", "tool_calls": [{"tool": "a"}]},
        {"tool": "b", "session_id": "s1"},
        {"type": "episode_start", "episode_id": "e2", "timestamp": 0, "input": None, "meta": None},
        {"type": "tool_call", "episode_id": "e2", "step_id": "s", "timestamp": 0, "tool_name": "c"},
        {"type": "episode_end", "episode_id": "e2", "timestamp": 0},
    ]

    lines = recorded(trace, *given)

    assert lines[1:-1] == given
    assert {each.id: [call.tool for call in each.tool_calls] for each in read(trace)} == {
        "own": [], "line-2": ["a"], "s1": ["b"], "e2": ["c"],
    }  # fmt: skip


def test_events_without_an_episode_become_ours_results_included(trace: Path, read: Read) -> None:
    recorded(
        trace,
        {"type": "tool_call", "id": "1", "tool": "a", "arguments": {}},
        {"type": "tool_result", "tool_call_id": "1", "result": "fine"},
        {"type": "file_open", "path": "/etc/passwd"},
    )

    (episode,) = read(trace)

    assert episode.tool_calls[0].result == "fine"
    assert len(episode.events) == 2


def test_a_result_answers_one_call_and_without_an_id_the_last(trace: Path, read: Read) -> None:
    recorded(
        trace,
        {"type": "tool_call", "tool": "a", "session_id": "s"},
        {"type": "tool_result", "result": 1, "session_id": "s"},
    )
    client = AssayClient(trace, episode_id="more")
    client.record_trace({"type": "tool_call", "id": "1", "tool": "a"})
    client.record_trace({"type": "tool_result", "id": "1", "result": 2})

    with pytest.raises(ValueError, match="no call that is waiting"):
        client.record_trace({"type": "tool_result", "id": "1", "result": 3})

    client.close()
    assert {each.id: [call.result for call in each.tool_calls] for each in read(trace)}["s"] == [1]


@pytest.mark.parametrize(
    "record",
    [
        {"tool": "a", "args": {}, "arguments": {"x": 1}},
        {"tool": ""},
        {"tool": "a", "tool_name": "b"},
        {"type": "step", "episode_id": "e"},
        {"type": "tool_result", "result": 1},
        {"type": "tool_result", "tool_call_id": "1", "episode_id": "e", "result": 1},
        {"prompt": "p", "tool_calls": "x"},
        {"tool": "a", "args": {"x": float("nan")}},
        {"tool": "a", "args": {"x": object()}},
        {"tool": "a", "args": {(1, 2): 3}},
    ],
)
def test_what_could_not_be_read_back_is_refused_and_not_written(trace: Path, record: object) -> None:
    client = AssayClient(trace)

    with pytest.raises(ValueError, match="Invalid trace format") as caught:
        client.record_trace(record)

    assert isinstance(caught.value, TraceError)
    assert caught.value.code == "E_TRACE_INVALID"
    assert b"tool_call" not in trace.read_bytes()


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: object = None


class Loud:
    def __repr__(self) -> str:
        raise AssertionError("nobody asks for a representation")


class Broken(dict[str, object]):
    def items(self) -> object:  # type: ignore[override]  # on purpose
        raise RuntimeError("no")


def test_values_that_json_can_hold_in_another_form_are_converted() -> None:
    day = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    value, notes = convert(
        {
            "t": (1, 2), "e": Colour.RED, "p": pathlib.PurePosixPath("/x"), "d": day, "u": uuid.UUID(int=1),
            "n": decimal.Decimal("1.50"), "o": Point(1, [Point(2)]), 3: True, "s": datetime.timedelta(seconds=2),
        }
    )  # fmt: skip

    assert notes == ()
    assert value == {
        "t": [1, 2], "e": "red", "p": "/x", "d": "2026-01-02T00:00:00+00:00", "u": str(uuid.UUID(int=1)), "n": "1.50",
        "o": {"x": 1, "y": [{"x": 2, "y": None}]}, "3": True, "s": 2.0,
    }  # fmt: skip


def test_what_json_cannot_hold_is_noted_with_its_place() -> None:
    loop: list[object] = []
    loop.append(loop)

    value, notes = convert({"a/b": Loud(), "f": float("inf"), "l": loop, "s": "\ud800", (1,): 1, "x": Broken(a=1)})

    assert value == {
        "a/b": f"<{__name__}.Loud>",
        "f": "<a float that is not finite>",
        "l": ["<a value that holds itself>"],
        "s": "\\ud800",
        "x": f"<{__name__}.Broken, which raised RuntimeError>",
    }
    assert [pointer for pointer, _ in notes] == ["/a~1b", "/f", "/l/0", "/s", "/?", "/x"]


def test_integers_of_any_size_are_kept(trace: Path, read: Read) -> None:
    recorded(trace, {"tool": "a", "args": {"x": 2**70, "y": -(2**64)}})

    assert read(trace)[0].tool_calls[0].args == {"x": 2**70, "y": -(2**64)}


def test_a_value_too_deep_is_noted() -> None:
    value: object = 1
    for _ in range(500):
        value = [value]

    assert "deeper than" in convert(value).notes[0][1]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_whatever_is_converted_without_a_note_is_the_same_json(value: object) -> None:
    converted, notes = convert(value)

    if not notes:
        assert json.loads(json.dumps(converted)) == json.loads(json.dumps(value))
    json.dumps(converted, allow_nan=False).encode()
