"""Where frames go: in the order in which they were decided, and never so that two peers wait for each other."""

from __future__ import annotations

import os
import select
import threading
from collections import deque

__all__ = ["Outlet"]

_SURE_BYTES = 4096  # a pipe that is ready takes that much without waiting (PIPE_BUF)
_BACKLOG_BYTES = 8 * 1024 * 1024  # what may wait before the producer has to


class Outlet:
    """One descriptor to write frames to.

    `put` under the lock of the connection fixes the order; `flush` writes, and may wait; `nudge` writes what it can
    without waiting and leaves the rest to the thread of `drain`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._backlog: deque[bytes] = deque()
        self._put_bytes = 0  # changed by `put` alone
        self._written_bytes = 0  # changed under `_writing` alone
        self._writing = threading.Lock()
        self._wanted = threading.Event()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self.broken = False  # nobody reads there any more

    def put(self, data: bytes) -> None:
        """Append bytes to what will be written."""
        self._backlog.append(data)
        self._put_bytes += len(data)

    def flush(self) -> None:
        """Write all that was put so far, waiting where the reader is slow."""
        with self._writing:
            self._write_backlog()

    def nudge(self) -> None:
        """Write all if that is sure not to wait; else leave it to `drain`, unless too much waits already."""
        if not self._backlog:
            return
        if self._waiting_bytes() > _BACKLOG_BYTES:
            self.flush()
        elif self._writing.acquire(blocking=False):
            try:
                if self._waiting_bytes() <= _SURE_BYTES and self._is_ready():
                    self._write_backlog()
            finally:
                self._writing.release()
        if self._backlog:
            self._wanted.set()

    def drain(self) -> None:
        """Write what `nudge` left over, until the outlet is closed; the work of one thread."""
        while not self.broken:
            self._wanted.wait()
            self._wanted.clear()
            self.flush()

    def close(self) -> None:
        """Write what is left, close the descriptor, and let `drain` end."""
        with self._writing:
            self._write_backlog()
            if not self.broken:
                self._fail()
                os.close(self._descriptor)
        self._wanted.set()

    def abandon(self) -> None:
        """Write nothing any more; the descriptor stays open."""
        self._fail()
        self._wanted.set()

    def _fail(self) -> None:
        self.broken = True
        self._backlog.clear()

    def _waiting_bytes(self) -> int:
        return self._put_bytes - self._written_bytes

    def _is_ready(self) -> bool:
        return any(event & select.POLLOUT for _, event in self._poll.poll(0))

    def _write_backlog(self) -> None:
        while self._backlog and not self.broken:
            data = self._backlog.popleft()
            while self._backlog and len(data) < 65536:
                data += self._backlog.popleft()
            self._written_bytes += len(data)
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError:  # closed by its reader: what was to be said cannot be
                self._fail()
