"""Results kept by key, for checks that cost something."""

from __future__ import annotations

import threading

__all__ = ["RunCache"]


class RunCache:
    """Keeps results for the length of one run. Safe to use from several threads."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return what was put under the key in this run, or None."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep the value until the run ends. Last write wins."""
        with self._lock:
            self._values[key] = bytes(value)
