"""One agent, recorded in every generation of the conventions and in every encoding, makes the same calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from assay_importer_otel import OtelImporter

from assay_core.contracts import ImportReport
from assay_core.model import Episode, ToolCall

Read = Callable[..., list[Episode]]
SPANS = Path(__file__).parent / "spans"
ALL = sorted(path.name for path in SPANS.iterdir())
GENERATIONS = [name for name in ALL if name.endswith(".otlp.jsonl") and "without-content" not in name]
EVERYWHERE = ["openinference-openai", "pydantic-ai-1-format-1", "pydantic-ai-2-format-5"]
ENCODINGS = ["otlp.json", "otlp.pb", "collector.pb", "base64-ids.jsonl", "console.json", "spans.jsonl"]

PROMPT, ANSWER = "Book us a dinner in Lisbon.", "Table T7 is yours at 20:30; it stays dry."
CALLS = [
    ("get_weather", {"city": "Lisbon", "days": 2}, {"city": "Lisbon", "sky": ["dry", "dry"]}, "call_weather"),
    ("find_tables", {"city": "Lisbon", "guests": 2, "window": True}, ["T7", "T9"], "call_tables"),
    (
        "book_table",
        {"table": "T7", "time": "20:30", "notes": ["window", 'no "nuts"']},
        {"table": "T7", "time": "20:30", "notes": 2},
        "call_book",
    ),
]


def told(call: ToolCall) -> tuple[object, ...]:
    return call.tool, call.args, call.result, call.call_id


def test_recordings_are_of_many_generations() -> None:
    assert len(GENERATIONS) >= 15
    assert all(f"{name}.{encoding}" in ALL for name in EVERYWHERE for encoding in ENCODINGS)


@pytest.mark.parametrize("name", GENERATIONS)
def test_every_generation_imports_to_the_same_calls(
    name: str, read: Read, recorded: Callable[[str], bytes], report: ImportReport
) -> None:
    good, bad = read(recorded(name))

    assert (good.prompt, good.response, good.complete, good.outcome) == (PROMPT, ANSWER, True, None)
    assert [told(call) for call in good.tool_calls] == CALLS
    assert {call.outcome for call in good.tool_calls} == {"ok"}
    assert [call.index for call in good.tool_calls] == [0, 1, 2]
    times = [call.ts_ms for call in good.tool_calls]
    assert times == sorted(times, key=lambda time: time or 0.0)
    assert None not in times
    assert good.usage is not None
    assert (good.usage.input_tokens, good.usage.output_tokens) in ((180, 21), (215, 81))
    assert bad.prompt == "Cancel everything."
    assert [(call.tool, call.args) for call in bad.tool_calls] == [("cancel_booking", {"table": "T7"})]
    assert report.records > 0


@pytest.mark.parametrize(
    "name", [name for name in GENERATIONS if name.startswith(("pydantic", "openinference", "traceloop", "strands"))]
)
def test_call_whose_span_failed_is_an_error(name: str, read: Read, recorded: Callable[[str], bytes]) -> None:
    _, bad = read(recorded(name))
    (call,) = bad.tool_calls

    assert (call.outcome, call.error) == ("error", "the kitchen is closed")
    # an agent that gives up fails the episode; one that tells the model about it goes on
    assert bad.outcome == (None if name.startswith(("strands", "openinference-openai")) else "error")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_encoding_imports_to_equal_episodes(
    name: str, encoding: str, read: Read, recorded: Callable[[str], bytes]
) -> None:
    expected = [comparable(episode, encoding) for episode in read(recorded(f"{name}.otlp.jsonl"))]

    assert [comparable(episode, encoding) for episode in read(recorded(f"{name}.{encoding}"))] == expected


def comparable(episode: Episode, encoding: str) -> object:
    """Return an episode without its lines, and without what an encoding has no place for."""
    value = msgspec.to_builtins(episode)
    value["source"] = None
    for event in value["events"]:
        event["line"] = None
        if encoding == "console.json":  # to the microsecond
            event["ts_ms"] = None if event["ts_ms"] is None else round(event["ts_ms"])
            event["duration_ms"] = None if event.get("duration_ms") is None else round(event["duration_ms"], 1)
        if encoding == "spans.jsonl":  # no status, no events
            for name in ("outcome", "error", "result_json", "content"):
                event.pop(name, None)
    if encoding == "spans.jsonl":
        value["outcome"] = None
    return value


def test_span_without_a_status_leaves_the_outcome_open(read: Read, recorded: Callable[[str], bytes]) -> None:
    _, bad = read(recorded("pydantic-ai-2-format-5.spans.jsonl"))

    assert [(call.outcome, call.error) for call in bad.tool_calls] == [("unknown", None)]


def test_calls_are_known_where_no_content_was_captured(read: Read, recorded: Callable[[str], bytes]) -> None:
    good, _ = read(recorded("openai-without-content.otlp.jsonl"))

    assert [told(call) for call in good.tool_calls] == [(tool, {}, None, id_) for tool, _, _, id_ in CALLS]
    assert {call.args_json for call in good.tool_calls} == {None}
    assert (good.prompt, good.response) == (None, None)


@pytest.mark.parametrize("name", ALL)
def test_no_other_format_is_as_likely(name: str, recorded: Callable[[str], bytes]) -> None:
    head = recorded(name)[: 64 * 1024]
    others = []
    for module, driver in (("assay_importer_jsonl", "JsonlImporter"), ("assay_importer_mcp", "McpImporter")):
        try:
            others.append(getattr(__import__(module), driver)().sniff(head))
        except ImportError:
            continue

    for part in (head, head[:3000]):
        assert OtelImporter().sniff(part) > max(others, default=0)
    assert OtelImporter().sniff(head) >= 95


def test_lines_lead_to_the_span(read: Read, recorded: Callable[[str], bytes]) -> None:
    for name in ("pydantic-ai-2-format-5.otlp.json", "pydantic-ai-2-format-5.console.json"):
        data = recorded(name)
        lines = data.decode().splitlines()
        good, _ = read(data)
        for call in good.tool_calls:
            assert call.line is not None
            assert any(f'"execute_tool {call.tool}"' in line for line in lines[call.line - 1 : call.line + 6]), name
