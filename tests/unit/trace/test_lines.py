"""Lines in blocks, with the limits kept before a line is held."""

from __future__ import annotations

import io
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_core.errors import InputError
from assay_core.model import Limits
from assay_core.trace import check_strict, invalid_line, iter_lines, read_blocks, refuse_line
from assay_core.trace.lines import BLOCK_BYTES


class Bytes:
    """A source in memory."""

    def __init__(self, data: bytes, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.name = "t.jsonl"
        self.size: int | None = len(data)
        self.limits = limits
        self._data = data

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=30), st.integers(0, 200_000).map(lambda size: b"x" * size)), max_size=8))
def test_blocks_hold_every_byte_and_number_every_line(lines: list[bytes]) -> None:
    data = b"\n".join(lines)

    blocks = list(read_blocks(Bytes(data)))

    assert b"".join(block.data for block in blocks) == data
    assert [line for block in blocks for line in block.lines] == io.BytesIO(data).readlines()
    number, offset = 1, 0
    for block in blocks:
        assert (block.first, block.offset) == (number, offset)
        number += len(block.lines)
        offset += len(block.data)


def test_lines_are_numbered_and_blank_ones_skipped() -> None:
    source = Bytes(b'\r\n{"a":1}\r\n\n  \t\n{"b":2}')

    assert list(iter_lines(source)) == [(2, b'{"a":1}'), (5, b'{"b":2}')]


@pytest.mark.parametrize("end", [b"", b"\n", b"\nshort\n"])
def test_too_long_line_is_refused_with_its_number(end: bytes) -> None:
    source = Bytes(b"ok\n" + b"x" * 301 + end, Limits(line_bytes=300))

    with pytest.raises(InputError, match="line 2 is longer than 300 bytes") as caught:
        list(read_blocks(source))

    assert caught.value.code == "E_TRACE_LIMIT"
    assert caught.value.place is not None
    assert caught.value.place.line == 2
    assert list(read_blocks(Bytes(b"x" * 300 + end, Limits(line_bytes=300))))


def test_endless_line_is_refused_before_it_is_held() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"x" * size

    stream = Endless()
    source = Bytes(b"", Limits(line_bytes=1_000_000))
    source.open = lambda: stream  # type: ignore[assignment, method-assign, return-value]  # a stream without an end

    with pytest.raises(InputError, match="longer than 1000000 bytes"):
        list(read_blocks(source))

    assert stream.given <= 1_000_000 + 2 * BLOCK_BYTES


def test_refusal_names_line_column_and_text() -> None:
    error = refuse_line(b'{"a":1,"a":2}', 7, Bytes(b""), "unused")

    assert str(error) == "t.jsonl:7:8: E_TRACE_INVALID: line 7: the key 'a' stands twice in one object"
    assert error.place is not None
    assert error.place.text == '{"a":1,"a":2}'


def test_refusal_of_a_long_line_shows_the_stretch_that_is_wrong() -> None:
    line = b'{"a":"' + b"x" * 5000 + b'","b":NaN,"c":"' + b"y" * 5000 + b'"}'

    error = refuse_line(line, 1, Bytes(b""), "unused")

    assert "NaN is not JSON (byte 5012 of the line)" in error.message
    assert error.place is not None
    assert '"b":NaN' in error.place.text
    assert len(error.place.text) <= 160


def test_refusal_of_sound_json_gives_the_readers_reason() -> None:
    assert refuse_line(b"[1]", 3, Bytes(b""), "it is a list").message == "line 3: it is a list"
    assert invalid_line(b"[1]", 3, Bytes(b""), "it is a list").code == "E_TRACE_INVALID"


def test_depth_is_a_limit_and_the_source_sets_it() -> None:
    source = Bytes(b"", Limits(depth=4))

    check_strict(b"[[[[1]]]]", 1, source)
    with pytest.raises(InputError, match="nested deeper than 4 levels") as caught:
        check_strict(b"[[[[[1]]]]]", 1, source)

    assert caught.value.code == "E_TRACE_LIMIT"
