"""Recordings that are wrong: always an error with its line, never a guess."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from assay_importer_mcp import McpImporter

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, Limits
from assay_core.testing.importers import MemorySource

Read = Callable[..., list[Episode]]
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{}}}'
ENTRY = b'{"t":1,"dir":"c2s","raw":%s}'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"jsonrpc":"2.0","id":2,"id":3,"method":"ping"}', "stands twice"),
        (
            CALL.replace(b'"arguments":{}', b'"arguments":{"p":1,"\\u0070":2}').replace(b":1,", b":2,", 1),
            "stands twice",
        ),
        (b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a","arguments":{"x":NaN}}}', "NaN"),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', "'id'"),
        (b'{"jsonrpc":"2.0","id":[1],"result":{}}', "'id'"),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', "more than one"),
        (b'{"jsonrpc":"2.0","id":2,"method":7}', "'method'"),
        (b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"arguments":{}}}', "names no tool"),
        (b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":[]}', "not an object"),
        (CALL, "stands for two calls"),
        (b"\xff", "UTF-8"),
        (b"7", "not an object"),
        (ENTRY % b'"{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"id\\":2}"', "stands twice"),
        (b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}', "stands twice"),
        (
            ENTRY % json.dumps(CALL.decode().replace(":1,", ":2,").replace("{}", '{"p":1,"p":2}')).encode(),
            "stands twice",
        ),
        (b'{"t":1,"dir":"up","raw":"{}"}', "none of"),
        (b'{"t":1,"dir":"c2s"}', "has none of"),
        (b'{"t":1e300,"dir":"c2s","raw":%s}' % json.dumps(CALL.decode().replace(":1,", ":2,")).encode(), "'t'"),
        (b'{"t":"soon","dir":"c2s","raw":"{}"}', "'t'"),
        (
            b'{"jsonrpc":"2.0","id":3,"method":"tools/list"}\n{"jsonrpc":"2.0","id":3,"result":{"tools":[{}]}}',
            "no name",
        ),
    ],
)
def test_a_line_that_is_wrong_is_named(read: Read, line: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(CALL, line)

    number = 3 if b"\n" in line else 2
    assert caught.value.code == "E_TRACE_INVALID"
    assert words in caught.value.message
    assert f"line {number}" in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.line == number


def test_a_call_with_the_id_of_a_request_that_waits_is_an_error(read: Read) -> None:
    with pytest.raises(InputError, match="line 2: the id 1 belongs to another request that still waits"):
        read(b'{"jsonrpc":"2.0","id":1,"method":"ping"}', CALL)


def test_an_id_that_returns_after_its_answer_is_an_error(read: Read) -> None:
    with pytest.raises(InputError, match="line 3: the id 1 stands for two calls"):
        read(CALL, b'{"jsonrpc":"2.0","id":1,"result":{}}', CALL)


@pytest.mark.parametrize(
    ("document", "words", "line"),
    [
        (b'{\n "events": [\n  {"jsonrpc": "2.0", "id": 1, "id": 2}\n ]\n}', "stands twice", 3),
        (b'[\n {"jsonrpc": "2.0", "method": "ping", "id": 1},\n 7\n]', "not an object", 3),
        (b'{"transport":"carrier-pigeon","entries":[]}', "transport", 1),
        (b'{"transport":["streamable-http"],"entries":[]}', "transport", 1),
        (b'{"transport":"streamable-http","entries":[{"request":{},"response":{}}]}', "not exactly one", 1),
        (b'{"transport":"streamable-http",\n"entries":[\n{"sse":7}]}', "'sse'", 3),
        (b'{\n "some": "thing"\n}', "the document is not", 1),
        (b'[{"direction":"request","id":"u"}]', "no 'message'", 1),
        (b'[\n {"jsonrpc": "2.0", ', "ends too early", 2),
    ],
)
def test_a_document_that_is_wrong_names_its_line(document: bytes, words: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        list(McpImporter().read(MemorySource(document, "s.json"), ImportReport()))

    assert caught.value.code == "E_TRACE_INVALID"
    assert words in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.line == line


def call(params: bytes, method: bytes = b"tools/call") -> bytes:
    return b'{"jsonrpc":"2.0","id":2,"method":"%b","params":%b}' % (method, params)


SHELL = call(b'{"name":"shell"}')
WRAPPED = json.dumps(SHELL.decode()).encode()
TWICE = json.dumps(WRAPPED.decode()).encode()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (call(b'{"name":"ls","tool":"shell"}'), "'params.name' and 'params.tool'"),
        (call(b'{"name":"ls","tool_name":"shell"}'), "'params.name' and 'params.tool_name'"),
        (call(b'{"name":"ls","Name":"shell"}'), "'params.name' and 'params.Name'"),
        (call(b'{"name":"ls","args":{"p":1}}'), "'params.arguments' and 'params.args'"),
        (call(b'{"name":"ls","arguments":{"p":1},"input":{"p":true}}'), "'params.arguments' and 'params.input'"),
        (call(b'{"name":"ls","arguments":{},"Arguments":{"p":1}}'), "'params.arguments' and 'params.Arguments'"),
        (call(b'{"name":"shell"}', b"Tools/Call"), "'Tools/Call' is not 'tools/call'"),
        (call(b'{"name":"shell"}', b" tools/call"), "' tools/call' is not 'tools/call'"),
        (call(b"{}", b"TOOLS/LIST"), "'TOOLS/LIST' is not 'tools/list'"),
        (SHELL.replace(b'"method"', b'"Method"'), "'Method'"),
        (b'{"id":2,"message":%b}' % WRAPPED, "'message' carries a message"),
        (b'{"message":%b}' % WRAPPED, "'message' carries a message"),
        (b'{"message":%b}' % TWICE, "'message' carries a message"),
        (b'{"message":%b}' % SHELL, "'message' carries a message"),
        (b'{"message":[%b]}' % SHELL, "'message' carries a message"),
        (b'{"jsonrpc":"2.0","id":2,"method":"ping","data":%b}' % WRAPPED[:-2] + b'"}', "'data' carries a message"),
        (ENTRY % TWICE, "wrapped in a text"),
        (b'{"t":1,"dir":"c2s","raw":"{\\"jsonrpc\\":\\"2.0\\"}","message":%b}' % WRAPPED, "'message' carries"),
    ],
)
def test_a_call_that_hides_beside_what_is_read_is_an_error(read: Read, line: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(CALL, line)

    assert caught.value.code == "E_TRACE_INVALID"
    assert words in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.line == 2


@pytest.mark.parametrize("entry", [b'{"request":{"message":%b}}', b'{"sse":{"message":%b}}'])
def test_a_transcript_hides_no_message(entry: bytes) -> None:
    document = b'{"transport":"streamable-http","entries":[%b]}' % (entry % WRAPPED)

    with pytest.raises(InputError, match="'message' carries a message"):
        list(McpImporter().read(MemorySource(document, "s.json"), ImportReport()))


@pytest.mark.parametrize(
    "line",
    [
        call(b'{"name":"shell","tool":"shell","args":{}}'),
        b'{"t":1,"dir":"c2s","raw":%b,"message":%b}' % (WRAPPED, SHELL),
        SHELL[:-1] + b',"message":"sent to the server"}',
    ],
)
def test_what_only_repeats_or_remarks_is_read(read: Read, line: bytes) -> None:
    (episode,) = read(CALL, line)

    assert [each.tool for each in episode.tool_calls] == ["a", "shell"]


@pytest.mark.parametrize("opening", [b"", b"[\n"], ids=["lines", "document"])
def test_limits_of_size_and_depth_hold(opening: bytes) -> None:
    deep = CALL.replace(b'"arguments":{}', b'"arguments":' + b"[" * 200 + b"]" * 200)
    long = CALL.replace(b'"arguments":{}', b'"arguments":"' + b"x" * 5000 + b'"')
    for data in (deep, long):
        source = MemorySource(opening + data + (b"\n]" if opening else b""))
        source.limits = Limits(line_bytes=2000)

        with pytest.raises(InputError) as caught:
            list(McpImporter().read(source, ImportReport()))

        assert caught.value.code == "E_TRACE_LIMIT"


def test_the_report_of_hostile_names_stays_small(read: Read, report: ImportReport) -> None:
    read(*({"jsonrpc": "2.0", "method": f"m{number}", f"member{number}": 1} for number in range(500)))

    assert len(report.dropped) < 50
    assert sum(report.dropped.values()) == 1000


@pytest.mark.parametrize(
    "data",
    [
        b'{"tool":"a","args":{}}', b'{"type":"episode_start"}', b"[]", b"{}", b"", b"[1,2]", b'{"events":[]}',
        b'{"run_id":"r","direction":"up","message":"x"}', b'{"prompt":"say \\"jsonrpc\\":\\"2.0\\"","response":"x"}',
    ],
)  # fmt: skip
def test_what_is_no_session_is_not_claimed(data: bytes) -> None:
    assert McpImporter().sniff(data) == 0


def test_a_long_first_line_is_claimed_by_its_beginning() -> None:
    line = CALL.replace(b'"arguments":{}', b'"arguments":{"tool":"' + b"x" * 100_000 + b'"}')
    wire = json.dumps({"t": 1, "dir": "c2s", "raw": line.decode()}).encode()

    assert McpImporter().sniff(line[:65536]) >= 80
    assert McpImporter().sniff(wire[:65536]) >= 70
