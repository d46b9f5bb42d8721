"""Lines of a trace, streamed in blocks, with the limits kept before a line is held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple

from assay_core.contracts import BinarySource
from assay_core.documents.strict_json import StrictJsonDepthError, StrictJsonError, check_line
from assay_core.errors import InputError, Place

__all__ = ["BLOCK_BYTES", "Block", "check_strict", "invalid_line", "iter_lines", "read_blocks", "refuse_line"]

BLOCK_BYTES = 64 * 1024  # the lines of a block and what is decoded from them stay in the processor's cache
_EXCERPT = 160  # how much of an offending line an error shows


class Block(NamedTuple):
    """Consecutive whole lines."""

    first: int  # the number of the first line, from 1
    data: bytes  # the lines as they stand in the file; a line feed after each but perhaps the last of the file
    lines: list[bytes]  # each with the end it has in the file
    offset: int  # of `data` in the file


def read_blocks(source: BinarySource) -> Iterator[Block]:
    """Yield the lines of a source in blocks of about 64 KiB; a longer line is a block of its own.

    Raises:
        InputError: E_TRACE_LIMIT for a line longer than the limit; no more than the limit is ever held.
    """
    with source.open() as stream:
        yield from _blocks(stream, source)


def _blocks(stream: BinaryIO, source: BinarySource) -> Iterator[Block]:
    limit = source.limits.line_bytes
    number, offset = 1, 0
    parts: list[bytes] = []  # the line that is not whole yet
    held = 0
    while piece := stream.read(BLOCK_BYTES):
        end = piece.rfind(b"\n") + 1
        if not end:
            parts.append(piece)
            held += len(piece)
            if held > limit:
                raise _too_long(source, number, b"".join(parts)[:_EXCERPT])
            continue
        data = b"".join((*parts, piece[:end]))
        parts = [piece[end:]] if end < len(piece) else []
        held = len(piece) - end
        lines = BytesIO(data).readlines()  # half the time of split
        if len(data) > limit:
            _check_lengths(lines, number, source)
        yield Block(number, data, lines, offset)
        number += len(lines)
        offset += len(data)
    if parts:
        data = b"".join(parts)
        _check_lengths([data], number, source)
        yield Block(number, data, [data], offset)


def iter_lines(source: BinarySource) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, line without its end) for every line that is not blank.

    Raises:
        InputError: E_TRACE_LIMIT for a line longer than the limit.
    """
    for block in read_blocks(source):
        for number, line in enumerate(block.lines, block.first):
            if line.strip(b" \t\r\n"):
                yield number, line.rstrip(b"\r\n")


def refuse_line(line: bytes, number: int, source: BinarySource, reason: str) -> InputError:
    """Return the error for a line that a decoder did not take, with the strict scanner's reason where it finds one.

    `reason` is used where the line is sound JSON, so that its content must be at fault.
    """
    try:
        check_strict(line, number, source)
    except InputError as error:
        return error
    return invalid_line(line, number, source, reason)


def check_strict(line: bytes, number: int, source: BinarySource) -> None:
    """Return if the line is one unambiguous JSON text within the limits of the source.

    Raises:
        InputError: E_TRACE_INVALID or E_TRACE_LIMIT, with line and column.
    """
    line = line.rstrip(b"\r\n")
    try:
        check_line(line, max_depth=source.limits.depth)
    except StrictJsonDepthError as error:
        message = f"line {number} is {error.message}"
        raise _at(line, number, source, "E_TRACE_LIMIT", message, error.offset) from error
    except StrictJsonError as error:
        message = f"line {number}: {error.message}"
        raise _at(line, number, source, "E_TRACE_INVALID", message, error.offset) from error


def invalid_line(line: bytes, number: int, source: BinarySource, reason: str) -> InputError:
    """Return the error for a line whose JSON is sound and whose content is not."""
    return _at(line, number, source, "E_TRACE_INVALID", f"line {number}: {reason}", None)


def _at(line: bytes, number: int, source: BinarySource, code: str, message: str, offset: int | None) -> InputError:
    """Build the error. Its text is a stretch of the line around the offset, so that it stays short."""
    if offset is None or len(line) <= _EXCERPT:
        text = line[:_EXCERPT].rstrip(b"\r\n")
        column = 0 if offset is None else len(line[:offset].decode("utf-8", "replace")) + 1
    else:
        text = line[max(0, offset - _EXCERPT // 2) : offset + _EXCERPT // 2]
        column = 0
        message = f"{message} (byte {offset} of the line)"
    return InputError(
        code=code, message=message, place=Place(source.name, number, column, text.decode("utf-8", "replace"))
    )


def _check_lengths(lines: list[bytes], first: int, source: BinarySource) -> None:
    for number, line in enumerate(lines, first):
        if len(line) - line.endswith(b"\n") > source.limits.line_bytes:
            raise _too_long(source, number, line[:_EXCERPT])


def _too_long(source: BinarySource, number: int, start: bytes) -> InputError:
    limit = source.limits.line_bytes
    return InputError(
        code="E_TRACE_LIMIT",
        message=f"line {number} is longer than {limit} bytes",
        place=Place(source.name, number, 0, start.decode("utf-8", "replace")),
    )
