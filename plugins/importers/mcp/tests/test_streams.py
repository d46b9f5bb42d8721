"""Raw event streams: what a server sent, with the requests among it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from assay_importer_mcp import McpImporter

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, Limits
from assay_core.testing.importers import MemorySource

Read = Callable[..., list[Episode]]
RECORDINGS = Path(__file__).parent / "recordings"
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"q":"x"}}}'
ANSWER = b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok"}]}}'


def dump_of(name: str) -> bytes:
    """Make the dump of a recorded transcript: its requests as lines, its events as they went over the wire."""
    lines: list[str] = []
    for entry in json.loads((RECORDINGS / name).read_bytes())["entries"]:
        if (event := entry.get("sse")) is not None:
            data = event["data"] if isinstance(event["data"], str) else json.dumps(event["data"])
            lines += [f"event: {event['event']}"] if event.get("event") else []
            lines += [f"id: {event['id']}"] if event.get("id") else []
            lines += [f"data: {part}" for part in data.split("\n")] + [""]
        else:
            part = entry.get("request") or entry.get("response")
            body = part.get("body", part) if isinstance(part, dict) else part
            text = body if isinstance(body, str) else json.dumps(body) if body else ""
            lines += [text, ""] if text.startswith(("{", "[")) and "jsonrpc" in text else []
    return "\n".join(lines).encode()


@pytest.mark.parametrize("name", ["everything.streamable-http.json", "everything.http-sse.json"])
def test_a_dump_has_the_calls_of_the_transcript_it_was_taken_from(name: str) -> None:
    recorded = (RECORDINGS / name).read_bytes()
    (expected,) = McpImporter().read(MemorySource(recorded, name), ImportReport())
    dump = dump_of(name)

    (episode,) = McpImporter().read(MemorySource(dump, "dump.txt"), ImportReport())

    assert McpImporter().sniff(dump[:4096]) >= 90
    assert b"\ndata: {" in dump
    assert [
        (call.tool, json.loads(call.args_json or b"{}"), call.outcome, json.loads(call.result_json or b"null"))
        for call in episode.tool_calls
    ] == [
        (call.tool, json.loads(call.args_json or b"{}"), call.outcome, json.loads(call.result_json or b"null"))
        for call in expected.tool_calls
    ]
    assert len(episode.tool_calls) >= 3


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_an_event_may_have_several_lines_comments_and_other_fields(
    read: Read, end: bytes, report: ImportReport
) -> None:
    half = ANSWER.index(b'"result"')
    lines = [
        CALL, b": keep-alive", b"retry: 100", b"event: message", b"id: 7",
        b"data: " + ANSWER[:half], b"data:" + ANSWER[half:], b"",
        b"event: endpoint", b"data: /messages?session=1", b"", b"data", b"odd: 1", b"data:", b"",
    ]  # fmt: skip

    (episode,) = read(end.join(lines))

    (call,) = episode.tool_calls
    assert (call.tool, call.outcome, call.line) == ("search", "ok", 1)
    assert report.dropped["stream event of another kind than message"] == 1
    assert report.dropped["line that is no field of an event stream"] == 1


def test_a_dump_that_is_cut_off_keeps_a_whole_last_event_and_refuses_half_a_one(read: Read) -> None:
    (episode,) = read(CALL, b"data: " + ANSWER)

    assert episode.tool_calls[0].outcome == "ok"
    with pytest.raises(InputError, match="line 2"):
        read(CALL, b"data: " + ANSWER[:-9])


def test_a_stream_without_its_requests_has_answers_to_nothing(read: Read, report: ImportReport) -> None:
    (episode,) = read(b"data: " + ANSWER, b"", b"")

    assert episode.tool_calls == ()
    assert any("no request" in name for name in report.dropped) or report.notes


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ((b"data: " + ANSWER.replace(b'"id":1', b'"id":1,"id":2'), b""), 2),
        ((CALL.replace(b":1,", b":2,").replace(b'"q":"x"', b'"q":"x","q":"y"'), b""), 2),
        ((b"data: x", b"Data: " + CALL.replace(b":1,", b":2,"), b""), 3),
        ((b"event: other", b"data: " + CALL.replace(b":1,", b":2,"), b""), 3),
        ((b"data: x\rdata: " + CALL.replace(b":1,", b":2,"), b""), 2),
        ((b"data: \xff", b""), 2),
        ((b'data: {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a","arguments":{"x":NaN}}}', b""), 2),
    ],
)
def test_what_could_hide_a_call_is_an_error_with_its_line(read: Read, lines: tuple[bytes, ...], number: int) -> None:
    with pytest.raises(InputError) as caught:
        read(CALL, *lines, b"data: " + ANSWER, b"")

    assert caught.value.code == "E_TRACE_INVALID"
    assert f":{number}" in str(caught.value.place) or f"line {number}" in caught.value.message


def test_an_event_without_end_is_limited() -> None:
    source = MemorySource(b"\n".join([CALL, *[b"data: " + b"x" * 90] * 40]), "s.txt")
    source.limits = Limits(line_bytes=2_000)

    with pytest.raises(InputError) as caught:
        list(McpImporter().read(source, ImportReport()))

    assert caught.value.code == "E_TRACE_LIMIT"


def test_text_with_data_in_it_is_no_stream() -> None:
    assert McpImporter().sniff(b"data: 3\nother: 4\n") == 0
    assert McpImporter().sniff(b"notes\n\nhello\n") == 0
