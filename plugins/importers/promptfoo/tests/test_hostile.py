"""Results that are wrong: always an error with its line, never a guess; and calls in every place they may be."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assay_importer_promptfoo import PromptfooImporter
from assay_importer_promptfoo.calls import calls_of_response

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, Limits
from assay_core.testing.importers import MemorySource
from assay_core.trace import split_members, write_episodes

ROW = b'{"promptIdx":0,"testIdx":0,"success":true,"vars":{},"prompt":{"raw":"p"},"response":{"output":"r"}}'
DOCUMENT = b'{"evalId":null,\n"results":{"version":3,\n"results":[\n%s,\n%s]}}'


def read(data: bytes, limits: Limits | None = None) -> list[Episode]:
    source = MemorySource(data, "results.json")
    source.limits = limits or Limits()
    return list(PromptfooImporter().read(source, ImportReport()))


def refusal(data: bytes, limits: Limits | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read(data, limits)
    return caught.value


def calls(response: dict[str, Any]) -> list[tuple[str, object, str, str | None]]:
    found = calls_of_response(split_members(json.dumps(response).encode()), 1)
    assert [call.index for call in found] == list(range(len(found)))
    return [(call.tool, call.args, call.outcome, call.call_id) for call in found]


OPENAI = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


@pytest.mark.parametrize(
    "response",
    [
        {"output": [OPENAI]},
        {"output": {"role": "assistant", "content": "x", "tool_calls": [OPENAI]}},
        {"output": "x", "raw": {"choices": [{"message": {"content": None, "tool_calls": [OPENAI]}}]}},
        {"output": json.dumps([OPENAI])},
        {"output": json.dumps({"tool_calls": [OPENAI]})},
        {"output": "x", "raw": json.dumps({"messages": [{"role": "assistant", "tool_calls": [OPENAI]}]})},
        {"output": [OPENAI], "raw": {"choices": [{"message": {"tool_calls": [OPENAI]}}]}},
        {"output": [{"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}]},
        {"output": 'hm\n{"type":"tool_use","id":"c1","name":"f","input":{"a":1}}'},
        {"output": {"content": [{"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}}]}},
    ],
)
def test_a_call_is_found_wherever_providers_put_it(response: dict[str, Any]) -> None:
    assert calls(response) == [("f", {"a": 1}, "unknown", "c1")]


@pytest.mark.parametrize(
    "response",
    [
        {"output": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
        {"raw": {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]}}]}},
        {"output": {"function_call": {"name": "f", "arguments": '{"a": 1}'}}},
    ],
)
def test_a_call_without_an_id_is_found_as_well(response: dict[str, Any]) -> None:
    assert calls(response) == [("f", {"a": 1}, "unknown", None)]


def test_a_call_that_only_one_place_names_is_not_hidden_by_another() -> None:
    agent = {"id": "c1", "name": "f", "input": {"a": 1}, "output": "done"}
    other = {**OPENAI, "id": "c2", "function": {"name": "shred", "arguments": ""}}

    assert calls({"metadata": {"toolCalls": [agent]}, "output": [OPENAI, other]}) == [
        ("f", {"a": 1}, "ok", "c1"), ("shred", {}, "unknown", "c2"),
    ]  # fmt: skip


def test_answers_in_a_conversation_are_the_results_of_their_calls() -> None:
    messages = [
        {"role": "assistant", "tool_calls": [OPENAI, {**OPENAI, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "7"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c2", "content": "no", "is_error": True}]},
    ]

    assert [each[2] for each in calls({"raw": {"messages": messages}})] == ["ok", "error"]


def test_a_call_of_an_agent_that_nobody_answered_says_so() -> None:
    assert calls({"metadata": {"toolCalls": [{"id": "c1", "name": "f", "is_error": False}]}}) == [
        ("f", {}, "no_response", "c1")
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (b'{"success":true,"success":false,"vars":{}}', "stands twice"),
        (b'{"success":true,"vars":{"\\u0061":1,"a":2}}', "stands twice"),
        (b'{"vars":{},"response":{}}', "whether it is a success"),
        (b'{"success":"yes"}', "whether it is a success"),
        (b'{"success":true,"prompt":7}', "'prompt' is neither"),
        (b'{"success":true,"response":[1]}', "'response' is not an object"),
        (b'{"success":true,"testCase":"x"}', "'testCase' is not an object"),
        (b'{"success":true,"response":{"output":[{"function":{"arguments":"{}"}}]}}', "names no tool"),
        (
            b'{"success":true,"response":{"output":[{"function":{"name":"f","arguments":"{\\"a\\":1,\\"a\\":2}"}}]}}',
            "ambiguous",
        ),
        (b'{"success":true,"score":NaN}', "NaN"),
        (b'{"success":true,"x":"\xff"}', "UTF-8"),
        (b"7", "not an object"),
    ],
)
def test_a_result_that_is_wrong_is_named_by_its_line(row: bytes, words: str) -> None:
    of_lines = refusal(ROW + b"\n" + row)
    of_document = refusal(DOCUMENT % (ROW, row))

    for error, line in ((of_lines, 2), (of_document, 5)):
        assert error.code == "E_TRACE_INVALID"
        assert words in error.message
        assert error.place is not None
        assert error.place.line == line


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b'{"results":{"version":3}}', "no results"),
        (b'{"results":{"version":3,"results":{}}}', "no results"),
        (b'{"results":7}', "no results"),
        (b"[\n1]", "no results"),
        (b'{\n"some":"thing"\n}', "no results"),
        (b'{"results":{"version":3,"version":2,"results":[]}}', "stands twice"),
        (b'{"results":{"version":3,"results":[]},"results":{"version":3}}', "stands twice"),
        (b'{"results":{"version":3,"results":[]},"config":{"a":1,"a":2}}', "stands twice"),
        (b'{"results":{"version":3,"results":[', "ends too early"),
    ],
)
def test_a_document_that_is_wrong_is_refused(document: bytes, words: str) -> None:
    error = refusal(document)

    assert error.code == "E_TRACE_INVALID"
    assert words in error.message


def test_what_contradicts_itself_did_not_pass() -> None:
    rows = [
        b'{"success":true,"failureReason":1}', b'{"success":false,"failureReason":0}',
        b'{"success":true,"failureReason":2}', b'{"success":false,"failureReason":true}', b'{"success":false}',
    ]  # fmt: skip

    assert [each.outcome for each in read(b"\n".join(rows))] == ["fail", "fail", "error", "fail", "fail"]


def test_depth_and_size_are_limited() -> None:
    deep = b'{"success":true,"vars":' + b"[" * 200 + b"]" * 200 + b"}"
    long = b'{"success":true,"vars":"' + b"x" * 3000 + b'"}'
    for data in (ROW + b"\n" + deep, DOCUMENT % (ROW, deep)):
        assert refusal(data).code == "E_TRACE_LIMIT"
    for data in (ROW + b"\n" + long, DOCUMENT % (ROW, long)):
        assert refusal(data, Limits(line_bytes=2000)).code == "E_TRACE_LIMIT"
    assert refusal(DOCUMENT % (ROW, long), Limits(line_bytes=100)).code == "E_TRACE_LIMIT"


def test_json_in_a_text_may_not_be_deeper_than_a_file() -> None:
    row = {"success": True, "response": {"output": "[" * 5000 + "]" * 5000}}

    (episode,) = read(json.dumps(row).encode())

    assert episode.tool_calls == ()


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "[" * 200 + "]" * 200, 'see:\n{"type":"tool_use","type":"x"}'])
def test_careless_json_in_an_answer_is_a_text(text: str) -> None:
    (episode,) = read(json.dumps({"success": True, "response": {"output": text}}).encode())

    assert (episode.response, episode.tool_calls) == (text, ())


def test_the_report_of_hostile_names_stays_small() -> None:
    row = b'{"success":true,%s}' % b",".join(b'"member%d":1' % number for number in range(500))
    report = ImportReport()

    list(PromptfooImporter().read(MemorySource(row), report))

    assert len(report.dropped) < 70
    assert sum(report.dropped.values()) == 500


@pytest.mark.parametrize(
    "head",
    [
        b'{"tool":"a","args":{}}', b'{"type":"episode_start"}', b"[]", b"{}", b"", b'{"prompt":"p","response":"r"}',
        b'{"prompt":"p","success":true}', b'{"results":[]}', b'{"version":2,"status":"success","eval":{}}',
        b'{"success":true,"vars":{}}', b'{"runs":[],"version":"2.1.0"}', b'{"jsonrpc":"2.0","id":1,"result":{}}',
    ],
)  # fmt: skip
def test_what_is_no_result_is_not_claimed(head: bytes) -> None:
    assert PromptfooImporter().sniff(head) == 0


def test_a_first_line_that_is_cut_off_is_claimed_by_its_names() -> None:
    row = b'{"gradingResult":null,"namedScores":{},"promptIdx":0,"success":true,"vars":{"x":"%s"}}' % (b"x" * 100_000)

    assert PromptfooImporter().sniff(row[:65536]) >= 95


# -- any value in the place of any other -----------------------------------------------------------------------------

ODD: list[Any] = [
    None, True, 0, -1, 2**70, 1e300, "", " ", "x", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "tool", [], {},
    [1], [{}], {"name": "f"}, [{"type": "tool_use", "name": "f"}], '[{"function":{"name":1}}]', "attachment://x",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


def test_any_value_in_any_place_gives_episodes_or_an_input_error() -> None:
    text = (Path(__file__).parent / "results" / "office.json").read_bytes()
    paths = list(places(json.loads(text)))
    chance = random.Random(5)
    refused = 0

    rounds = 3000 if os.environ.get("ASSAY_NIGHTLY") else 120
    for _ in range(rounds):
        document = json.loads(text)
        *path, last = chance.choice(paths)
        holder = document
        for key in path:
            holder = holder[key]
        holder[last] = chance.choice(ODD)
        try:
            episodes = read(json.dumps(document).encode())
        except InputError:
            refused += 1
        else:
            write_episodes(episodes, io.BytesIO())

    assert refused < rounds * 0.8
