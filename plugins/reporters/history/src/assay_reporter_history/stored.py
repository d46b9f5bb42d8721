"""Rows of earlier runs, from the store or from run.json files, as far as statistics need them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from assay_core.convert import nearest
from assay_core.errors import InputError, Place, UsageError
from assay_core.model import JsonValue

if TYPE_CHECKING:  # it brings SQLite along
    from assay_core.store.reader import StoreReader

__all__ = ["PastRow", "Window", "rows_of_files", "rows_of_last_results", "rows_of_last_runs"]

_MOST = 2**31  # a window beyond it is everything
_POLICY = "policy:"  # rows of the policy begin so: they have no metrics, and their episodes change with the trace
_LONGEST = 200


@attrs.frozen(kw_only=True)
class PastRow:
    """One row of a test in one run."""

    test_id: str
    outcome: str
    scores: Mapping[str, float]  # by metric; those that applied
    reasons: tuple[tuple[str, str], ...] = ()  # kind and value, why it did not just pass


@attrs.frozen(kw_only=True)
class Window:
    """The rows that are looked at, and where they come from."""

    suite: str
    rows: tuple[PastRow, ...]  # newest run first
    runs: int  # that they come from
    notes: tuple[str, ...] = ()


def rows_of_last_runs(store: StoreReader, suite: str | None, last: int) -> Window:
    """Return the tests' rows of the newest runs of a suite; without a name, of the suite that ran last.

    Raises:
        UsageError: E_RUN_NOT_FOUND where there is no such run, or none of them has a row of a test.
    """
    name, notes = _suite(store, suite)
    rows: list[PastRow] = []
    runs = 0
    for run in store.runs(suite=name, limit=min(last, _MOST)):
        before = len(rows)
        rows.extend(_rows_of_run(store, run.id))
        runs += len(rows) > before
    return _window(name, rows, runs, notes)


def rows_of_last_results(store: StoreReader, suite: str | None, last: int) -> Window:
    """Return the newest rows of tests, `last` of them. Raises as `rows_of_last_runs`."""
    name, notes = _suite(store, suite)
    rows: list[PastRow] = []
    runs = 0
    for run in store.runs(suite=name):
        if len(rows) >= last:
            break
        newest_first = [*_rows_of_run(store, run.id)][::-1]
        rows.extend(newest_first[: last - len(rows)])
        runs += bool(newest_first)
    return _window(name, rows, runs, notes)


def rows_of_files(names: Sequence[str], suite: str | None) -> Window:
    """Return the tests' rows of run.json files; `-` is standard input. A file that is named twice counts once.

    Raises:
        UsageError: E_PATH_NOT_FOUND; E_RUN_NOT_FOUND where no file holds a row of a test.
        InputError: E_CFG_KIND where a file is no run.json.
    """
    rows: list[PastRow] = []
    notes: list[str] = []
    suites: dict[str, None] = {}
    runs = 0
    for name in _once(names, notes):
        run = _read(name)
        if suite is not None and run.suite != suite:
            notes.append(f"{name} is of the suite {run.suite!r} and was left out")
            continue
        found = [_row_of(row) for row in run.results or () if not row.test_id.startswith(_POLICY)]
        if not found:
            notes.append(f"{name} holds no row of a test" + (f": {run.reason_code}" if run.reason_code else ""))
            continue
        suites[run.suite] = None
        runs += 1
        rows.extend(found)
    if len(suites) > 1:
        notes.append(f"the files are of {len(suites)} suites; --suite chooses one")
    return _window(", ".join(suites) or suite or "", rows, runs, notes)


class _Result(msgspec.Struct):
    """A row, as run.json has it; the store's rows have the same details."""

    test_id: str
    status: str
    score: float | None = None
    message: str = ""
    skip_reason: str | None = None
    details: dict[str, Any] | None = None  # Any: msgspec cannot decode into a recursive type


class _Run(msgspec.Struct):
    """A run.json; one that an error ended early has neither suite nor results."""

    exit_code: int
    suite: str = ""
    reason_code: str = ""
    results: list[_Result] | None = None


