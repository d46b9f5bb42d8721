"""Hostile input: recorded spans, changed by one thing, are a clear error; never a crash, never a silent loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, Limits

Read = Callable[..., list[Episode]]
FLAT = "pydantic-ai-2-format-5.spans.jsonl"
EXPORTS = "pydantic-ai-2-format-5.otlp.jsonl"


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "message"),
    [
        (FLAT, b'"span_id": "', b'"span_id": "0", "span_id": "', "E_TRACE_INVALID", "'span_id' stands twice"),
        (FLAT, b'"name": "', b'"n\\u0061me": "x", "name": "', "E_TRACE_INVALID", "'name' stands twice"),
        (FLAT, b'{\\"city\\":\\"Lisbon\\",', b'{\\"city\\":1,\\"city\\":2,', "E_TRACE_INVALID", "stands twice"),
        (FLAT, b'{\\"city\\":\\"Lisbon\\",\\"days\\":2}', b'{\\"city\\":\\"Lis', "E_TRACE_INVALID", "cut off"),
        (FLAT, b'"startTimeUnixNano": "', b'"startTimeUnixNano": "-', "E_TRACE_INVALID", "nanoseconds"),
        (FLAT, b'"trace_id": "', b'"trace_id": "", "x": "', "E_TRACE_INVALID", "trace id is not a text"),
        (FLAT, b'"attributes": {', b'"attributes": {"x": NaN, ', "E_TRACE_INVALID", "NaN is not JSON"),
        (FLAT, b'"attributes": {', b'"attributes": {"x": ' + b"[" * 200 + b"]" * 200 + b",", "E_TRACE_LIMIT", "deep"),
        (FLAT, b'"attributes": {', b'"attributes": {"x": ' + b"[" * 100_000, "E_TRACE_LIMIT", "deeper"),
        (FLAT, b'"attributes": {', b'"attributes": 5, "x": {', "E_TRACE_INVALID", "shape of a flat span"),
        (EXPORTS, b'{"resourceSpans":', b'{"resourceSpans":5,"x":', "E_TRACE_INVALID", "shape"),
        (EXPORTS, b'"spanId":"', b'"spanId":"00","spanId":"', "E_TRACE_INVALID", "'spanId' stands twice"),
        (EXPORTS, b'{"stringValue":"chat"}', b'{"stringValue":"chat","intValue":"1"}', "E_TRACE_INVALID", "several"),
        (EXPORTS, b'{"stringValue":"chat"}', b'{"strangeValue":"chat"}', "E_TRACE_INVALID", "unknown type"),
        (EXPORTS, b'"key":"gen_ai.agent.name"', b'"key":"gen_ai.operation.name"', "E_TRACE_INVALID", "stands twice"),
        (EXPORTS, b'"key":"gen_ai.agent.name"', b'"key":7', "E_TRACE_INVALID", "not a text"),
    ],
)  # fmt: skip
def test_one_change_is_an_error_that_names_its_line(
    name: str, old: bytes, new: bytes, code: str, message: str, read: Read, recorded: Callable[[str], bytes]
) -> None:
    data = recorded(name)
    assert old in data
    before = data[: data.index(old)].count(b"\n")

    with pytest.raises(InputError, match=message) as caught:
        read(data.replace(old, new, 1))

    place = caught.value.place
    assert caught.value.code == code
    assert place is not None
    assert place.file == "spans.jsonl"
    assert 1 <= place.line <= before + 1


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b'{"tool": "x"}', "E_TRACE_INVALID", "neither an export nor a span"),
        (b"[1]", "E_TRACE_INVALID", "neither an export nor a span"),
        (b'"text"', "E_TRACE_INVALID", "neither an export nor a span"),
        (b'{\n"name": "x",\n', "E_TRACE_INVALID", "ends too early"),
        (b"}{", "E_TRACE_INVALID", "expected a value"),
        (b"\n\xff\xff\xff\xff\xff\xff", "E_TRACE_INVALID", "UTF-8|protobuf|expected"),
        (b"\x00\x00\x00", "E_TRACE_INVALID", "cut off"),
        (b"\x00\x00\x00\x05\n\x7f", "E_TRACE_INVALID", "cut off"),
        (b"\x00\x7f\xff\xff\n", "E_TRACE_INVALID", "cut off|not an export"),
        (b"\x7f\xff\xff\xff", "E_TRACE_INVALID", "."),
        (b"\n\xff\xff\xff\x7f\x12\x00", "E_TRACE_LIMIT", "longer than"),
        (b"\n\x04\x12\x02\x12\x05", "E_TRACE_INVALID", "cut off"),
        (b"\n\x04\x12\x02\x15\x00", "E_TRACE_INVALID", "cut off"),
        (b"\n\x04\x12\x02\x10\x00", "E_TRACE_INVALID", "another type"),
        (b"\n\x04\x12\x02\x13\x00", "E_TRACE_INVALID", "no known wire type"),
    ],
)
def test_what_is_no_file_of_spans_is_an_error(data: bytes, code: str, message: str, read: Read) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(data)

    assert caught.value.code == code


def test_document_over_lines_is_limited_like_a_line(read: Read, recorded: Callable[[str], bytes]) -> None:
    data = recorded("pydantic-ai-2-format-5.otlp.json")

    with pytest.raises(InputError, match="begins on line 1 is longer than 20000 bytes") as caught:
        read(data, limits=Limits(line_bytes=20_000))

    assert caught.value.code == "E_TRACE_LIMIT"


@pytest.mark.parametrize("name", ["pydantic-ai-2-format-5.otlp.pb", "pydantic-ai-2-format-5.collector.pb"])
def test_message_in_protobuf_is_limited_like_a_line(name: str, read: Read, recorded: Callable[[str], bytes]) -> None:
    with pytest.raises(InputError, match="longer than 1000 bytes") as caught:
        read(recorded(name), limits=Limits(line_bytes=1000))

    assert caught.value.code == "E_TRACE_LIMIT"


def test_field_that_stands_twice_in_protobuf_is_an_error(read: Read, recorded: Callable[[str], bytes]) -> None:
    data = recorded("pydantic-ai-2-format-5.collector.pb")
    name = b"\x2a\x15chat function:answer:"  # field 5 of a span, the name
    assert name in data

    with pytest.raises(InputError, match="name of a Span stands twice"):
        read(data.replace(name, b"\x2a\x08get_mail" + b"\x2a\x0bchat answer", 1))


def test_two_different_spans_with_one_id_are_an_error(read: Read, recorded: Callable[[str], bytes]) -> None:
    first, *rest = recorded(FLAT).splitlines()
    changed = first.replace(b'"chat function:answer:"', b'"other"', 1)

    with pytest.raises(InputError, match="two different spans of a trace have the id"):
        read(b"\n".join([first, changed, *rest]))


def test_span_that_is_exported_again_counts_once(
    read: Read, recorded: Callable[[str], bytes], report: ImportReport
) -> None:
    lines = recorded(FLAT).splitlines()

    good, bad = read(b"\n".join([*lines, *lines]))

    assert len(good.tool_calls) == 3
    assert len(bad.tool_calls) == 1
    assert report.dropped["span that was exported again"] == len(lines)


def test_trace_that_goes_on_after_it_was_over_is_an_error(read: Read, recorded: Callable[[str], bytes]) -> None:
    lines = recorded(FLAT).splitlines()
    other = json.loads(lines[0]) | {"trace_id": "other", "attributes": {"padding": "x" * 5_000_000}}
    padding = [json.dumps(other | {"span_id": f"{number}"}).encode() for number in range(3)]

    with pytest.raises(InputError, match="goes on after it was over") as caught:
        read(b"\n".join([lines[0], *padding, lines[1]]))

    assert caught.value.code == "E_TRACE_DUPLICATE"


def test_secrets_in_attributes_are_redacted_and_counted(
    read: Read, recorded: Callable[[str], bytes], report: ImportReport
) -> None:
    secret = "Bearer s3cr3t-t0ken"
    hidden: dict[str, Any] = {
        "http.request.header.authorization": [secret],
        "http.request.header.x-api-key": "s3cr3t",
        "mcp.headers": json.dumps({"Cookie": "sid=s3cr3t", "Accept": "text/plain"}),
        "note": secret,
    }
    lines = [json.loads(line) for line in recorded(FLAT).splitlines()]
    for span in lines:
        span["attributes"] |= hidden

    good, _ = read(b"\n".join(json.dumps(span).encode() for span in lines))

    for call in good.tool_calls:
        assert b"s3cr3t" not in call.extra_json
        assert b"text/plain" in call.extra_json
    assert report.dropped["value of an authorization header"] == 4 * 4


def test_parents_in_a_circle_end(read: Read, recorded: Callable[[str], bytes]) -> None:
    lines = [json.loads(line) for line in recorded(FLAT).splitlines()]
    for span in lines:
        span["parent_span_id"] = span["span_id"]

    good, bad = read(b"\n".join(json.dumps(span).encode() for span in lines))

    assert len(good.tool_calls) == 3
    assert len(bad.tool_calls) == 1
