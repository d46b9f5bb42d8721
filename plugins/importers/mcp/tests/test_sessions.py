"""Correlation, outcomes, listings, redaction: one small session each."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from assay_importer_mcp import McpImporter

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode
from assay_core.testing.importers import MemorySource

Read = Callable[..., list[Episode]]
OK = {"content": [{"type": "text", "text": "ok"}]}


def call(key: object, tool: str = "read_file", **further: object) -> dict[str, object]:
    params = {"name": tool, "arguments": {"path": "/a"}}
    return {"jsonrpc": "2.0", "id": key, "method": "tools/call", "params": params} | further


def answer(key: object, **further: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": key} | (further or {"result": OK})


def wire(direction: str, message: object, t: float = 1.0) -> dict[str, object]:
    return {"t": t, "dir": direction, "raw": json.dumps(message)}


def listing(key: int, *names: str, **further: object) -> list[dict[str, object]]:
    tools = [{"name": name, "description": name.upper(), "inputSchema": {"type": "object"}} for name in names]
    return [
        {"jsonrpc": "2.0", "id": key, "method": "tools/list", "params": further.pop("params", {})},
        answer(key, result={"tools": tools, **further}),
    ]


def test_ids_of_different_types_are_different_ids(read: Read) -> None:
    (episode,) = read(call("1", "a"), call(1, "b"), answer(1, result={"n": 1}), answer("1", result={"n": "1"}))

    assert [(each.tool, each.result) for each in episode.tool_calls] == [("a", {"n": "1"}), ("b", {"n": 1})]
    assert len({each.call_id for each in episode.tool_calls}) == 2


def test_calls_stand_in_the_order_in_which_they_were_asked_for(read: Read) -> None:
    (episode,) = read(call(1, "a"), call(2, "b"), answer(2), answer(1))

    assert [(each.tool, each.line) for each in episode.tool_calls] == [("a", 1), ("b", 2)]


def test_the_direction_decides_where_both_sides_use_an_id(read: Read) -> None:
    sampling = {"jsonrpc": "2.0", "id": 7, "method": "sampling/createMessage", "params": {}}
    spoken = answer(7, result={"role": "assistant", "model": "m", "content": {}})

    (episode,) = read(wire("c2s", call(7)), wire("s2c", sampling), wire("c2s", spoken), wire("s2c", answer(7)))

    assert episode.tool_calls[0].result == OK


def test_without_a_direction_the_form_of_an_answer_decides(read: Read) -> None:
    roots = {"jsonrpc": "2.0", "id": 0, "method": "roots/list"}

    (episode,) = read(call(0), roots, answer(0, result={"roots": []}), answer(0))

    assert episode.tool_calls[0].result == OK


def test_a_tool_call_of_the_server_is_no_call_of_the_agent(read: Read, report: ImportReport) -> None:
    (episode,) = read(wire("c2s", call(1)), wire("s2c", call(2, "forged")))

    assert [each.tool for each in episode.tool_calls] == ["read_file"]
    assert report.dropped["tools/call request of the server"] == 1


@pytest.mark.parametrize(
    ("reply", "outcome", "error"),
    [
        ({"result": OK}, "ok", None),
        ({"result": {"isError": True, "content": [{"type": "text", "text": "no such file"}]}}, "error", "no such file"),
        ({"result": {"structuredContent": {"status": "deny"}, "isError": True, "content": []}}, "denied", None),
        ({"error": {"code": -32602, "message": "bad arguments", "data": {"a": 1}}}, "error", "bad arguments"),
        ({"error": {"code": -32603}}, "error", '{"code":-32603}'),
        ({"result": None}, "no_response", "timeout/no_response"),
    ],
)
def test_an_answer_decides_the_outcome(read: Read, reply: dict[str, object], outcome: str, error: str | None) -> None:
    (episode,) = read(call(1), *([answer(1, **reply)] if reply["result" if "result" in reply else "error"] else []))

    assert (episode.tool_calls[0].outcome, episode.tool_calls[0].error) == (outcome, error)


def test_a_json_rpc_error_is_kept_whole_without_its_secrets(read: Read) -> None:
    (episode,) = read(call(1), answer(1, error={"code": 1, "message": "x", "data": {"api_key": "k", "hint": "h"}}))

    kept = episode.tool_calls[0].extra["mcp"]["error"]
    assert kept == {"code": 1, "message": "x", "data": {"api_key": "[REDACTED]", "hint": "h"}}


def test_a_call_that_was_given_up_says_so(read: Read) -> None:
    cancelled = {"method": "notifications/cancelled", "params": {"requestId": 1, "reason": "too slow"}}

    (episode,) = read(call(1), {"jsonrpc": "2.0", **cancelled})

    assert (episode.tool_calls[0].outcome, episode.tool_calls[0].error) == ("no_response", "cancelled: too slow")


def test_an_answer_to_no_request_is_counted_and_noted_with_its_line(read: Read, report: ImportReport) -> None:
    (episode,) = read(call(1), answer(1), answer(1), answer(9))

    assert len(episode.tool_calls) == 1
    assert report.dropped["response without a request"] == 2
    assert [note.split(":")[0] for note in report.notes] == ["line 3", "line 4"]


def test_a_second_initialize_begins_another_session_with_ids_of_its_own(read: Read) -> None:
    hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"clientInfo": {"name": "c"}}}

    episodes = read(hello, call(1, "a"), answer(1), hello, call(1, "b"))

    assert [(each.id, each.tool_calls[0].tool) for each in episodes] == [("session", "a"), ("session:2", "b")]
    assert episodes[1].tool_calls[0].outcome == "no_response"


def test_pages_of_a_listing_are_one_snapshot(read: Read) -> None:
    first = listing(1, "a", nextCursor="p2")
    second = listing(2, "b", params={"cursor": "p2"})

    (episode,) = read(*first, *second)

    assert [each.name for each in episode.tool_definitions or ()] == ["a", "b"]
    assert "tool_definition_snapshots" not in episode.meta


def test_a_listing_that_changes_is_kept_beside_the_first_so_that_drift_shows(read: Read) -> None:
    (episode,) = read(*listing(1, "a"), *listing(2, "a"), *listing(3, "a", "evil"))

    snapshots = episode.meta["tool_definition_snapshots"]
    assert [[tool["name"] for tool in snapshot] for snapshot in snapshots] == [["a"], ["a", "evil"]]
    assert [each.name for each in episode.tool_definitions or ()] == ["a", "evil"]


def test_further_parameters_are_kept_apart_without_their_secrets(read: Read) -> None:
    params = {"name": "rm", "arguments": {}, "label": "safe", "_meta": {"progressToken": 1, "access_token": "x"}}

    (episode,) = read(call(1, params=params))

    assert episode.tool_calls[0].tool == "rm"
    assert episode.tool_calls[0].extra == {
        "mcp": {"params": {"label": "safe", "_meta": {"access_token": "[REDACTED]"}}}
    }


def test_the_inspectors_session_and_a_bare_array_are_the_same(read: Read) -> None:
    messages = [call(1), answer(1)]

    (session,), (array,) = read({"events": messages}), read(messages)

    assert session.tool_calls == array.tool_calls
    assert session.tool_calls[0].result == OK


def test_events_of_a_document_are_ordered_by_their_times_where_all_have_one(read: Read) -> None:
    messages = [call(2, "late", timestamp_ms=200), call(1, "early", timestamp_ms=100)]

    assert [each.tool for each in read(messages)[0].tool_calls] == ["early", "late"]
    assert [each.tool for each in read([*messages, answer(1)])[0].tool_calls] == ["late", "early"]


def test_a_batch_is_several_messages(read: Read) -> None:
    assert len(read([call(1), call(2)], [answer(1), answer(2)])[0].tool_calls) == 2


def test_an_export_without_origins_still_matches_answers_by_their_ids(read: Read) -> None:
    entries = [
        {"id": "u1", "timestamp": "2026-11-22T10:00:00Z", "direction": "request", "message": call(1),
         "response": answer(1), "duration": 5},
    ]  # fmt: skip

    (episode,) = read(entries)

    assert (episode.tool_calls[0].outcome, episode.tool_calls[0].duration_ms) == ("ok", 5)
    assert episode.tool_calls[0].ts_ms == 1795341600000


def test_noise_on_the_wire_is_counted(read: Read, report: ImportReport) -> None:
    read({"t": 1, "dir": "s2c", "raw": "Server started"}, wire("c2s", call(1)))

    assert report.dropped["text on the wire that is no message"] == 1


def transcript(*entries: object, transport: str = "streamable-http") -> dict[str, object]:
    return {"transport": transport, "entries": list(entries)}


def test_a_refused_request_shows_how_to_get_authorised_and_no_more(read: Read) -> None:
    refused = {"status": 401, "headers": {"WWW-Authenticate": 'Bearer resource_metadata="https://x", scope="a"'}}

    (episode,) = read(
        transcript({"request": call(1), "headers": {"Authorization": "Bearer abc"}}, {"response": refused})
    )

    found = episode.meta["mcp"]["authorization_discovery"]
    assert found["resource_metadata_visible"] is True
    assert found["scope_challenge_visible"] is True
    assert b"https://x" not in episode.extra_json


def test_stream_events_of_other_kinds_are_counted(read: Read, report: ImportReport) -> None:
    endpoint = {"sse": {"event": "endpoint", "data": "/message?sessionId=1"}}
    message = {"sse": {"event": "message", "data": json.dumps(answer(1))}}

    (episode,) = read(transcript(endpoint, {"request": call(1)}, message, transport="http-sse"))

    assert episode.tool_calls[0].outcome == "ok"
    assert report.dropped["stream event of another kind than message"] == 1


def test_an_excerpt_of_an_error_shows_no_token() -> None:
    line = b'{"transport":"streamable-http","entries":[{"headers":{"Authorization":"Bearer abc.def"},"request":]}]}'

    with pytest.raises(InputError) as caught:
        list(McpImporter().read(MemorySource(line), ImportReport()))

    assert caught.value.place is not None
    assert "[REDACTED]" in caught.value.place.text
    assert "abc.def" not in caught.value.place.text
