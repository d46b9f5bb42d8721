"""The hygiene of a suite: what became of each test over many runs, and what to look at first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import attrs

from assay_core.commandline.markdown import cell, code
from assay_core.model import JsonObject
from assay_reporter_history.reporting import generated_at
from assay_reporter_history.spread import Spread, spreads
from assay_reporter_history.stored import PastRow, Window

__all__ = ["Hygiene", "TestHygiene", "hygiene", "hygiene_markdown"]

RATES = ("pass", "fail", "warn", "flaky", "unstable", "skipped")
_COUNTED_AS = {"error": "fail", "allowed_on_error": "warn"}
_REASONS = 5
_DIGITS = 12
_LOW_SCORE = 0.6
_MOSTLY_SKIPPED = 0.5


@attrs.frozen(kw_only=True)
class TestHygiene:
    """One test over the runs of the window."""

    __test__ = False  # pytest: no test class

    test_id: str
    n: int
    rates: Mapping[str, float]  # share of the rows, by status; together 1
    scores: tuple[Spread, ...]  # by metric
    reasons: tuple[tuple[str, str, int], ...]  # kind, value, count; the most frequent first

    @property
    def actions(self) -> tuple[str, ...]:
        """What to do about it."""
        return tuple(_actions(self))


@attrs.frozen(kw_only=True)
class Hygiene:
    """The whole report."""

    suite: str
    generated_at: str
    last_runs: int
    runs: int
    tests: tuple[TestHygiene, ...]  # those that fail most first
    notes: tuple[str, ...]

    def document(self) -> JsonObject:
        """Return the report as JSON, in the form of the Rust project."""
        return {
            "schema_version": 1,
            "suite": self.suite,
            "source": "eval.db",
            "score_source": "all_attempts",
            "generated_at": self.generated_at,
            "window": {"last_runs": self.last_runs},
            "tests": [_document(test) for test in self.tests],
            "notes": list(self.notes),
        }


def hygiene(window: Window, *, last: int) -> Hygiene:
    """Return the report over a window of `last` runs."""
    by_test: dict[str, list[PastRow]] = defaultdict(list)
    for row in window.rows:
        by_test[row.test_id].append(row)
    scored: dict[str, list[Spread]] = defaultdict(list)
    for spread in spreads((row.test_id, metric, score) for row in window.rows for metric, score in row.scores.items()):
        scored[spread.group].append(spread)
    tests = [_test(test_id, rows, scored[test_id]) for test_id, rows in by_test.items()]
    tests.sort(key=lambda test: (-test.rates["fail"], test.test_id))
    skipped = [test.test_id for test in tests if test.rates["skipped"] > _MOSTLY_SKIPPED]
    notes = [*window.notes, *(f"{test_id} was skipped in more than half of its runs" for test_id in sorted(skipped))]
    return Hygiene(
        suite=window.suite,
        generated_at=generated_at(),
        last_runs=last,
        runs=window.runs,
        tests=tuple(tests),
        notes=tuple(notes),
    )


def hygiene_markdown(found: Hygiene) -> str:
    """Return the report as Markdown; whatever stands in a name stays harmless."""
    return "".join(_markdown(found))


def _test(test_id: str, rows: Sequence[PastRow], scores: Sequence[Spread]) -> TestHygiene:
    statuses = Counter(_COUNTED_AS.get(row.outcome, row.outcome) for row in rows)
    reasons = Counter(reason for row in rows for reason in row.reasons)
    ranked = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))[:_REASONS]
    return TestHygiene(
        test_id=test_id,
        n=len(rows),
        rates={name: round(statuses[name] / len(rows), _DIGITS) for name in RATES},
        scores=tuple(scores),
        reasons=tuple((kind, value, count) for (kind, value), count in ranked),
    )


def _actions(test: TestHygiene) -> Iterator[str]:
    rates = test.rates
    if rates["skipped"] > 0.4:
        yield "often skipped: record the episodes it needs, or delete the test"
    if rates["flaky"] > 0.1:
        yield "flaky: make it stable, or quarantine it with `assay quarantine add` meanwhile"
    if rates["unstable"] > 0.1:
        yield "its attempts disagree, or a judge abstains: make the behaviour stable, or sharpen the rubric"
    if rates["fail"] > 0.2:
        yield "often fails: look at its reasons; `assay runs show` has the latest run"
    for spread in test.scores:
        if spread.p10 < _LOW_SCORE:
            yield f"{spread.metric} scores low (p10 {spread.p10:.2f}): look at the responses, or at the threshold"


def _document(test: TestHygiene) -> JsonObject:
    return {
        "test_id": test.test_id,
        "n": test.n,
        "rates": {**test.rates},
        "scores": {
            each.metric: {"p10": each.p10, "p50": each.p50, "p90": each.p90, "std": each.std} for each in test.scores
        },
        "top_reasons": [{"kind": kind, "value": value, "count": count} for kind, value, count in test.reasons],
        "suggested_actions": list(test.actions),
    }


def _markdown(found: Hygiene) -> Iterator[str]:
    yield f"# Hygiene of {code(found.suite)}\n\n"
    yield f"{found.runs} run(s), at most the last {found.last_runs}; {found.generated_at}\n\n"
    yield "| Test | Runs | " + " | ".join(RATES) + " | Reasons |\n"
    yield "|---|" + "--:|" * (len(RATES) + 1) + "---|\n"
    for test in found.tests:
        shares = " | ".join(f"{test.rates[name]:.0%}" for name in RATES)
        reasons = ", ".join(f"{cell(value, 80)} × {count}" for _, value, count in test.reasons)
        yield f"| {cell(test.test_id)} | {test.n} | {shares} | {reasons or '—'} |\n"
    if any(test.scores for test in found.tests):
        yield "\n## Scores\n\n| Test | Metric | p10 | p50 | p90 | std |\n|---|---|--:|--:|--:|--:|\n"
        for test in found.tests:
            for each in test.scores:
                numbers = " | ".join(f"{value:.2f}" for value in (each.p10, each.p50, each.p90, each.std))
                yield f"| {cell(test.test_id)} | {cell(each.metric)} | {numbers} |\n"
    advised = [test for test in found.tests if test.actions]
    if advised:
        yield "\n## What to do\n\n"
        for test in advised:
            yield f"- {code(test.test_id)}\n" + "".join(f"  - {_harmless(action)}\n" for action in test.actions)
    if found.notes:
        yield "\n## Notes\n\n" + "".join(f"- {code(note)}\n" for note in found.notes)


def _harmless(action: str) -> str:
    """An action is our own text; only its first word may be the name of a metric that somebody chose."""
    name, mark, rest = action.partition(" scores low ")
    return f"{code(name)}{mark}{rest}" if mark else action
