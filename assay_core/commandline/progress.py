"""How far a run is, on standard error and only for somebody who watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from assay_core.commandline.visible import sanitise

__all__ = ["Progress"]

_PAUSE_S = 0.2


class Progress:
    """One line that counts up and is wiped at the end. Without a terminal it writes nothing at all.

    Args:
        label: What is counted, e.g. `episodes`.
        total: How many there will be; None where nobody knows.
        stream: None: standard error.
        quiet: True: writes nothing.
        now: A clock in seconds.
    """

    def __init__(
        self,
        label: str,
        total: int | None = None,
        *,
        stream: TextIO | None = None,
        quiet: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = sanitise(label)
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._now = now
        self._shows = not quiet and self._is_watched()
        self._done = 0
        self._told_at = -_PAUSE_S
        self._width = 0

    def advance(self, count: int = 1) -> None:
        """Count some more; the line is rewritten at most five times a second."""
        self._done += count
        if self._shows and self._now() - self._told_at >= _PAUSE_S:
            self._told_at = self._now()
            self._tell(f"{self._label} {self._done:,}" + (f"/{self._total:,}" if self._total else ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._width:
            self._put("\r" + " " * self._width + "\r")

    def _is_watched(self) -> bool:
        try:
            return self._stream.isatty()
        except (AttributeError, ValueError):
            return False

    def _tell(self, line: str) -> None:
        self._put("\r" + line.ljust(self._width))
        self._width = max(self._width, len(line))

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal has gone; the run has not
            self._shows = False
