"""Where blocking checks wait: daemon threads with a deadline, so that none can hold up the end of a run."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence

from assay_core.errors import ServiceError
from assay_core.model import Episode, MetricResult
from assay_core.run.plan import PlannedCheck

__all__ = ["Pool"]

Answer = Sequence[MetricResult] | BaseException


class Pool:
    """Calls checks: at once where they are quick, episode by episode in threads where they may block."""

    def __init__(self, *, workers: int, timeout_s: float) -> None:
        """Prepare; threads start when the first blocking check comes.

        Args:
            workers: How many calls may wait at the same time.
            timeout_s: How long one call may take before it is E_TIMEOUT.
        """
        self._workers = max(1, workers)
        self._timeout_s = timeout_s

    def measure(self, check: PlannedCheck, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        """Return the results of a check, in the order of the episodes.

        Raises:
            ServiceError: E_TIMEOUT when a blocking call takes longer than the timeout.
            BaseException: whatever the check raises.
        """
        if not check.blocking:
            return check.prepared.measure(episodes)
        parts: list[Sequence[Episode]] = [(episode,) for episode in episodes] or [()]
        results: list[MetricResult] = []
        for start in range(0, len(parts), self._workers):
            for answer in self._together(check, parts[start : start + self._workers]):
                if isinstance(answer, BaseException):
                    raise answer
                results.extend(answer)
        return results

    def _together(self, check: PlannedCheck, parts: Sequence[Sequence[Episode]]) -> list[Answer]:
        slots: list[queue.SimpleQueue[Answer]] = [queue.SimpleQueue() for _ in parts]
        for part, slot in zip(parts, slots, strict=True):
            threading.Thread(target=_call, args=(check, part, slot), daemon=True).start()
        return [self._await(check, slot) for slot in slots]

    def _await(self, check: PlannedCheck, slot: queue.SimpleQueue[Answer]) -> Answer:
        try:
            return slot.get(timeout=self._timeout_s)
        except queue.Empty:
            return ServiceError(
                code="E_TIMEOUT", message=f"{check.expectation.type} took longer than {self._timeout_s:g} s"
            )


def _call(check: PlannedCheck, part: Sequence[Episode], slot: queue.SimpleQueue[Answer]) -> None:
    try:
        slot.put(check.prepared.measure(part))
    except BaseException as error:  # noqa: BLE001 - carried to the thread that waits, and raised there
        slot.put(error)
