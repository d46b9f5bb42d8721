"""Whether a project is worse after patches than it was before."""

from __future__ import annotations

from assay_core.analysis.diagnosis.diagnosis import Diagnosis
from assay_core.analysis.diagnosis.examine import Examination

__all__ = ["what_is_worse"]


def what_is_worse(before: Examination, after: Examination) -> str | None:
    """Return one sentence on what is worse after than before, None where nothing is.

    An error that was hidden before is not new: what comes after a file that did not load, and what a test says of
    an episode that it did not find before.
    """
    old, new = before.project, after.project
    fresh = list(_fresh_errors(before, after))
    if new.loads < old.loads:
        what = "the suite" if new.loads == 0 else "the policy"
        return f"{what} no longer loads" + (f": {fresh[0].message}" if fresh else "")
    if not fresh or new.loads > old.loads:
        return None
    if old.loads < 2 and {each.key for each in _errors(before)} - {each.key for each in _errors(after)}:
        return None
    return f"there is a new error: {fresh[0].message}"


def _fresh_errors(before: Examination, after: Examination) -> list[Diagnosis]:
    known = {each.key for each in _errors(before)}
    missed = {each.subject for each in _errors(before) if each.code == "E_TRACE_MISS"}
    found = missed - {each.subject for each in _errors(after) if each.code == "E_TRACE_MISS"}
    return [
        each for each in _errors(after) if each.key not in known and not (each.area == "test" and each.subject in found)
    ]


def _errors(examination: Examination) -> list[Diagnosis]:
    return [each for each in examination.findings if each.severity == "error"]
