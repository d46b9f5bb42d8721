"""The run beside its baseline, as a table."""

from __future__ import annotations

from collections.abc import Iterator

from assay_core.model import BaselineReport, ScoreChange
from assay_reporter_markdown.markup import cell, code

__all__ = ["comparison", "comparison_title"]

_ROWS = 50
_SAME = 1e-6
_RANK = {"fail": 0, "inconclusive": 1, "pass": 2}


def comparison_title(found: BaselineReport | None) -> str:
    """Return the counts, worst first."""
    if found is None:
        return ""
    fell, doubtful = len(found.of("fail")), len(found.of("inconclusive"))
    return f"Baseline: {len(found.changes):,} compared, {fell:,} regressed, {doubtful:,} inconclusive"


def comparison(found: BaselineReport | None) -> Iterator[str]:
    """Yield the table before / after / delta of what changed, then what could not be compared."""
    if found is None:
        return
    yield f"Beside {code(found.file)}.\n\n"
    changed = [each for each in found.changes if each.verdict != "pass" or abs(each.delta) > _SAME]
    changed.sort(key=lambda each: (_RANK[each.verdict], each.delta > 0, each.test_id, each.metric))
    if changed:
        yield "| Test | Metric | Before | After | Delta | Verdict |\n|:--|:--|--:|--:|--:|:--|\n"
        for each in changed[:_ROWS]:
            numbers = f"{each.before:.3f} | {each.after:.3f} | {each.delta:+.3f}"
            yield f"| {cell(each.test_id)} | {cell(each.metric)} | {numbers} | {_verdict(each)} |\n"
    if len(changed) > _ROWS:
        yield f"\n… and {len(changed) - _ROWS:,} more, in run.json\n"
    lines = [f"- renamed: {code(old)} is now {code(new)}\n" for old, new in found.renamed[:_ROWS]]
    for what, pairs in (("new", found.new), ("missing", found.missing), ("not compared", found.not_compared)):
        lines += [f"- {what}: {code(test_id)} {code(metric)}\n" for test_id, metric in pairs[:_ROWS]]
    if lines:
        yield "\n" + "".join(lines)


def _verdict(change: ScoreChange) -> str:
    if change.verdict == "fail":
        return "❌ regression"
    if change.verdict == "inconclusive":
        more = f": {change.settled_by:,} attempts a side would settle it" if change.settled_by else ""
        return f"⚠️ inconclusive{more}"
    return "better" if change.delta > 0 else "within the limit"
