"""The gateway alone, between two pipes: what passes, what does not, and what is recorded first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from assay_enforcer_mcp.gateway.approvals import FirstSeen
from assay_enforcer_mcp.gateway.connection import Connection, Limits
from assay_enforcer_mcp.gateway.gateway import Gateway
from assay_enforcer_mcp.gateway.obligations import Unmet
from assay_enforcer_mcp.log.records import DecisionRecord, FrameRecord, LogFailure, OutcomeRecord, Record
from assay_enforcer_mcp.wire.outlet import Outlet

from assay_core.model import JsonValue
from assay_core.policy import load_policy

TOOLS: list[JsonValue] = [
    {"name": "read", "description": "reads", "inputSchema": {"type": "object"}},
    {"name": "exec", "description": "runs", "inputSchema": {"type": "object"}},
]


class Log:
    """Keeps records in memory, or fails."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.full = False

    def append(self, records: Sequence[Record]) -> None:
        if self.full:
            raise LogFailure("no space left on device")
        self.records += records


class Wire:
    """A gateway with a pipe at each side; what was written there is read back as messages."""

    def __init__(self, policy: dict[str, JsonValue], **options: object) -> None:
        self.ends = [os.pipe() for _ in range(2)]
        for reading, _ in self.ends:
            os.set_blocking(reading, False)
        self.log = Log()
        self.said: list[str] = []
        self.time_s = 100.0
        loaded = load_policy({"version": "2.0", **policy})
        self.connection = Connection(
            policy=loaded,
            session=loaded.session(live=True),
            to_server=Outlet(self.ends[0][1]),
            to_client=Outlet(self.ends[1][1]),
            log=self.log,
            say=self.said.append,
            server_id="srv",
            now=lambda: self.time_s,
            limits=Limits(listing_s=0.0),
            **options,  # type: ignore[arg-type]  # fields of Connection
        )
        self.gateway = Gateway(self.connection, Unmet(), FirstSeen())

    def client(self, *messages: JsonValue | bytes) -> None:
        self.gateway.from_client([_line(each) for each in messages])

    def server(self, *messages: JsonValue | bytes) -> None:
        self.gateway.from_server([_line(each) for each in messages])

    def handshake(self, tools: list[JsonValue] = TOOLS) -> None:
        """Go through `initialize`, and answer the gateway's own listing."""
        self.client({"jsonrpc": "2.0", "id": "init", "method": "initialize", "params": {}})
        self.server({"jsonrpc": "2.0", "id": "init", "result": {"capabilities": {"tools": {}}}})
        self.client({"jsonrpc": "2.0", "method": "notifications/initialized"})
        listing = self.at_server()[-1]
        assert listing["method"] == "tools/list"
        self.server({"jsonrpc": "2.0", "id": listing["id"], "result": {"tools": tools}})
        self.at_client()

    def at_server(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.raw_at_server().splitlines()]

    def at_client(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in _read(self.ends[1][0]).splitlines()]

    def raw_at_server(self) -> bytes:
        return _read(self.ends[0][0])

    def close(self) -> None:
        for pair in self.ends:
            for each in pair:
                os.close(each)


def _line(message: JsonValue | bytes) -> bytes:
    return message if isinstance(message, bytes) else msgspec.json.encode(message) + b"\n"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return b""


