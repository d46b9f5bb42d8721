"""The run beside its baseline: scores that changed, worst first."""

from __future__ import annotations

from collections.abc import Iterator

from assay_core.model import BaselineReport, RunReport, ScoreChange
from assay_reporter_console.lines import BLANK, Line, Span, Style, line, shown

__all__ = ["baseline_lines"]

_ROWS = 20
_NAME = 40
_SAME = 1e-6
_RANK = {"fail": 0, "inconclusive": 1, "pass": 2}


def baseline_lines(run: RunReport, *, verbose: bool) -> Iterator[Line]:
    """Yield a table before / after / delta of what changed, and what could not be compared."""
    found = run.baseline
    if found is None:
        return
    yield BLANK
    yield line(Span("Baseline", "strong"), f" {shown(found.file, 80)}", Span(f"  {_counts(found)}", "quiet"), hang=2)
    changed = [each for each in found.changes if each.verdict != "pass" or abs(each.delta) > _SAME]
    changed.sort(key=lambda each: (_RANK[each.verdict], each.delta > 0, each.test_id, each.metric))
    listed = changed if verbose else changed[:_ROWS]
    if listed:
        yield from _table(listed)
    if len(changed) > len(listed):
        yield line(Span(f"… and {len(changed) - len(listed):,} more; -v shows them", "quiet"), indent=2)
    for old, new in found.renamed if verbose else found.renamed[:_ROWS]:
        yield line(Span(f"renamed: {shown(old, 60)} is now {shown(new, 60)}", "quiet"), indent=2, hang=4)
    for what, pairs in (("new", found.new), ("missing", found.missing), ("not compared", found.not_compared)):
        if pairs:
            names = [f"{shown(test_id, 60)} ({shown(metric, 60)})" for test_id, metric in pairs]
            kept = names if verbose else names[:_ROWS]
            more = f", … and {len(names) - len(kept):,} more" if len(names) > len(kept) else ""
            yield line(Span(f"{what}: ", "quiet"), ", ".join(kept) + more, indent=2, hang=4)


def _counts(found: BaselineReport) -> str:
    parts = [f"{len(found.changes):,} compared"]
    for count, what in (
        (len(found.of("fail")), "regressed"),
        (len(found.of("inconclusive")), "inconclusive"),
        (len(found.behaviour), "change(s) of behaviour"),
        (found.ignored, "entries of metrics that do not apply"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    return ", ".join(parts)


def _table(changes: list[ScoreChange]) -> Iterator[Line]:
    tests = [shown(each.test_id, _NAME) for each in changes]
    metrics = [shown(each.metric, _NAME) for each in changes]
    first, second = max(4, *map(len, tests)), max(6, *map(len, metrics))
    head = f"{'test':<{first}}  {'metric':<{second}}  before   after    delta  verdict"
    yield line(Span(head, "quiet"), indent=2)
    for each, test, metric in zip(changes, tests, metrics, strict=True):
        numbers = f"{each.before:>6.3f}  {each.after:>6.3f}  {each.delta:>+7.3f}"
        word, style = _verdict(each)
        yield line(f"{test:<{first}}  {metric:<{second}}  {numbers}  ", Span(word, style), indent=2, hang=4)


def _verdict(change: ScoreChange) -> tuple[str, Style]:
    if change.verdict == "fail":
        return "regression", "bad"
    if change.verdict == "inconclusive":
        more = f": {change.settled_by:,} attempts a side would settle it" if change.settled_by else ""
        return f"inconclusive{more}", "doubtful"
    return ("better", "good") if change.delta > 0 else ("within the limit", "quiet")
