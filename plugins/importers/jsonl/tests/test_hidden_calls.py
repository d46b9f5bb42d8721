"""Calls in a second place: read, or refused with the members that disagree, but never passed over."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from assay_importer_jsonl import JsonlImporter
from hypothesis import example, given
from hypothesis import strategies as st

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, ToolCall
from assay_core.testing.importers import MemorySource
from assay_core.trace import write_episodes

Read = Callable[..., list[Episode]]

OK = {"tool": "read_file", "args": {"path": "/srv/a"}}
SHELL = [{"tool": "shell"}]
META = {"meta": {"tool_calls": SHELL}}
V1 = {"schema_version": 1, "type": "assay.trace", "request_id": "r", "prompt": "p", "response": "x"}
START = {"type": "episode_start", "episode_id": "e", "timestamp": 1, "input": {"prompt": "p"}}
STEP = {"type": "step", "episode_id": "e", "step_id": "s", "timestamp": 2, "kind": "tool"}
CALL = {"type": "tool_call", "episode_id": "e", "step_id": "s", "timestamp": 2, "tool_name": "read_file", "args": {}}
END = {"type": "episode_end", "episode_id": "e", "timestamp": 3}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([OK | META], "'meta.tool_calls' states other calls"),
        ([OK | META | {"prompt": "p"}], "'meta.tool_calls' states other calls"),
        ([META | {"tool_calls": [OK]}], "'meta.tool_calls' states other calls"),
        ([META | {"tool_calls": [OK], "prompt": "p"}], "'meta.tool_calls' states other calls"),
        ([V1 | META | OK], "'meta.tool_calls' states other calls"),
        (
            [V1 | {"meta": {"tool_calls": [OK | {"args": {"path": "/etc"}}]}} | OK],
            "'meta.tool_calls' states other calls",
        ),
        ([OK | {"run_id": "r"}, OK | {"run_id": "r"} | META], "'meta.tool_calls' states other calls"),
        ([OK | {"run_id": "r"}, {"run_id": "r", "response": "x"} | META], "'meta.tool_calls' states other calls"),
        ([OK | {"meta": {"a": 1}}, OK | META], "'meta.tool_calls' states other calls"),
        ([START | META, CALL, END], "'meta.tool_calls' states other calls"),
        ([START | META, CALL], "'meta.tool_calls' states other calls"),
        ([START, CALL, END | META], "'meta.tool_calls' states other calls"),
        ([START | {"meta": {"a": 1}}, CALL, END | META], "'meta.tool_calls' states other calls"),
        ([START | {"meta": {"a": 1}}, END | META], "'meta.tool_calls' stands in an episode_end"),
        ([OK | {"name": "shell"}], "two different values for its tool, in 'tool' and 'name'"),
        ([OK | {"name": "shell", "prompt": "p"}], "two different values for its tool, in 'tool' and 'name'"),
        ([CALL | {"name": "shell"}], "two different values for its tool, in 'tool_name' and 'name'"),
        *[
            ([line | {name: {"path": "/etc"}}], f"two different arguments, in 'args' and '{name}'")
            for name in ("params", "parameters", "input")
            for line in (OK, CALL, OK | {"prompt": "p"})
        ],
        *[
            ([*before, event | more], f"the {event['type']} (has|states a call with) '{next(iter(more))}'")
            for before, event in (([], START), ([START], END), ([START], STEP))
            for more in ({"tool_calls": SHELL}, {"tool": "shell", "args": {}}, {"tool_name": "shell", "args": {}})
        ],
        ([START, STEP | {"name": "shell", "args": {}}], "the step states a call with 'name' and 'args'"),
        ([{"type": "file_open", "path": "/a", "tool": "shell"}], "the file_open states a call with 'tool'"),
        ([{"type": "file_open", "path": "/a"} | META], "the file_open has 'meta.tool_calls'"),
        ([CALL | {"step_id": None}, {"type": "tool_result", "episode_id": "e"} | META], "the tool_result has 'meta"),
        ([CALL | {"tool_calls": SHELL}], "the call has 'tool_calls' of its own"),
        ([CALL | META], "the call has 'meta.tool_calls' of its own"),
        ([{"tool_calls": [OK | {"tool_calls": SHELL}]}], "the call has 'tool_calls' of its own"),
        ([{"tool_calls": [OK | META]}], "the call has 'meta.tool_calls' of its own"),
        ([OK | {"function": {"name": "shell"}}], "two different tools, in its tool and in 'function'"),
        ([OK | {"function": {"name": "shell"}, "prompt": "p"}], "two different tools, in its tool and in 'function'"),
        ([OK | {"function": {"name": "read_file", "arguments": '{"path":"/etc"}'}}], "in its own and in 'function'"),
        ([OK | {"function": {"arguments": "{"}}], "'function.arguments' is not JSON"),
        (
            [CALL | {"step_id": None}, {"type": "tool_result", "episode_id": "e", "tool": "shell"}],
            "the result's 'tool'",
        ),
        (
            [CALL | {"step_id": None}, {"type": "tool_result", "episode_id": "e", "args": {"path": "/etc"}}],
            "the result's 'args' are not",
        ),
    ],
)
def test_call_in_a_second_place_is_an_error(read: Read, lines: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(*lines)

    assert caught.value.code == "E_TRACE_INVALID"
    assert caught.value.place is not None
    assert caught.value.place.line in (1, len(lines))


@pytest.mark.parametrize(
    "lines",
    [
        [OK | {"meta": {"tool_calls": [OK]}}],
        [OK | {"meta": {"tool_calls": [OK]}, "prompt": "p"}],
        [{"tool_calls": [OK], "meta": {"tool_calls": [OK], "a": 1}}],
        [V1 | {"meta": {"tool_calls": [OK]}}],
        [{"run_id": "r", "response": "x", "meta": {"tool_calls": [OK]}}],
        [OK | {"run_id": "r"}, {"run_id": "r", "response": "x", "meta": {"tool_calls": [OK]}}],
        [START | {"meta": {"tool_calls": [OK]}}, CALL | OK, END],
        [START | {"meta": {"tool_calls": [OK]}}, END],
        [START | {"meta": {"tool_calls": [OK]}}],
        [START, CALL | OK, END | {"meta": {"tool_calls": [OK]}}],
        [OK | {"name": "read_file", "input": {"path": "/srv/a"}}],
        [OK | {"function": {"name": "read_file", "arguments": '{"path":"/srv/a"}'}}],
        [{"name": "read_file", "input": {"path": "/srv/a"}, "prompt": "p"}],
        [OK | {"tool_calls": [], "meta": {"tool_calls": None}}],
    ],
)
def test_call_that_is_repeated_is_read_once_and_again_from_what_was_written(read: Read, lines: list[object]) -> None:
    (episode,) = read(*lines)
    assert [(call.tool, call.args) for call in episode.tool_calls] == [("read_file", {"path": "/srv/a"})]

    written = io.BytesIO()
    write_episodes([episode], written)
    (again,) = read(written.getvalue())
    assert [(call.tool, call.args) for call in again.tool_calls] == [("read_file", {"path": "/srv/a"})]


def test_number_and_truth_are_two_arguments(read: Read) -> None:
    with pytest.raises(InputError, match="two different arguments"):
        read({"tool": "t", "args": {"a": 1}, "input": {"a": True}})


def time_of(line: bytes) -> tuple[float | None, float | None] | str:
    try:
        (episode,) = JsonlImporter().read(MemorySource(line, "t.jsonl"), ImportReport())
    except InputError as error:
        return error.code
    (call,) = episode.events
    assert isinstance(call, ToolCall)
    return call.ts_ms, call.duration_ms


NUMBERS = st.one_of(
    st.integers().map(str), st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.sampled_from([str(sign * (2**63 + near)) for sign in (1, -1) for near in (-2049, -1, 0, 1)]),
    st.sampled_from(["9.223372036854775807e18", "-9.223372036854775808e18", "1e300", "-0.0", "null", "true", '"x"']),
)  # fmt: skip


@pytest.mark.parametrize("name", ["ts_ms", "duration_ms"])
@given(number=NUMBERS)
@example(number="1e300")
@example(number=str(-(2**63)))
def test_time_is_read_or_refused_the_same_on_both_paths(name: str, number: str) -> None:
    text = f'"tool":"t","{name}":{number}'

    assert time_of(b"{%b}" % text.encode()) == time_of(b'{%b,"tool_classes":["kept"]}' % text.encode())


@given(number=NUMBERS)
@example(number="1e300")
def test_time_of_an_event_is_read_or_refused_the_same_on_both_paths(number: str) -> None:
    text = f'"type":"tool_call","episode_id":"e","step_id":"s","timestamp":{number},"tool_name":"t"'

    assert time_of(b"{%b}" % text.encode()) == time_of(b'{%b,"tool_classes":["kept"]}' % text.encode())


@pytest.mark.parametrize("number", ["1e300", "-1e300", str(2**63), str(-(2**63)), "1e19"])
def test_absurd_time_is_refused(number: str) -> None:
    assert time_of(b'{"tool":"t","ts_ms":%b}' % number.encode()) == "E_TRACE_INVALID"
