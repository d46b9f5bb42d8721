"""A comparison with a baseline, told: to machines, and in the sentences of findings and tables."""

from __future__ import annotations

import attrs

from assay_core.model import BaselineReport, JsonObject, JsonValue, PassRate, ScoreChange

__all__ = ["change_text", "comparison_counts", "comparison_json", "settled_text"]

_SAME = 1e-6


def comparison_counts(report: BaselineReport) -> JsonObject:
    """Return the numbers, as summary.json has them."""
    return {
        "file": report.file,
        "compared": len(report.changes),
        "regressions": len(report.of("fail")),
        "inconclusive": len(report.of("inconclusive")),
        "improvements": sum(change.delta > _SAME for change in report.changes),
        "new": len(report.new),
        "missing": len(report.missing),
        "renamed": len(report.renamed),
        "not_compared": len(report.not_compared),
        "ignored": report.ignored,
        "behaviour_changes": len(report.behaviour),
    }


def comparison_json(report: BaselineReport) -> JsonObject:
    """Return everything, as run.json and `assay baseline check` have it."""
    fell, rose = report.of("fail"), [change for change in report.changes if change.delta > _SAME]
    body: dict[str, JsonValue] = {
        "file": report.file,
        "suite": report.suite,
        "digest": report.digest,
        "created_at": report.created_at,
        "assay_version": report.assay_version,
        "compared": len(report.changes),
        "regressions": [_change_json(change) for change in fell],
        "inconclusive": [_change_json(change) for change in report.of("inconclusive")],
        "improvements": [_change_json(change) for change in rose],
        "tolerated": [
            _change_json(change) for change in report.of("pass") if change.delta < -_SAME
        ],  # drops within the tolerance
        "new_tests": _named(report.new),
        "missing_tests": _named(report.missing),
        "renamed_tests": [{"before": old, "after": new} for old, new in report.renamed],
        "not_compared": _named(report.not_compared),
        "ignored_entries": report.ignored,
        "behaviour": [attrs.asdict(each) for each in report.behaviour],
    }
    return body


def change_text(change: ScoreChange) -> str:
    """Return what became of one score, in a clause: `must_contain fell from 1.00 to 0.60 (…)`."""
    words = f"{change.metric} fell from {_score(change.before)} to {_score(change.after)}"
    limit = f"max_drop {change.max_drop:g}" if change.max_drop is not None else "no limit"
    if change.before_rate is None or change.after_rate is None:
        chance = "" if change.p_value is None else f", {_chance(change)}"
        return f"{words} ({change.delta:+.3f}, {limit}{chance})"
    before, after = change.before_rate, change.after_rate
    rates = f"{before.passed} of {before.attempts} attempts passed, now {after.passed} of {after.attempts}"
    ranges = f"pass^{change.k} {before.pass_k:.2f} to {after.pass_k:.2f}"
    return f"{words} ({limit}; {rates}; {ranges}; {_chance(change)})"


def settled_text(change: ScoreChange) -> str:
    """Return how many attempts would settle an inconclusive comparison."""
    if change.settled_by is None:
        return "no number of attempts in reach would settle it"
    return f"about {change.settled_by:,} attempts on each side would settle it"


def _chance(change: ScoreChange) -> str:
    if change.p_value is None or change.level is None:
        return "several attempts"
    return f"p = {change.p_value:.3g}, level {change.level:.3g}"


def _change_json(change: ScoreChange) -> JsonObject:
    body: dict[str, JsonValue] = {
        "test_id": change.test_id,
        "metric": change.metric,
        "baseline_score": change.before,
        "candidate_score": change.after,
        "delta": change.delta,
        "max_drop": change.max_drop,
        "verdict": change.verdict,
    }
    if change.renamed_from:
        body["renamed_from"] = change.renamed_from
    if change.level is not None:
        body["statistics"] = _statistics(change)
    return body


def _statistics(change: ScoreChange) -> JsonObject:
    body: dict[str, JsonValue] = {"p_value": change.p_value, "level": change.level}
    if change.before_rate is not None and change.after_rate is not None:
        body["k"] = change.k
        body["baseline"] = _rate_json(change.before_rate)
        body["candidate"] = _rate_json(change.after_rate)
    if change.verdict == "inconclusive":
        body["settled_by_attempts"] = change.settled_by
    return body


def _rate_json(rate: PassRate) -> JsonObject:
    return {
        "passed": rate.passed,
        "attempts": rate.attempts,
        "interval_95": [round(rate.low, 6), round(rate.high, 6)],
        "pass_k": round(rate.pass_k, 6),
    }


def _named(pairs: tuple[tuple[str, str], ...]) -> list[JsonValue]:
    return [f"{test_id} (metric: {metric})" for test_id, metric in pairs]


def _score(score: float) -> str:
    """Return a score as people read it: two decimals, more where two would hide a change."""
    return f"{score:.2f}" if round(score, 2) == round(score, 4) else f"{score:.4f}"
