"""Tests that find nothing to check, or nothing at all, in the traces."""

from __future__ import annotations

from collections.abc import Iterator

from assay_core.analysis.diagnosis.diagnosis import Diagnosis
from assay_core.analysis.diagnosis.observing import Observed
from assay_core.analysis.diagnosis.pointers import pointer_of
from assay_core.analysis.diagnosis.project import Project
from assay_core.analysis.repair.ids import patch_id
from assay_core.analysis.repair.patch import Edit, Patch
from assay_core.convert import nearest
from assay_core.errors import Place
from assay_core.model import Outcome, ResultRow, TestCase

__all__ = ["examine_tests"]

_UNDECIDED = frozenset({"E_TRACE_MISS"})


def examine_tests(project: Project, observed: Observed | None) -> Iterator[Diagnosis]:
    """Yield what is wrong with the tests of the suite on these traces."""
    suite = project.suite
    if suite is None or observed is None:
        return
    cases = {case.id: (at, case) for at, case in enumerate(suite.tests)}
    for row in observed.rows:
        if row.kind != "test" or row.test_id not in cases:
            continue
        at, case = cases[row.test_id]
        if row.error_code in _UNDECIDED:
            yield _missed(project, case, at, observed)
        else:
            yield from _idle(case, row)
            yield from _failed(case, row)


def _missed(project: Project, case: TestCase, at: int, observed: Observed) -> Diagnosis:
    select = case.select
    kind = "prompt" if select.prompt is not None else "episode"
    wanted = select.prompt if select.prompt is not None else select.episode or ""
    known = observed.prompts if kind == "prompt" else observed.episode_ids
    guess = nearest(wanted, known)
    hint = f"; the nearest recorded one is {guess!r}" if guess else ""
    what = "prompt" if kind == "prompt" else "episode id"
    message = f"test {case.id!r} matches no episode: no recorded {what} is {wanted!r}{hint}"
    place = _place_of_input(project, at, kind) or case.place
    if guess is None:
        listed = ", ".join(repr(each) for each in list(known)[:3])
        more = f"; recorded are {listed}{', …' if len(known) > 3 else ''}" if listed else ""
        remedy = f"record an episode with this {what}, or correct it{more}"
        return Diagnosis(
            code="E_TRACE_MISS", severity="error", area="test", message=message, place=place, remedy=remedy,
            subject=case.id,
        )  # fmt: skip
    return Diagnosis(
        code="E_TRACE_MISS",
        severity="error",
        area="test",
        message=message,
        place=place,
        remedy=f"write {guess!r} if that is what is meant, else record an episode with this {what}",
        patch=_reworded(project, case, at, kind, guess, message),
        subject=case.id,
    )


def _place_of_input(project: Project, at: int, kind: str) -> Place | None:
    document = project.suite_document
    if document is None:
        return None
    try:
        written = document.at(("tests", at, "input"))
    except LookupError:
        return None
    return document.place(("tests", at, "input") if isinstance(written, str) else ("tests", at, "input", kind))


def _reworded(project: Project, case: TestCase, at: int, kind: str, guess: str, why: str) -> Patch | None:
    document = project.suite_document
    if document is None or project.suite_file is None:
        return None
    try:
        written = document.at(("tests", at, "input"))
    except LookupError:
        return None
    path = ("tests", at, "input") if isinstance(written, str) else ("tests", at, "input", kind)
    return Patch(
        id=patch_id(f"fix_{kind}", case.id),
        title=f"let the test {case.id!r} look at the {kind} {guess!r}",
        risk="medium",
        file=project.suite_file,
        edits=(Edit(op="replace", path=pointer_of(path), value=guess),),
        why=why,
    )


def _idle(case: TestCase, row: ResultRow) -> Iterator[Diagnosis]:
    """Tell of checks that had nothing to check in any episode of their test."""
    for metric, expectation in zip(row.metrics, case.expectations, strict=False):
        if metric.outcome is not Outcome.NOT_APPLICABLE or row.details.get("deferred"):
            continue
        kind = metric.type.removeprefix("assert.")
        yield Diagnosis(
            code="W_CHECK_NOT_EXERCISED",
            severity="warning",
            area="test",
            message=f"the check {kind!r} of test {case.id!r} never applies: it had nothing to check in these traces",
            place=expectation.place,
            remedy="record an episode in which it applies, or correct what it looks at",
        )


def _failed(case: TestCase, row: ResultRow) -> Iterator[Diagnosis]:
    """Tell of a test that fails, once, with its first finding."""
    if row.status not in ("fail", "unstable") or not row.findings:
        return
    first = next((each for each in row.findings if each.severity == "error"), row.findings[0])
    more = f" (and {len(row.findings) - 1} more)" if len(row.findings) > 1 else ""
    yield Diagnosis(
        code=first.code,
        severity="error",
        area="test",
        message=f"test {case.id!r} fails: {first.message}{more}",
        place=Place(first.source.file, first.source.line or 0) if first.source else case.place,
        remedy="look at the episode: correct the agent, or the test",
        subject=case.id,
    )
