"""Thresholds recommended from past scores, and the form in which people read them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay_core.commandline import sanitise
from assay_core.errors import UsageError
from assay_core.model import JsonObject, JsonValue
from assay_reporter_history.reporting import generated_at
from assay_reporter_history.spread import Spread, spreads
from assay_reporter_history.stored import Window

__all__ = ["calibration", "calibration_text"]

_GOOD = ("pass", "warn", "flaky")
_FEW = 10  # with fewer scores a percentile is a guess
_DROP = (0.02, 0.10)  # a recommended drop is never smaller, never larger
_DIGITS = 12
_NUMBERS = ("min", "p10", "p50", "p90", "max", "mean", "std", "recommended_min_score", "recommended_max_drop")
_TITLES = ("metric", "n", "min", "p10", "p50", "p90", "max", "mean", "std", "min_score", "max_drop")


def calibration(window: Window, *, source: str, target_tail: float) -> JsonObject:
    """Return the recommendations, one per metric, by name.

    Raises:
        UsageError: E_INVALID_ARGS for a tail that is no number; E_RUN_NOT_FOUND where no good row has a score.
    """
    if not math.isfinite(target_tail):
        raise UsageError(code="E_INVALID_ARGS", message="--target-tail is a share from 0 to 1")
    good = [row for row in window.rows if row.outcome in _GOOD]
    samples = [("", metric, max(-1.0, min(1.0, score))) for row in good for metric, score in row.scores.items()]
    if not samples:
        message = f"none of {len(window.rows)} row(s) passed with a score, so there is nothing to calibrate from"
        raise UsageError(code="E_RUN_NOT_FOUND", message=message, remedy="bring the suite to pass first")
    found = spreads(samples, tail=target_tail)
    notes = [
        *window.notes,
        *(f"{each.metric}: {each.n} score(s) only; below {_FEW} this is a guess" for each in found if each.n < _FEW),
    ]
    left_out = len(window.rows) - len(good)
    if left_out:
        notes.append(f"{left_out} of {len(window.rows)} row(s) did not pass and were left out")
    return {
        "schema_version": 1,
        "source": source,
        "generated_at": generated_at(),
        "suite": window.suite,
        "target_tail": target_tail,
        "window": {"runs": window.runs, "results": len(window.rows), "used": len(good)},
        "metrics": [_metric(each) for each in found],
        "notes": list(notes),
    }


def _metric(spread: Spread) -> JsonObject:
    low, high = _DROP
    return {
        "key": {"metric": spread.metric, "test_id": None},
        "n": spread.n,
        "min": spread.min,
        "max": spread.max,
        "mean": spread.mean,
        "std": spread.std,
        "p10": spread.p10,
        "p50": spread.p50,
        "p90": spread.p90,
        "recommended_min_score": spread.tail,
        "recommended_max_drop": round(max(low, min(high, spread.p50 - spread.p10)), _DIGITS),
    }


def calibration_text(found: JsonObject) -> str:
    """Return the recommendations as a table."""
    window = found["window"]
    assert isinstance(window, dict)  # noqa: S101 - made above
    head = (
        f"suite {sanitise(str(found['suite']))}: {window['used']} of {window['results']} result(s)"
        f" of {window['runs']} run(s)\n\n"
    )
    return head + "".join(_table(found)) + "".join(f"note: {sanitise(str(note))}\n" for note in _list(found["notes"]))


def _table(found: JsonObject) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [_TITLES]
    for metric in _list(found["metrics"]):
        assert isinstance(metric, dict)  # noqa: S101 - made above
        key = metric["key"]
        assert isinstance(key, dict)  # noqa: S101 - made above
        numbers = tuple(f"{metric[name]:.3f}" for name in _NUMBERS)
        rows.append((sanitise(str(key["metric"])), str(metric["n"]), *numbers))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    for row in rows:
        first = row[0].ljust(widths[0])
        yield "  ".join([first, *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]) + "\n"


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
