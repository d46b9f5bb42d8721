"""What writes for one client in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from assay.recorder import Recorder
    from assay.trace_file import Lines

__all__ = ["Owner"]


class Owner:
    """The recorder of one client in one process, made when it is first needed, and its lock."""

    def __init__(self, lines: Lines | None, episode_id: str, keywords: Mapping[str, Any]) -> None:
        self.lines = lines
        self._episode_id = episode_id
        self._keywords = keywords
        self._recorder: Recorder | None = None
        self._lock = threading.RLock()  # a signal handler may record while its own thread does

    def run(self, write: Callable[[Recorder], Any]) -> Any:
        """Let a function write; nobody else of this client does meanwhile."""
        with self._lock:
            if self._recorder is None:
                self._recorder = self._made()
            return write(self._recorder)

    def close(self, outcome: str | None) -> None:
        """Write the end, and let go of the file."""
        with self._lock:
            if self._recorder is None and self.lines is not None:
                self._recorder = self._made()
            if self._recorder is not None:
                self._recorder.end(outcome)
            if self.lines is not None:
                self.lines.close()

    def abandon(self, *, ended: bool = True) -> None:
        """Write the end of what was begun, unless it did not end, and let go of the file."""
        with self._lock:
            if self._recorder is not None and ended:
                self._recorder.end(None)
            if self.lines is not None:
                self.lines.close()

    def _made(self) -> Recorder:
        from assay.recorder import Recorder
        from assay.records import plain_record

        if self.lines is None:
            raise RuntimeError("trace_file is not configured: AssayClient(trace_file=...)")
        keywords = dict(self._keywords)
        if keywords["meta"] is not None:
            keywords["meta"] = plain_record(keywords["meta"])
        return Recorder(self.lines, self._episode_id, **keywords)
