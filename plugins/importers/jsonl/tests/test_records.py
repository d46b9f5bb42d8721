"""Records without a type, and V1 records."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, ToolCall, ToolDefinition, Usage

Read = Callable[..., list[Episode]]


def test_bare_calls_are_one_episode_named_after_the_file(read: Read) -> None:
    (episode,) = read({"tool": "a", "args": {"x": 1}}, {"tool_name": "b", "arguments": {"y": 2}}, b"", {"tool": "c"})

    assert (episode.id, episode.prompt, episode.response, episode.complete) == ("calls", "ignore", None, True)
    assert [(call.tool, call.args, call.line, call.index) for call in episode.tool_calls] == [
        ("a", {"x": 1}, 1, 0), ("b", {"y": 2}, 2, 1), ("c", {}, 4, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["episode_id", "session_id", "run_id", "test_id"])
def test_calls_with_a_key_are_grouped_even_when_interleaved(read: Read, key: str) -> None:
    episodes = read(*({"tool": f"t{number}", key: "ab"[number % 2]} for number in range(4)))

    assert [(each.id, [call.tool for call in each.tool_calls]) for each in episodes] == [
        ("a", ["t0", "t2"]), ("b", ["t1", "t3"]),
    ]  # fmt: skip
    assert episodes[0].test_id == ("a" if key == "test_id" else None)


def test_first_key_groups_and_the_others_are_kept(read: Read) -> None:
    (episode,) = read({"tool": "t", "run_id": "r", "session_id": "s", "test_id": "t1"})

    assert (episode.id, episode.test_id) == ("s", "t1")
    assert episode.tool_calls[0].extra == {"run_id": "r"}


@pytest.mark.parametrize("number", [7, "7"])
def test_number_as_a_key_counts_as_its_digits(read: Read, number: object) -> None:
    assert [each.id for each in read({"tool": "t", "run_id": number}, {"tool": "u", "run_id": "7"})] == ["7"]


def test_call_keeps_time_id_server_result_and_unknown_members(read: Read) -> None:
    (episode,) = read(
        {"tool": "t", "ts_ms": 12, "call_id": "c", "server": "s", "duration_ms": 2.5, "parent_id": "p", "result": [1]},
        {"tool": "t", "timestamp": "1970-01-01T00:00:01Z", "error": "boom", "tool_classes": ["x"]},
    )

    first, second = episode.tool_calls
    assert (first.ts_ms, first.call_id, first.server, first.duration_ms, first.parent_id) == (12, "c", "s", 2.5, "p")
    assert (first.result, first.outcome) == ([1], "ok")
    assert (second.ts_ms, second.error, second.outcome) == (1000, "boom", "error")
    assert second.extra == {"tool_classes": ["x"]}


def test_denied_call_is_denied(read: Read) -> None:
    deny = {"isError": True, "structuredContent": {"status": "deny", "error_code": "E_TOOL_DENIED"}}

    assert read({"tool": "t", "result": deny})[0].tool_calls[0].outcome == "denied"


@pytest.mark.parametrize(
    ("record", "episode_id"),
    [
        ({"episode_id": "e", "request_id": "r"}, "e"),
        ({"request_id": "r"}, "r"),
        ({}, "line-1"),
        ({"request_id": 5}, "5"),
    ],
)
def test_record_with_a_prompt_is_its_own_episode(read: Read, record: dict[str, object], episode_id: str) -> None:
    (episode,) = read({**record, "prompt": "hi", "response": "yo", "run_id": "ignored", "x": 1.0})

    assert (episode.id, episode.prompt, episode.response) == (episode_id, "hi", "yo")
    assert episode.extra["run_id"] == "ignored"
    assert episode.source.line == 1


def test_simple_record_has_its_calls(read: Read) -> None:
    one, two = read(
        {"prompt": "a", "tool": "t", "args": {"k": 1}, "result": {"r": 1}},
        {"prompt": "b", "text": "answer", "tool_calls": [
            {"tool": "x"}, {"id": "c1", "tool_name": "y", "args": {}, "index": 1, "ts_ms": 3},
        ]},
    )  # fmt: skip

    assert one.response == '{"r":1}'
    assert one.tool_calls == (
        ToolCall(index=0, tool="t", args_json=b'{"k": 1}', result_json=b'{"r": 1}', outcome="ok", line=1),
    )
    assert two.response == "answer"
    assert [(call.tool, call.call_id, call.ts_ms, call.extra) for call in two.tool_calls] == [
        ("x", None, None, {}), ("y", "c1", 3, {}),
    ]  # fmt: skip


def test_same_prompt_under_two_ids_is_two_attempts(read: Read) -> None:
    episodes = read({"prompt": "p", "response": "1"}, {"prompt": "p", "response": "2"})

    assert [each.id for each in episodes] == ["line-1", "line-2"]


def test_v1_record_reads_calls_and_definitions_of_its_meta(read: Read) -> None:
    meta = {
        "tool_calls": [{"id": "1", "tool_name": "t", "args": {"a": 1}, "index": 0, "ts_ms": 5, "result": 1}],
        "tool_definitions": [{"name": "t", "description": "d", "inputSchema": {"type": "object"}}],
        "assay": {"embeddings": {}},
    }
    (episode,) = read(
        {"schema_version": 1, "type": "assay.trace", "request_id": "r", "prompt": "p", "response": "x", "meta": meta}
    )

    assert episode.id == "r"
    assert [(call.tool, call.result, call.call_id) for call in episode.tool_calls] == [("t", 1, "1")]
    assert episode.tool_definitions == (
        ToolDefinition(name="t", description="d", input_schema_json=b'{"type": "object"}'),
    )
    assert episode.meta == meta


def test_record_with_the_five_keys_is_v1_whatever_its_type(read: Read) -> None:
    (episode,) = read({"schema_version": 1, "type": "verdict.trace", "request_id": "r", "prompt": "p", "response": ""})

    assert (episode.id, episode.response) == ("r", "")


def test_context_usage_outcome_and_test_id_are_read(read: Read) -> None:
    (episode,) = read(
        {"prompt": "p", "context": ["a", "b"], "test_id": "t", "outcome": "pass",
         "usage": {"prompt_tokens": 3, "completion_tokens": 4, "cost_usd": 0.5}}
    )  # fmt: skip

    assert (episode.context, episode.test_id, episode.outcome) == (("a", "b"), "t", "pass")
    assert episode.usage == Usage(input_tokens=3, output_tokens=4, cost_usd=0.5)


def test_response_without_a_tool_belongs_to_its_run(read: Read) -> None:
    (episode,) = read({"run_id": "r", "tool": "t"}, {"run_id": "r", "response": "done"})

    assert (episode.response, len(episode.tool_calls)) == ("done", 1)


def test_comments_are_skipped_and_counted(read: Read, report: ImportReport) -> None:
    assert read(b"# no: events") == []
    assert (report.dropped, report.records) == ({"comment line": 1}, 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({}, "neither a prompt nor a tool"),
        ({"response": "x"}, "neither a prompt nor a tool"),
        ({"tool": ""}, "names no tool"),
        ({"tool_name": "   ", "run_id": "r"}, "names no tool"),
        ({"tool": 1.5}, "'tool' is not a text"),
        ({"prompt": ["x"]}, "'prompt' is not a text"),
        ({"prompt": "x", "response": {}}, "'response' is not a text"),
        ({"prompt": "x", "tool_calls": {}}, "'tool_calls' is not an array of objects"),
        ({"prompt": "x", "tool_calls": [{"tool": "a"}, {"args": {}}]}, r"tool_calls\[1\]: the record names no tool"),
        ({"prompt": "x", "meta": {"tool_definitions": [{}]}}, "a tool definition has no name"),
        ({"type": "nonsense"}, "the type 'nonsense' is unknown"),
        ({"type": None, "tool": "x"}, "the type None is unknown"),
        ([1], "not a JSON object"),
        (5, "not a JSON object"),
    ],
)
def test_line_that_is_no_record_is_an_error_with_its_line(read: Read, line: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read({"tool": "fine"}, line)

    assert caught.value.code == "E_TRACE_INVALID"
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.line) == ("calls.jsonl", 2)
    assert caught.value.place.text


def test_same_episode_id_twice_names_both_lines(read: Read) -> None:
    with pytest.raises(InputError, match="first on line 1, again on line 3") as caught:
        read({"prompt": "a", "request_id": "r"}, {"tool": "t"}, {"prompt": "b", "request_id": "r"})

    assert caught.value.code == "E_TRACE_DUPLICATE"
    assert caught.value.place is not None
    assert caught.value.place.text.startswith('{"prompt": "b"')
