"""Measuring again what failed and may be luck."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import attrs

from assay_core.errors import AssayError
from assay_core.model import JsonObject, MetricResult, Outcome

__all__ = ["Repeats"]

Bypass = Callable[[], contextlib.AbstractContextManager[None]]


@attrs.frozen(kw_only=True)
class Repeats:
    """How often a failed check is measured again (`--rerun-failures`)."""

    times: int = 0
    bypass: Bypass = contextlib.nullcontext  # around each further measurement: cached answers would only repeat

    def settle(
        self, first: MetricResult | AssayError, again: Callable[[], MetricResult | AssayError]
    ) -> tuple[MetricResult | AssayError, list[JsonObject]]:
        """Return the result that counts, and every attempt where a later one held; no attempts where none did.

        A check that was violated or abstained is measured until it holds, at most `times` more. Where it never
        does, the first result counts.
        """
        if isinstance(first, AssayError) or first.outcome not in (Outcome.VIOLATED, Outcome.ABSTAINED):
            return first, []
        attempts = [_told(1, first)]
        for number in range(2, self.times + 2):
            with self.bypass():
                result = again()
            attempts.append(_told(number, result))
            if isinstance(result, MetricResult) and result.outcome is Outcome.HELD:
                return result, attempts
        return first, []


def _told(number: int, result: MetricResult | AssayError) -> JsonObject:
    if isinstance(result, AssayError):
        return {"attempt_no": number, "status": "error", "message": result.message}
    message = result.findings[0].message if result.findings else ""
    return {"attempt_no": number, "status": result.outcome.value, "message": message}
