"""Lines are read so strictly that no other reader can take one for something else."""

from __future__ import annotations

import pytest
from assay_enforcer_mcp.wire.frames import FrameError, is_modern, raw_arguments, read_frame

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1.50}}}\n'


def test_a_call_keeps_the_bytes_of_its_arguments() -> None:
    frame = read_frame(CALL)

    assert (frame.kind, frame.id, frame.method, frame.line) == ("request", 1, "tools/call", CALL)
    assert raw_arguments(frame) == b'{"x":1.50}'


def test_a_call_without_arguments_has_none() -> None:
    assert raw_arguments(read_frame(b'{"jsonrpc":"2.0","id":"i","method":"tools/call","params":{"name":"a"}}')) is None


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}\r\n', "notification"),
        (b'{"jsonrpc":"2.0","id":"a","result":{}}\n', "response"),
        (b'{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"m"}}\n', "response"),
        (b'  {"jsonrpc":"2.0","id":2,"method":"ping","params":{"_meta":{}},"x-extra":1} \n', "request"),
    ],
)
def test_what_is_a_frame_is_told_apart(line: bytes, kind: str) -> None:
    assert read_frame(line).kind == kind


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"nonsense", "not-json"),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', "batch"),
        (b'"text"', "not-an-object"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', "duplicate-key"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","\\u006dethod":"tools/call"}', "duplicate-key"),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":{"b":1,"b":2}}}', "duplicate-key"),
        (b'{"id":1,"method":"ping"}', "version"),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', "version"),
        (b'{"jsonrpc":2.0,"id":1,"method":"ping"}', "version"),
        (b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}', "id"),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', "id"),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', "id"),
        (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', "id"),
        (b'{"jsonrpc":"2.0","id":1}', "shape"),
        (b'{"jsonrpc":"2.0","id":1,"result":1,"error":{}}', "shape"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","result":1}', "shape"),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', "shape"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":7}', "shape"),
        (b'{"jsonrpc":"2.0","id":1,"error":"no"}', "shape"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}', "not-json"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\\ud800"}}', "not-json"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\xff"}}', "not-json"),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}', "not-json"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"} {}', "not-json"),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * 200 + b"]" * 200 + b"}", "depth"),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[\r{"jsonrpc":"2.0"}\r]}', "carriage-return"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}', "near-miss"),
        (b'{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{}}', "near-miss"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{}}', "near-miss"),
        ('{"jsonrpc":"2.0","id":1,"method":"ping","param\u017f":{}}'.encode(), "near-miss"),
        (b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}', "call-without-id"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}', "call-params"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', "call-params"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}', "call-name"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}', "near-miss"),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":[]}}', "call-arguments"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(FrameError) as raised:
        read_frame(line)

    assert raised.value.reason == reason


def test_a_request_of_the_stateless_protocol_is_known_by_its_envelope() -> None:
    meta = b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'
    line = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":' + meta + b"}}"

    assert is_modern(read_frame(line))
    assert not is_modern(read_frame(CALL))
