"""Lines come out of a descriptor whole, and never longer than the cap."""

from __future__ import annotations

import os

from assay_enforcer_mcp.wire.lines import Lines, Oversized


def lines_of(data: bytes, max_bytes: int = 100) -> list[bytes | Oversized]:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    try:
        return [line for block in Lines(reading, max_bytes).blocks() for line in block]
    finally:
        os.close(reading)


def test_every_line_keeps_its_end_and_the_last_may_have_none() -> None:
    assert lines_of(b"a\n\nb\r\nc") == [b"a\n", b"\n", b"b\r\n", b"c"]


def test_a_line_beyond_the_cap_is_told_once_and_the_next_is_read() -> None:
    found = lines_of(b"x" * 101 + b"\nok\n")

    assert isinstance(found[0], Oversized)
    assert found[0].head == b"x" * 101
    assert found[1:] == [b"ok\n"]


def test_a_line_without_end_is_given_up_before_it_is_over() -> None:
    found = lines_of(b"y" * 50_000)

    assert len(found) == 1
    assert isinstance(found[0], Oversized)


def test_a_line_of_just_the_cap_is_read() -> None:
    assert lines_of(b"z" * 100 + b"\n") == [b"z" * 100 + b"\n"]
