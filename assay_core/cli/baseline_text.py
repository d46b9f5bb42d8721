"""A comparison with a baseline as text and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from assay_core.commandline.visible import excerpt, sanitise
from assay_core.model import BaselineReport, ScoreChange
from assay_core.run.baseline.telling import settled_text

__all__ = ["markdown_comparison", "text_comparison"]

_SHOWN = 200
_NAME = 60
_TICKS = re.compile("`+")
_SAME = 1e-6
_HEAD = ("test", "metric", "before", "after", "delta", "limit", "verdict")


def text_comparison(found: BaselineReport, run_id: int, reason: str, message: str) -> str:
    """Return the table, what else there is to say, and the verdict as the last line."""
    rows = [_HEAD, *(_cells(change, _NAME) for change in _listed(found))]
    lines = [f"run {run_id} beside {found.file} (suite {found.suite})"]
    if len(rows) > 1:
        widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
        lines += ["  " + "  ".join(_aligned(row, widths)).rstrip() for row in rows]
    lines += [f"  {each}" for each in _further(found)]
    word = "FAIL" if reason else "PASS"
    lines.append(f"{word}{' ' + reason if reason else ''}: {message}")
    return "".join(f"{sanitise(line)}\n" for line in lines)


def markdown_comparison(found: BaselineReport, run_id: int, reason: str, message: str) -> str:
    """Return the same in Markdown, in which nothing that a test or a tool is called means anything."""
    status = f"❌ **{reason}**" if reason else "✅ **Passed**"
    parts = [f"## Baseline\n\n{status}: {message}\n\nRun {run_id} beside {_code(found.file)}.\n"]
    changes = list(_listed(found))
    if changes:
        parts.append("\n| Test | Metric | Before | After | Delta | Limit | Verdict |\n|:--|:--|--:|--:|--:|--:|:--|\n")
        for change in changes:
            cells = _cells(change, 200)
            names = " | ".join(_code(cell).replace("|", "\\|") for cell in cells[:2])
            parts.append(f"| {names} | {' | '.join(cells[2:])} |\n")
    further = [f"- {_code(each, 500)}\n" for each in _further(found)]
    return "".join([*parts, *(["\n", *further] if further else [])])


def _listed(found: BaselineReport) -> Iterator[ScoreChange]:
    """Yield what changed: regressions first, then what is in doubt, then other drops, then what rose."""
    rank = {"fail": 0, "inconclusive": 1, "pass": 2}
    changed = [change for change in found.changes if change.verdict != "pass" or abs(change.delta) > _SAME]
    changed.sort(key=lambda each: (rank[each.verdict], each.delta > 0, each.test_id, each.metric))
    yield from changed[:_SHOWN]


def _cells(change: ScoreChange, limit: int) -> tuple[str, ...]:
    words = {"fail": "regression", "inconclusive": f"inconclusive: {settled_text(change)}"}
    verdict = words.get(change.verdict, "better" if change.delta > 0 else "within the limit")
    if change.before_rate and change.after_rate:
        before, after = change.before_rate, change.after_rate
        verdict += f" ({before.passed}/{before.attempts} then {after.passed}/{after.attempts}"
        verdict += f", p = {change.p_value:.3g})" if change.p_value is not None else ")"
    return (
        excerpt(change.test_id, limit),
        excerpt(change.metric, limit),
        f"{change.before:.3f}",
        f"{change.after:.3f}",
        f"{change.delta:+.3f}",
        "-" if change.max_drop is None else f"{change.max_drop:g}",
        verdict,
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for at, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.rjust(width) if 2 <= at <= 5 else cell.ljust(width)


def _further(found: BaselineReport) -> Iterator[str]:
    left = sum(change.verdict != "pass" or abs(change.delta) > _SAME for change in found.changes) - _SHOWN
    if left > 0:
        yield f"… and {left:,} more; --format json has them all"
    for old, new in found.renamed[:_SHOWN]:
        yield f"renamed: {excerpt(old, _NAME)} is now {excerpt(new, _NAME)}"
    for what, pairs in (("new", found.new), ("missing", found.missing), ("not compared", found.not_compared)):
        for test_id, metric in pairs[:_SHOWN]:
            yield f"{what}: {excerpt(test_id, _NAME)} (metric: {excerpt(metric, _NAME)})"
    for each in found.behaviour[:_SHOWN]:
        yield f"{each.severity}: {excerpt(each.test_id, _NAME)}: {excerpt(each.message, 300)}"
    if found.ignored:
        yield f"ignored: {found.ignored:,} entries of metrics that do not apply"


def _code(text: str, limit: int = 200) -> str:
    """Return text as a code span of Markdown."""
    shown = excerpt(text, limit).replace("<!--", "<! --") or "—"
    fence = "`" * (max(map(len, _TICKS.findall(shown)), default=0) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
