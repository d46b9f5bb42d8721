"""Where lines go: to the end of a file that others append to as well, or into memory."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Lines", "MemoryLines", "TraceFile"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Lines(Protocol):
        """Takes whole lines."""

        def append(self, lines: bytes) -> None:
            """Add one line or several, each with its line feed, so that nothing comes between them."""

        def close(self) -> None:
            """Let go of what is open. May be called twice."""

        def reopened(self) -> Lines:
            """Return the same place for a process that was forked off."""


_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}
_TAIL = 1 << 16


class MemoryLines:
    """Lines that are kept and not written."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def append(self, lines: bytes) -> None:
        """Keep the lines."""
        self._parts.append(lines)

    def close(self) -> None:
        """Do nothing."""

    def reopened(self) -> MemoryLines:
        """Return itself: what a forked process adds is lost with it."""
        return self

    def data(self) -> bytes:
        """Return all lines so far."""
        return b"".join(self._parts)


class TraceFile:
    """A file that several clients, threads and processes append lines to.

    Each append is one `write` with O_APPEND under a lock on the file, so that lines never mix and a reader never sees
    half of one. Nothing is buffered: what was appended survives the death of the process.
    """

    def __init__(self, path: str) -> None:
        """Open the file, making it where it is missing; not so its folder.

        Raises:
            TraceFileError: E_IO; or the file ends in the middle of something that is no line of a trace.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except (OSError, ValueError) as error:
            raise _failed("Failed to open trace file", path, error) from error
        try:
            self._regular = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
            with self._locked():
                self._mend_tail()
        except OSError as error:
            self.close()
            raise _failed("Failed to open trace file", path, error) from error
        except BaseException:
            self.close()
            raise

    def append(self, lines: bytes) -> None:
        """Add whole lines; they are in the file when this returns, or not at all.

        Raises:
            TraceFileError: E_IO.
        """
        try:
            with self._locked():
                self._write(lines)
        except OSError as error:
            raise _failed("cannot write to the trace file", self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def reopened(self) -> TraceFile:
        """Return the file opened anew: a forked process shares the lock of the descriptor it inherited."""
        self.close()
        return TraceFile(self.path)

    def _write(self, lines: bytes) -> None:
        before = os.fstat(self._descriptor).st_size
        written = 0
        try:
            while written < len(lines):  # more than once only for a full disk or a pipe
                written += os.write(self._descriptor, lines[written:] if written else lines)
        except OSError:
            if written and self._regular:
                os.ftruncate(self._descriptor, before)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl

        locked = True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            locked = False  # a file system without locks: a single write with O_APPEND has to do
        try:
            yield
        finally:
            if locked:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _mend_tail(self) -> None:
        """See that the file ends with a whole line, as it does unless a machine died while it was written."""
        size = os.fstat(self._descriptor).st_size if self._regular else 0
        if not size or os.pread(self._descriptor, 1, size - 1) == b"\n":
            return
        start, tail = size, b""
        while start and b"\n" not in tail:
            start = max(0, start - _TAIL)
            tail = os.pread(self._descriptor, size - start, start)
        import json

        tail = tail[tail.rfind(b"\n") + 1 :]
        try:
            json.loads(tail)
        except ValueError as error:
            if not tail.startswith(b'{"type":"'):
                raise _failed("Failed to open trace file", self.path, ValueError("its end is no JSON line")) from error
            os.ftruncate(self._descriptor, size - len(tail))  # the line that was being written when we died
        else:
            self._write(b"\n")


def _failed(what: str, path: str, error: Exception) -> Exception:
    from assay.failures import TraceFileError
    from assay_core.errors import Place

    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return TraceFileError(code="E_IO", message=f"{what}: {path}: {reason}", place=Place(path))
