"""Where reporters write: files that appear whole or not at all, and one stream for people."""

from __future__ import annotations

import contextlib
import errno
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

import attrs

from assay_core.documents import open_atomic
from assay_core.errors import ServiceError, UsageError

__all__ = ["Display", "ReporterOutputs"]


@attrs.frozen(kw_only=True)
class Display:
    """What the terminal can show and what the user wants to see."""

    stream: TextIO  # results for people: standard output, or standard error where stdout is a machine's document
    documents: TextIO | None = None  # where "-" goes; None: standard output
    color: bool = False
    width: int = 80
    quiet: bool = False
    verbose: int = 0


class ReporterOutputs:
    """The outputs of one reporter; see `assay_core.contracts.Outputs`."""

    def __init__(self, *, main: str | None, folder: Path, display: Display, appends: bool = False) -> None:
        """Prepare; nothing is opened or created yet.

        Args:
            main: The path of the main output; "-" for standard output, None where the reporter has no file.
            folder: Where relative paths start.
            display: The stream for people.
            appends: Whether the main output is added to.
        """
        self._main = main
        self._folder = folder
        self._display = display
        self._appends = appends
        self.color = display.color
        self.width = display.width
        self.quiet = display.quiet
        self.verbose = display.verbose
        self.written: list[str] = []

    @contextlib.contextmanager
    def open(self, name: str = "") -> Iterator[BinaryIO]:
        """Open a sink; see the contract.

        Raises:
            ServiceError: E_IO.
            UsageError: E_INVALID_ARGS, the reporter needs a path and has none.
        """
        if not name and self._main == "-":
            buffer = io.BytesIO()
            yield buffer
            _write_document(self._display.documents or sys.stdout, buffer.getvalue())
            self.written.append("-")
            return
        path = self._path(name)
        self._make_folder(path.parent)
        with open_atomic(path) as sink:
            if self._appends and not name and path.is_file():
                sink.write(path.read_bytes())
            yield sink
        self.written.append(str(path))

    def terminal(self) -> TextIO:
        """Return the stream for people."""
        return self._display.stream

    def _path(self, name: str) -> Path:
        if name:
            if "/" in name or "\\" in name or name in (".", ".."):
                raise ValueError(f"{name!r} is not a plain file name")
            beside = Path(self._main).parent if self._main not in (None, "-") else Path()
            return self._folder / beside / name
        if self._main is None:
            raise UsageError(code="E_INVALID_ARGS", message="this reporter needs a path: --report NAME=PATH")
        return self._folder / self._main

    @staticmethod
    def _make_folder(folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as reason:
            why = (reason.strerror or "error").lower()
            raise ServiceError(code="E_IO", message=f"cannot create the folder {str(folder)!r}: {why}") from reason


def _write_document(stream: TextIO | None, data: bytes) -> None:
    try:
        if stream is None:
            raise OSError(errno.EBADF, "standard output is closed")
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()
    except (OSError, ValueError) as reason:
        why = (getattr(reason, "strerror", None) or str(reason)).lower()
        raise ServiceError(code="E_IO", message=f"cannot write to standard output: {why}") from reason
