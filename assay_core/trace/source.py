"""Where trace bytes come from: a file, or standard input spooled to one."""

from __future__ import annotations

import hashlib
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from assay_core.errors import InputError, Place
from assay_core.model import Limits

__all__ = ["FileSource", "SpooledSource", "open_source", "spool_stdin"]


class FileSource:
    """A trace in a file. Implements `contracts.BinarySource`."""

    def __init__(self, path: Path | str, limits: Limits = Limits(), *, name: str | None = None) -> None:  # noqa: B008 - frozen
        """Look at the file without reading it.

        Args:
            path: The file; a regular one, since a source can be opened more than once.
            limits: What readers of the source refuse.
            name: How the user wrote it; by default the path.

        Raises:
            InputError: E_TRACE_NOT_FOUND if there is no such file or it is not a regular one.
        """
        self.path = Path(path)
        self.name = str(path) if name is None else name
        self.limits = limits
        try:
            found = self.path.stat()
        except (OSError, ValueError) as error:
            raise _unreadable(self.name, error) from error
        if not stat.S_ISREG(found.st_mode):
            raise InputError(
                code="E_TRACE_NOT_FOUND", message=f"{self.name} is not a file", place=Place(self.name),
                remedy="name a trace file, or `-` for standard input",
            )  # fmt: skip
        self.size: int | None = found.st_size
        self._digest: str | None = None

    def open(self) -> BinaryIO:
        """Return a new stream at the start of the bytes.

        Raises:
            InputError: E_TRACE_NOT_FOUND if the file has gone or may not be read.
        """
        try:
            return self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def digest(self) -> str:
        """Return `sha256:` and the digest of the bytes. Reads the file once, at the first call."""
        if self._digest is None:
            running = hashlib.sha256()
            with self.open() as stream:
                while piece := stream.read(1 << 18):
                    running.update(piece)
            self._digest = "sha256:" + running.hexdigest()
        return self._digest


class SpooledSource(FileSource):
    """A stream that was copied to a temporary file. Close it, or use it in a `with` block, to delete the copy."""

    def __init__(self, stream: BinaryIO, name: str, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        """Copy the whole stream.

        Raises:
            OSError: the stream or the disk fails.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="assay-trace-")
        spooled = Path(self._folder.name) / "trace"
        try:
            with spooled.open("xb") as copy:
                shutil.copyfileobj(stream, copy, 1 << 20)
            super().__init__(spooled, limits, name=name)
        except BaseException:
            self._folder.cleanup()
            raise

    def close(self) -> None:
        """Delete the copy. May be called twice."""
        self._folder.cleanup()

    def __enter__(self) -> SpooledSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def spool_stdin(limits: Limits = Limits()) -> SpooledSource:  # noqa: B008 - frozen
    """Return standard input as a source named `<stdin>`; it is read to its end first.

    Raises:
        InputError: E_TRACE_NOT_FOUND if the process has no standard input.
    """
    if sys.stdin is None:
        raise InputError(code="E_TRACE_NOT_FOUND", message="there is no standard input", place=Place("<stdin>"))
    return SpooledSource(sys.stdin.buffer, "<stdin>", limits)


def open_source(path: str, limits: Limits = Limits()) -> FileSource:  # noqa: B008 - frozen
    """Return the source a user named: `-` is standard input; a pipe or a device (`<(command)`) is spooled.

    Raises:
        InputError: E_TRACE_NOT_FOUND if there is nothing to read.
    """
    if path == "-":
        return spool_stdin(limits)
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            with Path(path).open("rb") as stream:
                return SpooledSource(stream, path, limits)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return FileSource(path, limits)


def _unreadable(name: str, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(code="E_TRACE_NOT_FOUND", message=f"the trace {name} cannot be read: {reason}", place=Place(name))
