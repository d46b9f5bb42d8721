"""Which calls an episode has: recorded spans, with one thing changed at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assay_core.contracts import ImportReport
from assay_core.model import Episode, Step

Read = Callable[..., list[Episode]]
Span = dict[str, Any]
NAMES = ["get_weather", "find_tables", "book_table"]


@pytest.fixture
def spans(recorded: Callable[[str], bytes]) -> list[Span]:
    """The spans of the agent's first run."""
    every = [json.loads(line) for line in recorded("pydantic-ai-2-format-5.spans.jsonl").splitlines()]
    return [span for span in every if span["trace_id"] == every[0]["trace_id"]]


@pytest.fixture
def episode(read: Read) -> Callable[[list[Span]], Episode]:
    def read_one(spans: list[Span]) -> Episode:
        (only,) = read("\n".join(map(json.dumps, spans)).encode())
        return only

    return read_one


def of_tool(span: Span) -> bool:
    return bool(span["name"].startswith("execute_tool"))


def tools(episode: Episode) -> list[str]:
    return [call.tool for call in episode.tool_calls]


def test_call_that_no_span_tells_is_a_call(spans: list[Span], episode: Callable[[list[Span]], Episode]) -> None:
    found = episode([span for span in spans if not of_tool(span)])

    assert tools(found) == NAMES
    assert [call.outcome for call in found.tool_calls] == ["ok", "ok", "ok"]  # the model was told their results
    assert [call.duration_ms for call in found.tool_calls] == [None, None, None]


def test_call_that_a_model_asked_for_at_last_has_an_open_outcome(
    spans: list[Span], episode: Callable[[list[Span]], Episode]
) -> None:
    chats = [span for span in spans if span["name"].startswith("chat")]

    found = episode(chats[:2])

    assert [(call.tool, call.outcome) for call in found.tool_calls][-1] == ("book_table", "unknown")
    assert found.complete is False  # the agent's span is not there


def test_calls_of_earlier_conversations_are_not_calls_of_this_one(
    spans: list[Span], episode: Callable[[list[Span]], Episode]
) -> None:
    last = [span for span in spans if span["name"].startswith("chat")][-1]

    found = episode([last])

    assert "call_book" in last["attributes"]["gen_ai.input.messages"]
    assert tools(found) == []
    assert found.prompt == "Book us a dinner in Lisbon."


def test_order_of_the_lines_does_not_matter(spans: list[Span], episode: Callable[[list[Span]], Episode]) -> None:
    forward, backward = episode(spans), episode(spans[::-1])

    assert tools(forward) == tools(backward) == NAMES
    assert [call.args_json for call in forward.tool_calls] == [call.args_json for call in backward.tool_calls]


@pytest.mark.parametrize("kept", ["id", "arguments", "neither"])
def test_call_is_one_call_whatever_its_span_recorded(
    kept: str, spans: list[Span], episode: Callable[[list[Span]], Episode]
) -> None:
    for span in filter(of_tool, spans):
        if kept != "id":
            del span["attributes"]["gen_ai.tool.call.id"]
        if kept != "arguments":
            del span["attributes"]["gen_ai.tool.call.arguments"]

    found = episode(spans)

    assert [(call.tool, call.call_id) for call in found.tool_calls] == [
        ("get_weather", "call_weather"),
        ("find_tables", "call_tables"),
        ("book_table", "call_book"),
    ]
    assert found.tool_calls[0].args == {"city": "Lisbon", "days": 2}


def test_arguments_are_those_of_the_span_where_the_model_asked_for_others(
    spans: list[Span], episode: Callable[[list[Span]], Episode]
) -> None:
    span = next(filter(of_tool, spans))
    span["attributes"]["gen_ai.tool.call.arguments"] = '{"city":"Rome","days":2}'

    call = episode(spans).tool_calls[0]

    assert call.args == {"city": "Rome", "days": 2}
    assert call.extra["attributes"]["requested_arguments"] == {"city": "Lisbon", "days": 2}  # type: ignore[index, call-overload]  # JSON


def test_another_tool_under_the_same_id_is_another_call(
    spans: list[Span], episode: Callable[[list[Span]], Episode]
) -> None:
    span = next(filter(of_tool, spans))
    span["attributes"]["gen_ai.tool.name"] = "delete_everything"

    assert sorted(tools(episode(spans))) == sorted([*NAMES, "delete_everything"])


def test_span_within_the_span_of_the_same_call_is_no_second_call(
    spans: list[Span], episode: Callable[[list[Span]], Episode], report: ImportReport
) -> None:
    outer = next(filter(of_tool, spans))
    inner = json.loads(json.dumps(outer)) | {"span_id": "inner", "parent_span_id": outer["span_id"]}
    inner["attributes"]["mcp.method.name"] = "tools/call"
    del inner["attributes"]["gen_ai.tool.call.id"]

    assert tools(episode([*spans, inner])) == NAMES
    assert report.dropped["span of a call that the span around it records as well"] == 1


def test_span_within_the_span_of_another_call_is_a_call(
    spans: list[Span], episode: Callable[[list[Span]], Episode]
) -> None:
    outer = next(filter(of_tool, spans))
    inner = json.loads(json.dumps(outer)) | {"span_id": "inner", "parent_span_id": outer["span_id"]}
    inner["attributes"] |= {"gen_ai.tool.name": "fetch_page", "gen_ai.tool.call.id": "call_inner"}

    assert sorted(tools(episode([*spans, inner]))) == sorted([*NAMES, "fetch_page"])


