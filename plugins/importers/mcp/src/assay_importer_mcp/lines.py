"""Recordings that are JSON Lines: one message or one wire record a line."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from assay_core.contracts import BinarySource
from assay_core.documents.strict_json import DECODE_ERRORS, suspicious
from assay_core.trace import Block, check_strict, read_blocks, refuse_line

__all__ = ["strict_lines"]

_decode = msgspec.json.Decoder().decode
_BLANK = b" \t\r"


def strict_lines(source: BinarySource) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) for every line that is not blank, each proven to be one unambiguous JSON text.

    Raises:
        InputError: E_TRACE_INVALID or E_TRACE_LIMIT, with the line.
    """
    for block in read_blocks(source):
        _prove(block, source)
        for number, line in enumerate(block.lines, block.first):
            if line and not line.isspace():
                yield number, line.strip(_BLANK)


def _prove(block: Block, source: BinarySource) -> None:
    """Decode every line, and write it again where a key might stand twice: the counts of colons tell."""
    depth = source.limits.depth
    values: list[object] = []
    strict = False
    for number, line in enumerate(block.lines, block.first):
        if not line or line.isspace():
            continue
        try:
            values.append(_decode(line))
        except DECODE_ERRORS as error:
            raise refuse_line(line, number, source, "the line is not JSON") from error
        if len(line) > 2 * depth and line.count(b"[") + line.count(b"{") > depth:
            strict = True
    if strict or suspicious(block.data, values):
        for number, line in enumerate(block.lines, block.first):
            if line and not line.isspace():
                check_strict(line, number, source)