def call(frame_id: int | str, tool: str, args: JsonValue = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": frame_id, "method": "tools/call", "params": {"name": tool, "arguments": args or {}}}


def answer(frame_id: int | str, text: str = "done") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": frame_id, "result": {"content": [{"type": "text", "text": text}]}}


@pytest.fixture
def wires() -> Iterator[list[Wire]]:
    made: list[Wire] = []
    yield made
    for wire in made:
        wire.close()


@pytest.fixture
def wire(wires: list[Wire]) -> Wire:
    """A connection whose policy denies `exec`, past its handshake."""
    wires.append(Wire({"tools": {"deny": ["exec"]}, "enforcement": {"unconstrained_tools": "allow"}}))
    wires[0].handshake()
    return wires[0]


def opened(wires: list[Wire], policy: dict[str, JsonValue], **options: object) -> Wire:
    wires.append(Wire({"enforcement": {"unconstrained_tools": "allow"}, **policy}, **options))
    wires[-1].handshake()
    return wires[-1]


def test_a_permitted_call_passes_byte_for_byte_and_so_does_its_answer(wire: Wire) -> None:
    line = b'{ "jsonrpc":"2.0", "params":{"name":"read","arguments":{"n":1.0e1}},"method":"tools\\u002fcall","id":7}\n'

    wire.client(line)

    assert wire.raw_at_server() == line
    wire.server(answer(7))
    assert wire.at_client() == [answer(7)]


def test_a_denied_call_never_reaches_the_server_and_is_answered(wire: Wire) -> None:
    wire.client(call(1, "exec"), call(2, "read"))

    assert [each["id"] for each in wire.at_server()] == [2]
    (reply,) = wire.at_client()
    assert reply["id"] == 1
    result = reply["result"]
    assert isinstance(result, dict)
    assert result["isError"] is True
    assert result["structuredContent"]["error_code"] == "E_TOOL_DENIED"


def test_every_call_is_recorded_before_it_goes_anywhere(wire: Wire) -> None:
    wire.log.full = True

    wire.client(call(1, "read"))

    assert wire.at_server() == []
    (reply,) = wire.at_client()
    assert reply["result"]["structuredContent"]["error_code"] == "E_LOG_UNWRITABLE"
    wire.log.full = False
    wire.client(call(1, "read"))
    assert len(wire.at_server()) == 1


def test_a_call_that_was_not_recorded_does_not_count_as_made(wires: list[Wire]) -> None:
    wire = opened(wires, {"sequences": [{"type": "before", "first": "read", "then": "exec"}]})
    wire.log.full = True
    wire.client(call(1, "read"))
    wire.client(call(2, "read"), call(3, "read"))
    wire.log.full = False
    wire.at_client()

    wire.client(call(4, "exec"))

    (reply,) = wire.at_client()
    assert reply["result"]["structuredContent"]["error_code"] == "E_SEQUENCE_VIOLATION"


def test_an_id_in_flight_is_not_used_twice(wire: Wire) -> None:
    wire.client(call(1, "read"), call(1, "read", {"other": True}))

    assert len(wire.at_server()) == 1
    assert any(isinstance(each, FrameRecord) and each.reason == "id-in-flight" for each in wire.log.records)


def test_answers_nobody_waits_for_are_dropped(wire: Wire) -> None:
    wire.client(call(1, "read"))

    wire.server(answer("1"), answer(1), answer(1, "again"))

    assert wire.at_client() == [answer(1)]
    reasons = [each.event for each in wire.log.records if isinstance(each, FrameRecord)]
    assert reasons == ["response-unmatched", "response-unmatched"]


def test_tools_are_listed_without_those_that_are_denied(wire: Wire) -> None:
    wire.client({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})

    wire.server({"jsonrpc": "2.0", "id": 1, "result": {"tools": TOOLS, "x": 1}})

    assert wire.at_client() == [{"jsonrpc": "2.0", "id": 1, "result": {"tools": [TOOLS[0]], "x": 1}}]


def test_a_tool_that_changes_is_refused_and_hidden_until_it_is_what_it_was(wire: Wire) -> None:
    changed: list[JsonValue] = [{"name": "read", "description": "reads and sends", "inputSchema": {"type": "object"}}]
    for number, tools in enumerate((changed, TOOLS)):
        wire.client({"jsonrpc": "2.0", "id": number, "method": "tools/list"})
        wire.server({"jsonrpc": "2.0", "id": number, "result": {"tools": tools}})
        shown = wire.at_client()[0]["result"]["tools"]
        assert [each["name"] for each in shown] == ([] if number == 0 else ["read"])
        wire.at_server()
        wire.client(call(f"c{number}", "read"))
        assert len(wire.at_server()) == number
        wire.at_client()


def test_a_call_before_any_listing_waits_for_one(wires: list[Wire]) -> None:
    wires.append(Wire({"tools": {"deny": ["exec"]}}))

    wires[0].client(call(1, "read"))

    assert [each["method"] for each in wires[0].at_server()] == ["tools/list", "tools/call"]


def test_a_server_may_ask_only_what_the_policy_lets_it_ask(wires: list[Wire]) -> None:
    wire = opened(wires, {"server_requests": {"roots": "allow"}})
    wire.server({"jsonrpc": "2.0", "id": 1, "method": "roots/list"})
    wire.server({"jsonrpc": "2.0", "id": 2, "method": "sampling/createMessage", "params": {}})
    wire.server({"jsonrpc": "2.0", "id": 3, "method": "ping"})

    assert [each["id"] for each in wire.at_client()] == [1, 3]
    (refusal,) = wire.at_server()
    assert refusal["id"] == 2
    assert refusal["error"]["data"]["origin"] == "assay"
    wire.client({"jsonrpc": "2.0", "id": 1, "result": {"roots": []}}, {"jsonrpc": "2.0", "id": 2, "result": {}})
    assert [each["id"] for each in wire.at_server()] == [1]


def test_requests_that_a_result_embeds_are_decided_as_requests_of_the_server(wires: list[Wire]) -> None:
    wire = opened(wires, {"server_requests": "deny"})
    wire.client(call(1, "read"))
    wanted: JsonValue = {"a": {"method": "sampling/createMessage", "params": {}}}

    wire.server({"jsonrpc": "2.0", "id": 1, "result": {"resultType": "input_required", "inputRequests": wanted}})

    (reply,) = wire.at_client()
    assert reply["result"]["structuredContent"]["error_code"] == "E_SERVER_REQUEST_DENIED"


def test_an_answer_that_the_policy_refuses_is_withheld(wires: list[Wire]) -> None:
    wire = opened(wires, {"responses": {"deny_patterns": ["AKIA[0-9A-Z]{16}"]}})
    wire.client(call(1, "read"), call(2, "read"))

    wire.server(answer(1, "AKIAABCDEFGHIJKLMNOP"), answer(2))

    first, second = wire.at_client()
    assert first["result"]["structuredContent"]["error_code"] == "E_RESPONSE_DENIED"
    assert second == answer(2)


def test_a_call_that_is_not_answered_in_time_is_answered_once_and_cancelled(wires: list[Wire]) -> None:
    wire = opened(wires, {"timeouts": {"default": "2s"}})
    wire.client(call(1, "read"))
    wire.at_server()
    assert wire.gateway.tick() == 2.0
    wire.time_s += 3

    assert wire.gateway.tick() is None

    (reply,) = wire.at_client()
    assert reply["result"]["structuredContent"]["error_code"] == "E_TIMEOUT"
    assert [each["method"] for each in wire.at_server()] == ["notifications/cancelled"]
    wire.server(answer(1))
    assert wire.at_client() == []


def test_requests_are_counted_apart_from_calls(wires: list[Wire]) -> None:
    wire = opened(wires, {"limits": {"max_requests_total": 2}})
    ping: JsonValue = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    wire.client(ping)
    wire.client(call(2, "read"), {"jsonrpc": "2.0", "id": 3, "method": "ping"})

    assert [each["id"] for each in wire.at_server()] == [1]
    denied, refused = wire.at_client()
    assert denied["result"]["structuredContent"] == {"status": "deny", "error_code": "E_RATE_LIMIT"}
    assert refused["error"]["data"]["reason"] == "rate-limit"


def test_a_dry_run_lets_through_what_it_says_it_would_deny(wires: list[Wire]) -> None:
    wire = opened(wires, {"tools": {"deny": ["exec"]}}, dry_run=True)

    wire.client(call(1, "exec"))

    assert [each["id"] for each in wire.at_server()] == [1]
    (record,) = [each for each in wire.log.records if isinstance(each, DecisionRecord)]
    assert (record.decision, record.would_deny, record.code) == ("allow", True, "E_TOOL_DENIED")


def test_what_a_server_prints_is_no_frame_and_an_answer_it_garbles_ends_the_wait(wire: Wire) -> None:
    wire.client(call(1, "read"))

    wire.server(b"Server started!\n", b'{"jsonrpc":"2.0","id":1,"result":{},"result":{"content":[]}}\n')

    (reply,) = wire.at_client()
    assert reply["id"] == 1
    assert reply["error"]["data"]["reason"] == "duplicate-key"
    assert [each.code for each in wire.log.records if isinstance(each, OutcomeRecord)] == ["E_FRAME_REFUSED"]


def test_the_stateless_protocol_is_answered_in_its_own_shape(wires: list[Wire]) -> None:
    wires.append(Wire({"tools": {"deny": ["exec"]}}))
    request = call(1, "exec")
    request["params"]["_meta"] = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}

    wires[0].client(request)

    (listing,) = wires[0].at_server()
    assert listing["params"]["_meta"] == request["params"]["_meta"]
    (reply,) = wires[0].at_client()
    assert reply["result"]["resultType"] == "complete"
