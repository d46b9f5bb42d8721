"""How long the phases of a run take."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

from assay_core.model import Performance

__all__ = ["Clock"]


class Clock:
    """Wall times, or none at all under SOURCE_DATE_EPOCH."""

    def __init__(self) -> None:
        self.now: Callable[[], float] | None = None if os.environ.get("SOURCE_DATE_EPOCH") else time.perf_counter
        self._started = self.now() if self.now else 0.0
        self.spent = {"ingest": 0.0, "eval": 0.0, "report": 0.0}

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time of the block to a phase."""
        started = self.now() if self.now else 0.0
        try:
            yield
        finally:
            if self.now:
                self.spent[name] += self.now() - started

    def performance(self, slowest: tuple[tuple[str, float], ...] = (), *, cache_hit_rate: float = 0.0) -> Performance:
        """Return the times so far, in milliseconds."""
        if not self.now:
            return Performance()
        in_ms = {phase: round(seconds * 1000, 3) for phase, seconds in self.spent.items()}
        return Performance(
            total_ms=round((self.now() - self._started) * 1000, 3),
            ingest_ms=in_ms["ingest"],
            eval_ms=in_ms["eval"],
            report_ms=in_ms["report"],
            slowest=slowest,
            cache_hit_rate=cache_hit_rate,
        )