def _window(name: str, rows: Sequence[PastRow], runs: int, notes: Sequence[str]) -> Window:
    if not rows:
        reasons = "".join(f"; {note}" for note in notes)
        raise UsageError(
            code="E_RUN_NOT_FOUND",
            message=f"no run{f' of the suite {name!r}' if name else ''} has a row of a test{reasons}",
        )
    return Window(suite=name, rows=tuple(rows), runs=runs, notes=tuple(notes))


def _suite(store: StoreReader, wanted: str | None) -> tuple[str, list[str]]:
    """Return the suite that is meant, and what has to be said of that."""
    known = dict.fromkeys(run.suite for run in store.runs() if run.status != "running")
    if wanted is not None:
        if wanted not in known:
            guess = nearest(wanted, list(known))
            raise UsageError(
                code="E_RUN_NOT_FOUND",
                message=f"the store holds no finished run of the suite {wanted!r}",
                remedy=f"did you mean --suite {guess!r}?" if guess else "see `assay runs list`",
            )
        return wanted, []
    if not known:
        raise UsageError(code="E_RUN_NOT_FOUND", message="the store holds no finished run")
    name = next(iter(known))
    others = len(known) - 1
    return name, [f"the store holds {others} more suite(s); --suite chooses one"] if others else []


def _rows_of_run(store: StoreReader, run_id: int) -> Iterator[PastRow]:
    for row in store.results(run_id, kind="test"):
        yield _row_of(
            _Result(
                test_id=row.test_id,
                status=row.outcome,
                score=row.score,
                message=row.message,
                skip_reason=row.skip_reason,
                details={**row.details},
            )
        )


def _row_of(row: _Result) -> PastRow:
    details = row.details or {}
    return PastRow(
        test_id=row.test_id,
        outcome=row.status,
        scores=_scores(details, row.score),
        reasons=() if row.status == "pass" else tuple(_reasons(row, details)),
    )


def _scores(details: Mapping[str, JsonValue], own: float | None) -> dict[str, float]:
    """Return the score of each metric that applied; the row's own as `score` where no metric is told."""
    metrics = details.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        return {"score": own} if own is not None and math.isfinite(own) else {}
    found: dict[str, float] = {}
    for name, metric in metrics.items():
        score = metric.get("score") if isinstance(metric, dict) and metric.get("exercised") is not False else None
        if isinstance(score, (int, float)) and not isinstance(score, bool) and math.isfinite(score):
            found[name] = float(score)
    return found


def _reasons(row: _Result, details: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Yield each reason once: codes, else why it was skipped, else the message."""
    findings = details.get("findings")
    codes = [each.get("code") for each in findings if isinstance(each, dict)] if isinstance(findings, list) else []
    told = [code for code in dict.fromkeys((details.get("reason_code"), *codes)) if isinstance(code, str) and code]
    if told:
        yield from (("code", code) for code in told)
    elif row.skip_reason:
        yield "skip_reason", row.skip_reason[:_LONGEST]
    elif row.message:
        yield "message", row.message[:_LONGEST]


def _once(names: Sequence[str], notes: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        place = name if name == "-" or "\x00" in name else os.path.realpath(name)
        if place in seen:
            notes.append(f"{name} is named more than once and counts once")
        else:
            seen.add(place)
            yield name


def _read(name: str) -> _Run:
    shown = "<stdin>" if name == "-" else name
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as reason:
        why = (getattr(reason, "strerror", None) or str(reason)).lower()
        raise UsageError(code="E_PATH_NOT_FOUND", message=f"cannot read {name!r}: {why}") from reason
    try:
        return msgspec.json.decode(data, type=_Run)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as reason:
        message = f"this is no run.json: {str(reason)[:_LONGEST]}"
        remedy = "name a run.json that `assay run` wrote, or leave it out to use the store"
        raise InputError(code="E_CFG_KIND", message=message, remedy=remedy, place=Place(shown)) from reason