@pytest.mark.parametrize("content", ["both", "outer", "inner"])
def test_model_that_two_layers_record_asks_once(
    content: str, spans: list[Span], episode: Callable[[list[Span]], Episode]
) -> None:
    chats = [span for span in spans if span["name"].startswith("chat")]
    inner = [
        json.loads(json.dumps(span)) | {"span_id": f"{span['span_id']}i", "parent_span_id": span["span_id"]}
        for span in chats
    ]
    for span in {"both": [], "outer": inner, "inner": chats}[content]:
        for name in ("gen_ai.input.messages", "gen_ai.output.messages"):
            del span["attributes"][name]

    found = episode([*(span for span in spans if not of_tool(span)), *inner])

    assert tools(found) == NAMES
    assert found.response == "Table T7 is yours at 20:30; it stays dry."
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (215, 81)


def test_message_with_parts_and_calls_beside_them_hides_neither(
    spans: list[Span], episode: Callable[[list[Span]], Episode]
) -> None:
    chat = next(span for span in spans if span["name"].startswith("chat"))
    (message,) = json.loads(chat["attributes"]["gen_ai.output.messages"])
    message["tool_calls"] = [{"id": "call_more", "function": {"name": "delete_everything", "arguments": "{}"}}]
    chat["attributes"]["gen_ai.output.messages"] = json.dumps([message])

    assert sorted(tools(episode(spans))) == sorted([*NAMES, "delete_everything"])


def test_steps_tell_agent_and_models(spans: list[Span], episode: Callable[[list[Span]], Episode]) -> None:
    steps = [event for event in episode(spans).events if isinstance(event, Step)]

    assert [step.kind for step in steps] == ["agent", "model", "model", "model"]
    assert steps[0].name == "dinner"
    assert steps[-1].content == "Table T7 is yours at 20:30; it stays dry."


def test_tool_definitions_are_kept_once_each(spans: list[Span], episode: Callable[[list[Span]], Episode]) -> None:
    definitions = episode(spans).tool_definitions

    assert definitions is not None
    assert [each.name for each in definitions] == [*NAMES, "cancel_booking"]
    assert definitions[0].description == "Tell the weather."
    assert definitions[0].input_schema["required"] == ["city", "days"]  # type: ignore[index, call-overload]  # JSON


def test_trace_without_an_agent_is_left_out_and_counted(read: Read, spans: list[Span], report: ImportReport) -> None:
    other = {**spans[0], "trace_id": "web", "attributes": {"http.request.method": "GET"}}

    found = read("\n".join(map(json.dumps, [other, *spans])).encode())

    assert len(found) == 1
    assert report.dropped["span of a trace without agent"] == 1
    assert report.records == len(spans) + 1


def test_what_has_no_place_is_counted(read: Read, recorded: Callable[[str], bytes], report: ImportReport) -> None:
    read(recorded("pydantic-ai-2-format-5.otlp.jsonl"))

    assert report.dropped["attribute of a resource"] == 2
    assert report.dropped["attribute gen_ai.conversation.id"] == 6
    assert not any("messages" in name for name in report.dropped)


@pytest.mark.parametrize(("flags", "complete"), [(0x100, False), (0x300, True)])
def test_episode_is_incomplete_where_a_parent_is_missing_that_is_not_remote(
    flags: int, complete: bool, read: Read, recorded: Callable[[str], bytes]
) -> None:
    lines = [json.loads(line) for line in recorded("pydantic-ai-2-format-5.otlp.jsonl").splitlines()]
    for line in lines:
        for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            if "parentSpanId" not in span:
                span |= {"parentSpanId": "00f067aa0ba902b7", "flags": flags}

    found = read("\n".join(map(json.dumps, lines)).encode())

    assert [each.complete for each in found] == [complete, complete]


def test_body_of_an_event_in_one_attribute_is_read(read: Read, recorded: Callable[[str], bytes]) -> None:
    lines = [json.loads(line) for line in recorded("openai-events-2.3.otlp.jsonl").splitlines()]
    spans = {}
    for line in lines[1:]:
        for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            spans[span["spanId"]] = span
    for record in lines[0]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        body = json.dumps(plain(record["body"]))
        attribute = {"key": "gen_ai.event.content", "value": {"stringValue": body}}
        event = {"name": record["eventName"], "timeUnixNano": "1", "attributes": [attribute]}
        spans[record["spanId"]].setdefault("events", []).append(event)

    good, _ = read("\n".join(map(json.dumps, lines[1:])).encode())

    assert tools(good) == NAMES
    assert (good.prompt, good.tool_calls[2].result) == (
        "Book us a dinner in Lisbon.",
        {"table": "T7", "time": "20:30", "notes": 2},
    )


def plain(value: Any) -> Any:
    ((kind, inner),) = value.items()
    if kind == "kvlistValue":
        return {item["key"]: plain(item["value"]) for item in inner["values"]}
    return [plain(each) for each in inner["values"]] if kind == "arrayValue" else inner
