"""Waiting for files to change: woken by events of the file system, or by the clock where there are none.

An event only wakes: what has changed is told by comparing states. So nothing is missed that happens while a run goes
on, and a file system that tells nothing costs a second, not a change.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from assay_core.cli.watched_files import State, WatchedFiles

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Events", "wait_for_change"]

_POLL_S = 0.25
_SAFETY_MS = 1_000  # how long to wait for an event before looking without one
_PATIENCE = 10  # times the debounce: a file that is written all the time is run nevertheless


class Events:
    """Wakes when something happens in the folders of the files, or when it is time to look.

    Attributes:
        problem: Why there are no events; empty where there are.
    """

    def __init__(self, *, poll: bool) -> None:
        self.problem = "--poll" if poll else _missing()
        self._folders: frozenset[Path] = frozenset()
        self._stream: Generator[set[object], None, None] | None = None

    def wait(self, files: Iterable[Path]) -> None:
        """Return when something may have happened; after a second at the latest."""
        if not self.problem:
            try:
                folders = frozenset(_folders(files))
                if self._stream is None or folders != self._folders:
                    self.close()
                    self._folders, self._stream = folders, _stream(folders)
                next(self._stream)
                return
            except (OSError, RuntimeError, StopIteration) as reason:  # no inotify left, a folder that just went away
                self.close()
                if not isinstance(reason, FileNotFoundError):
                    self.problem = f"no events: {reason}"
        time.sleep(_POLL_S)

    def close(self) -> None:
        """Give the file system's resources back. May be called more than once."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def wait_for_change(files: WatchedFiles, before: State, events: Events, *, debounce_s: float) -> State:
    """Return the new state once something differs from `before` and has been quiet for a while.

    Args:
        files: What is watched.
        before: The state that was run last.
        events: What wakes.
        debounce_s: How long is quiet.
    """
    while True:
        now = files.state()
        if now != before:
            now = _settled(files, now, debounce_s)
            if now != before:
                return now
        events.wait(now)


def _settled(
    files: WatchedFiles, now: State, debounce_s: float, *, clock: Callable[[], float] = time.monotonic
) -> State:
    end = clock() + debounce_s * _PATIENCE
    while True:
        time.sleep(debounce_s)
        after = files.state()
        if after == now or clock() >= end:
            return after
        now = after


def _missing() -> str:
    try:
        import watchfiles  # noqa: F401 - only whether it is there
    except ImportError:
        return "watchfiles is not installed: pip install 'assay-core[watch]'"
    return ""


def _stream(folders: frozenset[Path]) -> Generator[set[object], None, None]:
    from watchfiles import watch

    stream: Generator[set[object], None, None] = watch(  # type: ignore[assignment]  # what it yields is not looked at
        *sorted(folders),
        watch_filter=None,
        debounce=100,
        step=20,
        rust_timeout=_SAFETY_MS,
        yield_on_timeout=True,
        recursive=False,
        ignore_permission_denied=True,
    )
    return stream


def _folders(files: Iterable[Path]) -> Iterator[Path]:
    """Yield the folders whose entries are these files, and those of the files that symbolic links lead to.

    A folder is watched rather than a file, since an editor that saves puts another file in its place. For a folder
    that is not there, the nearest one above stands in.
    """
    for path in files:
        for each in (path, _real(path)):
            folder = each.parent
            while not os.path.isdir(folder) and folder != folder.parent:  # noqa: PTH112 - False where it is not allowed
                folder = folder.parent
            yield folder


def _real(path: Path) -> Path:
    with contextlib.suppress(OSError, RuntimeError):
        return path.resolve()
    return path
