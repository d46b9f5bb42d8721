"""Results kept by key, for checks that cost something.

A metric reaches the cache of its run through `CheckContext.cache` and nowhere else. Where the run has a store,
results outlive it; `--refresh-cache` writes without reading, `--no-cache` does neither.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator

from assay_core.errors import AssayError
from assay_core.model.services import Cache

__all__ = ["EMBEDDING_PREFIX", "JUDGE_PREFIX", "Cache", "RunCache", "embedding_key", "judge_key"]

EMBEDDING_PREFIX = "emb|"  # the value is a vector: little-endian float32
JUDGE_PREFIX = "judge|"


def embedding_key(model: str, text: str) -> str:
    """Return the key of a text's vector: `emb|MODEL|SHA-256`. `model` is the embedder's id."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    return f"{EMBEDDING_PREFIX}{model}|{digest.hexdigest()}"


def judge_key(model: str, *parts: str) -> str:
    """Return the key of a verdict: `judge|MODEL|SHA-256`. `parts` are all that the verdict depends on, in order."""
    return f"{JUDGE_PREFIX}{model}|{_digest(*parts)}"


class RunCache:
    """The cache of one run: in memory, and behind it the store's where there is one. Safe in threads.

    Attributes:
        hits: How many keys the kept cache had an answer for.
        failure: The first error of the kept cache, which is not asked again after it.
    """

    def __init__(self, kept: Cache | None = None, *, read_kept: bool = True) -> None:
        """Prepare.

        Args:
            kept: What outlives the run; None for nothing.
            read_kept: False: results are written to it, and not taken from it (`--refresh-cache`).
        """
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._kept = kept
        self._read_kept = read_kept
        self._bypassed = 0
        self._looked_up: set[str] = set()
        self.hits = 0
        self.failure: AssayError | None = None

    def get(self, key: str) -> bytes | None:
        """Return what was put under the key in this run or, where the store is read, in an earlier one."""
        with self._lock:
            if self._bypassed:
                return None
            self._looked_up.add(key)
            value = self._values.get(key)
            if value is not None or self._kept is None or not self._read_kept:
                return value
            try:
                value = self._kept.get(key)
            except AssayError as error:
                self._give_up(error)
                return None
            if value is not None:
                self.hits += 1
                self._values[key] = value
            return value

    def put(self, key: str, value: bytes) -> None:
        """Keep the value. Last write wins."""
        with self._lock:
            self._values[key] = bytes(value)
            if self._kept is not None:
                try:
                    self._kept.put(key, bytes(value))
                except AssayError as error:
                    self._give_up(error)

    @property
    def hit_rate(self) -> float:
        """The share of keys looked up in this run that an earlier one had put; 0 where none was looked up.

        Each key counts once, however often and from however many threads it is looked up.
        """
        with self._lock:
            return self.hits / len(self._looked_up) if self._looked_up else 0.0

    @contextlib.contextmanager
    def bypassed(self) -> Iterator[None]:
        """Answer nothing during the block, so that a check which is run again really is; what it puts is kept."""
        with self._lock:
            self._bypassed += 1
        try:
            yield
        finally:
            with self._lock:
                self._bypassed -= 1

    def _give_up(self, error: AssayError) -> None:
        self._kept = None
        self.failure = error


def _digest(*parts: str) -> str:
    """Hash texts so that no two lists of them have the same bytes."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
