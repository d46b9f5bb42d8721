"""What the core lends to a check: a cache, a place to put results."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Cache(Protocol):
    """Results kept by key, for checks that cost something. Keys and values are the caller's business."""

    def get(self, key: str) -> bytes | None:
        """Return what was put under the key, or None."""

    def put(self, key: str, value: bytes) -> None:
        """Keep the value. Last write wins; a failure to write is not an error of the check."""


@runtime_checkable
class Store(Protocol):
    """Where runs are kept, and who numbers them."""

    def next_run_id(self) -> int:
        """Return the id of a new run; 0 where nothing is stored."""
