"""Rows of a report: what failed in full, what passed in one line, and never more than people read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import attrs

from assay_core.model import ResultRow, RunReport
from assay_reporter_console.findings import finding_lines
from assay_reporter_console.lines import BLANK, Line, Span, Style, line, shown

__all__ = ["RowLines", "Seen"]

INDENT = 10
_SHORT_RUN = 40  # up to so many rows, passed ones are listed too
_LIMITS = {"blocking": 50, "doubtful": 20, "skipped": 20, "passed": _SHORT_RUN}
_CODES = 200  # different codes that are counted; a hostile plugin may make up any number
_MESSAGE = 500
_PROMPT = 100
_DETAILS = 400

_KINDS: dict[str, tuple[str, str, Style]] = {
    "pass": ("passed", "PASS", "good"),
    "fail": ("blocking", "FAIL", "bad"),
    "error": ("blocking", "ERROR", "bad"),
    "unstable": ("blocking", "UNSTABLE", "bad"),
    "skipped": ("skipped", "SKIP", "quiet"),
    "warn": ("doubtful", "WARN", "doubtful"),
    "flaky": ("doubtful", "FLAKY", "doubtful"),
    "allowed_on_error": ("doubtful", "ALLOWED", "doubtful"),
}


@attrs.define
class Seen:
    """What became known while the rows were walked."""

    shown: Counter[str] = attrs.field(factory=Counter)  # rows by kind
    left_out: Counter[str] = attrs.field(factory=Counter)
    codes: Counter[str] = attrs.field(factory=Counter)  # findings by code
    errors: set[str] = attrs.field(factory=set)  # codes of which some finding is an error


class RowLines:
    """The lines of all rows; iterate once, then read `seen`."""

    def __init__(self, run: RunReport, *, quiet: bool, verbose: bool, limit: int) -> None:
        self._run = run
        self._quiet = quiet
        self._verbose = verbose
        self._limits = {**_LIMITS, "blocking": limit}
        self.seen = Seen()

    def __iter__(self) -> Iterator[Line]:
        """Walk the rows once, in their order."""
        seen = self.seen
        block = False  # whether the last row took more than one line
        for row in self._run.rows:
            kind, _, _ = _KINDS[row.status]
            self._count_codes(row)
            if not self._wanted(kind):
                seen.left_out[kind] += 1
                continue
            seen.shown[kind] += 1
            lines = [*_row(row, verbose=self._verbose)]
            if block or (len(lines) > 1 and sum(seen.shown.values()) > 1):
                yield BLANK
            block = len(lines) > 1
            yield from lines
        yield from self._left_out()

    def _wanted(self, kind: str) -> bool:
        if self._quiet and kind != "blocking":
            return False
        if self._verbose:
            return True
        if kind == "passed" and self._run.counts.total > _SHORT_RUN:
            return False
        return self.seen.shown[kind] < self._limits[kind]

    def _count_codes(self, row: ResultRow) -> None:
        codes, errors = self.seen.codes, self.seen.errors
        found = [(finding.code, finding.severity == "error") for finding in row.findings]
        if not found and row.error_code:
            found = [(row.error_code, row.status != "allowed_on_error")]
        for code, is_error in found:
            if code in codes or len(codes) < _CODES:
                codes[code] += 1
                if is_error:
                    errors.add(code)

    def _left_out(self) -> Iterator[Line]:
        """Say what is not shown, and where it can be seen."""
        if self._quiet:
            told = {"failed": self.seen.left_out["blocking"]}
        else:
            names = {"blocking": "failed", "doubtful": "warned", "skipped": "skipped", "passed": "passed"}
            told = {name: self.seen.left_out[kind] for kind, name in names.items()}
        parts = [f"{count:,} {name}" for name, count in told.items() if count]
        if parts:
            if sum(self.seen.shown.values()):
                yield BLANK
            yield line(Span(f"Not shown: {', '.join(parts)}; run.json has every row, -v shows them", "quiet"))


def _row(row: ResultRow, *, verbose: bool) -> Iterator[Line]:
    _, label, style = _KINDS[row.status]
    facts = ""
    if row.kind == "test" and row.score is not None:
        facts += f"  {row.score:.2f}"
    if row.duration_ms is not None and row.duration_ms >= 50:
        facts += f"  ({row.duration_ms / 1000:.1f}s)"
    if row.cached:
        facts += "  (cached)"
    message = row.message if row.message != "ok" else ""
    if row.status == "skipped":  # nothing to look at: one line says it all
        facts += f"  {shown(message or row.skip_reason or '', _MESSAGE)}"
    yield line(Span(f"{label:<{INDENT}}", style), shown(row.test_id), Span(facts, "quiet"), hang=INDENT)
    if row.status != "skipped" and (message or row.status != "pass"):
        yield line(shown(message or "no reason is given", _MESSAGE), indent=INDENT)
    if row.prompt is not None and row.status in ("fail", "error", "unstable"):
        yield line(Span(f"Prompt: {shown(row.prompt, _PROMPT)}", "quiet"), indent=INDENT, hang=INDENT + 2)
    if verbose:
        yield from _details(row)
    yield from finding_lines(row.findings, indent=INDENT, verbose=verbose)


def _details(row: ResultRow) -> Iterator[Line]:
    """Yield what only those want to know who ask for more."""
    for metric in row.metrics:
        score = f" {metric.score:.2f}" if metric.score is not None else ""
        details = f"  {shown(_json(metric.details), _DETAILS)}" if metric.details else ""
        outcome = metric.outcome.value.replace("_", " ")
        yield line(Span(f"{shown(metric.type)}: {outcome}{score}{details}", "quiet"), indent=INDENT, hang=INDENT + 2)
    for attempt in row.attempts:
        text = f"attempt {attempt.number}: {attempt.status}, {shown(attempt.episode_id)}: {shown(attempt.message)}"
        yield line(Span(text, "quiet"), indent=INDENT, hang=INDENT + 2)


def _json(value: object) -> str:
    """Return JSON on one line, or what Python makes of a value that a plugin should not have put there."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)
