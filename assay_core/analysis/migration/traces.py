"""Both forms of a suite over the recorded traces, row by row."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import attrs

from assay_core.analysis.migration.proof import Pair, Side
from assay_core.config import Defaults
from assay_core.contracts import ImportReport
from assay_core.errors import AssayError, InputError
from assay_core.model import JsonValue, ResultRow
from assay_core.plugins.drivers import Drivers
from assay_core.run.evaluate import Evaluation
from assay_core.run.ingest import batches, choose_importer
from assay_core.run.pool import Pool
from assay_core.trace import open_source

__all__ = ["Difference", "TraceProof", "as_document", "compare", "found_traces"]

_FOUND_MAX = 20
_DIFFERENCES_MAX = 100
_EXERCISED = frozenset(["pass", "fail", "flaky", "warn", "unstable"])


@attrs.frozen(kw_only=True)
class Difference:
    """A row that the two forms decide differently."""

    row: str  # a test's id, or policy:<episode-id>
    old: str
    new: str


@attrs.frozen(kw_only=True)
class TraceProof:
    """What one trace shows of one suite."""

    trace: str
    subject: Path
    episodes: int = 0
    tool_calls: int = 0
    decisions: int = 0  # rows that had something to decide; all others are compared as well
    exercised: tuple[str, ...] = ()  # their tests
    differences: tuple[Difference, ...] = ()
    differing: int = 0  # how many; `differences` holds the first
    unreadable: str = ""  # why a trace that was only found shows nothing


def found_traces(folder: Path) -> tuple[str, ...]:
    """Return the traces that lie where they usually do: the project's default, `trace.jsonl`, `traces/*.jsonl`."""
    named = Defaults.read(folder).text("trace")
    places = [Path(named)] if named and named != "-" else []
    places += [folder / "trace.jsonl", folder / "traces.jsonl", *sorted((folder / "traces").glob("*.jsonl"))]
    found = dict.fromkeys(os.path.relpath(each) for each in places if each.is_file())
    return tuple(found)[:_FOUND_MAX]


def compare(pair: Pair, trace: str, trace_format: str | None, drivers: Drivers, *, named: bool) -> TraceProof:
    """Evaluate a trace with both forms.

    Args:
        pair: The suite.
        trace: A path, or - for standard input.
        trace_format: An importer's name; None: the content decides.
        drivers: Where importers come from.
        named: Whether somebody named this trace; one that was found may be unreadable.

    Raises:
        AssayError: the named trace cannot be read, or a plugin breaks.
    """
    try:
        return _compared(pair, trace, trace_format, drivers)
    except InputError as error:
        if named:
            raise
        return TraceProof(trace=trace, subject=pair.path, unreadable=str(error))


def _compared(pair: Pair, trace: str, trace_format: str | None, drivers: Drivers) -> TraceProof:
    source = open_source(trace, pair.old.suite.settings.limits)
    chosen = choose_importer(drivers, source, trace_format)
    sides = [_evaluation(side) for side in (pair.old, pair.new)]
    for batch in batches(chosen, source, ImportReport()):
        for each in sides:
            each.feed(batch)
    if not sides[0].episodes:
        raise InputError(code="E_TRACE_EMPTY", message=f"{source.name} holds no episode")
    old, new = (each.finish() for each in sides)
    faults = (*old.faults, *new.faults)
    if faults and not all(_is_about_the_trace(each) for each in faults):
        raise next(each for each in faults if not _is_about_the_trace(each))
    differences: list[Difference] = []
    exercised: dict[str, None] = {}
    differing = decisions = 0
    for left, right in zip_longest(old.rows, new.rows):
        if left is not None and left.status in _EXERCISED:
            decisions += 1
            exercised[left.test_id] = None
        if (difference := _difference(left, right)) is not None:
            differing += 1
            differences += [difference] if differing <= _DIFFERENCES_MAX else []
    return TraceProof(
        trace=trace,
        subject=pair.path,
        episodes=sides[0].episodes,
        tool_calls=sides[0].tool_calls,
        decisions=decisions,
        exercised=tuple(exercised),
        differences=tuple(differences),
        differing=differing,
    )


def _evaluation(side: Side) -> Evaluation:
    settings = attrs.evolve(side.suite.settings, bail_on_first_failure=False)  # every row is compared
    return Evaluation(
        side.plan,
        side.policy,
        settings=settings,
        thresholds=side.suite.thresholds,
        measure=Pool(workers=settings.parallel, timeout_s=settings.timeout_s).measure,
    )


def _is_about_the_trace(error: AssayError) -> bool:
    return error.code in ("E_TRACE_MISS", "E_NO_CHECKS", "E_TRACE_DUPLICATE")


def _difference(old: ResultRow | None, new: ResultRow | None) -> Difference | None:
    left, right = _decision(old), _decision(new)
    if left == right:
        return None
    row = old or new
    return Difference(row=row.test_id if row else "", old=_shown(old), new=_shown(new))


def _decision(row: ResultRow | None) -> Sequence[object]:
    """Return what was decided; how the messages put it may differ."""
    if row is None:
        return ()
    metrics = [(each.type, each.outcome, each.score) for each in row.metrics]
    return (row.test_id, row.kind, row.status, row.score, row.error_code, row.episode_ids, metrics, [*_findings(row)])


def _findings(row: ResultRow) -> Iterator[Sequence[object]]:
    for each in row.findings:
        yield (
            each.code,
            each.severity,
            each.rule,
            each.source,
            each.episode_id,
            each.tool,
            each.call_index,
            each.pointer,
        )


def _shown(row: ResultRow | None) -> str:
    if row is None:
        return "no such row"
    codes = dict.fromkeys(each.code for each in row.findings)
    return " ".join([row.status, *([f"({', '.join(codes)})"] if codes else [])])


def as_document(proof: TraceProof) -> dict[str, JsonValue]:
    """Return it for a report."""
    return {
        "trace": proof.trace,
        "subject": str(proof.subject),
        "episodes": proof.episodes,
        "tool_calls": proof.tool_calls,
        "decisions": proof.decisions,
        "exercised": list(proof.exercised[:_DIFFERENCES_MAX]),
        "differing": proof.differing,
        "differences": [{"row": each.row, "old": each.old, "new": each.new} for each in proof.differences],
        "unreadable": proof.unreadable or None,
    }
