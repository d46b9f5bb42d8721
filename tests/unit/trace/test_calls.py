"""Calls, times and definitions out of recorded members."""

from __future__ import annotations

import json

import msgspec
import pytest

from assay_core.model import CallOutcome, JsonValue, ToolCall
from assay_core.trace import (
    RecordError,
    call_outcome,
    call_with_result,
    error_text,
    join_members,
    milliseconds,
    read_call,
    read_definitions,
    split_members,
)
from assay_core.trace.definitions import definition_members


def call(**members: object) -> ToolCall:
    return read_call(split_members(json.dumps(members).encode()), 0, 1)


def test_call_keeps_the_bytes_of_its_arguments() -> None:
    read = read_call(split_members(b'{"tool":"t","args": {"a" : 1.50, "b":18446744073709551617} }'), 3, 9)

    assert read == ToolCall(index=3, tool="t", args_json=b'{"a" : 1.50, "b":18446744073709551617}', line=9)


@pytest.mark.parametrize("tool", ["tool", "tool_name", "name"])
@pytest.mark.parametrize("args", ["args", "arguments", "params", "parameters", "input"])
def test_call_takes_every_spelling(tool: str, args: str) -> None:
    read = call(**{tool: "t", args: {"a": 1}})

    assert (read.tool, read.args, read.extra) == ("t", {"a": 1}, {})


def test_call_keeps_what_it_has_no_field_for() -> None:
    read = call(tool="t", tool_classes=["sink"], nested={"a": [1]})

    assert read.extra == {"tool_classes": ["sink"], "nested": {"a": [1]}}


def test_call_treats_null_as_absent() -> None:
    read = call(tool="t", args=None, result=None, error=None, server=None, ts_ms=None, duration_ms=None, id=None)

    assert read == ToolCall(index=0, tool="t", line=1)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"args": {}}, "names no tool"),
        ({"tool": ""}, "names no tool"),
        ({"tool_name": " \t"}, "names no tool"),
        ({"tool": None}, "names no tool"),
        ({"tool": ["x"]}, "'tool' is not a text"),
        ({"tool": "a", "tool_name": "b"}, "two different values for its tool"),
        ({"tool": "a", "args": {}, "arguments": {}}, "both 'args' and 'arguments'"),
        ({"tool": "a", "ts_ms": "yesterday"}, "'ts_ms'"),
        ({"tool": "a", "ts_ms": 10**400}, "'ts_ms'"),
        ({"tool": "a", "ts_ms": True}, "'ts_ms'"),
        ({"tool": "a", "duration_ms": "1"}, "'duration_ms' is not a number"),
        ({"tool": "a", "server": {}}, "'server' is not a text"),
    ],
)
def test_call_that_is_none_is_an_error(members: dict[str, object], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        call(**members)


@pytest.mark.parametrize(
    ("result", "error", "outcome"),
    [
        (None, None, "unknown"),
        (0, None, "ok"),
        ({"content": []}, None, "ok"),
        ({"content": []}, "boom", "error"),
        (None, "", "error"),
        (None, "timeout/no_response", "no_response"),
        ({"isError": True}, None, "error"),
        ({"isError": "true"}, None, "ok"),
        ({"isError": True, "structuredContent": {"status": "deny", "error_code": "E_TOOL_DENIED"}}, None, "denied"),
        ({"structuredContent": {"status": "deny"}}, "refused", "denied"),
        ({"structuredContent": "deny"}, None, "ok"),
    ],
)
def test_outcome_follows_result_and_error(result: JsonValue, error: str | None, outcome: CallOutcome) -> None:
    assert call_outcome(result, error) == outcome


def test_recorded_outcome_wins_and_a_foreign_one_is_kept() -> None:
    assert call(tool="t", result=1, outcome="denied").outcome == "denied"
    assert call(tool="t", result=1, outcome="pass").extra == {"outcome": "pass"}


def test_error_that_is_no_text_is_read_and_kept() -> None:
    read = call(tool="t", error={"code": -1, "message": "boom"})

    assert (read.error, read.outcome, read.extra) == ("boom", "error", {"error": {"code": -1, "message": "boom"}})
    assert error_text([1]) == "[1]"
    assert error_text(False) is None


def test_separate_result_completes_its_call() -> None:
    waiting = call(tool="t", id="c1")

    answered = call_with_result(waiting, split_members(b'{"content":"x","is_error":true}'))

    assert (answered.result, answered.outcome, answered.call_id) == ("x", "error", "c1")
    assert call_with_result(waiting, {}).outcome == "ok"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), (0, None), (0.0, None), (12, 12), (1.5, 1.5), (-5, -5),
        ("1970-01-01T00:00:01.5Z", 1500), ("2026-11-22T12:00:00+02:00", 1795341600000), ("2026-11-22T12:00:00", None),
    ],
)  # fmt: skip
def test_times_are_milliseconds(value: JsonValue, expected: float | None) -> None:
    assert milliseconds(value) == expected


def test_members_are_joined_as_their_bytes_stand() -> None:
    text = b'{"a":1.0,"\\u0062":[1, 2],"c\\"":null}'

    assert join_members(split_members(text)) == b'{"a":1.0,"b":[1, 2],"c\\"":null}'
    assert join_members({}) == b"{}"


def test_definitions_keep_the_schema_bytes_and_find_their_server() -> None:
    raw = (
        b'[{"name":"a","description":"d","inputSchema":{"type" : "object"},"tool_identity":{"server_id":"s1"}},'
        b'{"name":"b","input_schema":null,"server_id":"s2","x":1},{"name":"c","tool_identity":null}]'
    )

    first, second, third = read_definitions(raw)

    assert (first.name, first.description, first.input_schema_json, first.server) == (
        "a",
        "d",
        b'{"type" : "object"}',
        "s1",
    )
    assert (second.input_schema_json, second.server, second.extra_json) == (None, "s2", b'{"x":1}')
    assert (third.server, third.extra_json) == (None, b'{"tool_identity":null}')
    again = read_definitions(b"[" + b",".join(map(definition_members, (first, second, third))) + b"]")
    assert again == (first, second, third)


@pytest.mark.parametrize("raw", [b"{}", b"[1]", b"[{}]", b'[{"name":""}]', b'[{"name":[]}]', b'"x"'])
def test_malformed_definitions_are_an_error(raw: bytes) -> None:
    with pytest.raises(RecordError):
        read_definitions(msgspec.Raw(raw))
