"""The baseline that a run asks for: read, checked against the suite, with the tolerances that the suite sets."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import assay_core
from assay_core.errors import InputError, UsageError
from assay_core.model import BaselineReport, Notice, Suite
from assay_core.run.baseline.comparing import DEFAULT_MAX_DROP, Tolerance
from assay_core.run.baseline.document import Baseline, read_baseline
from assay_core.run.baseline.settling import Against
from assay_core.run.request import RunRequest

__all__ = [
    "absolute_notice",
    "check_suite",
    "comparison_notices",
    "fingerprint_of",
    "loading_notices",
    "open_against",
    "tolerance_of",
]

_LISTED = 5
UNKNOWN = "md5:unknown"


def open_against(request: RunRequest, suite: Suite) -> Against | None:
    """Return what the run is compared with, None where it asks for nothing.

    Raises:
        UsageError: E_INVALID_ARGS, options that exclude one another.
        InputError: E_PATH_NOT_FOUND, E_BASELINE_INVALID, E_BASE_MISMATCH.
    """
    if request.baseline is None and request.export_baseline is None:
        return None
    _refuse_misfits(request, suite)
    if request.baseline is None:
        return None
    baseline = read_baseline(request.baseline)
    check_suite(baseline, suite.name)
    if request.command == "validate":
        return None
    return Against(baseline=baseline, tolerance=tolerance_of(suite, request.max_drop))


def check_suite(baseline: Baseline, suite: str) -> None:
    """Return if the baseline is one of this suite.

    Raises:
        InputError: E_BASE_MISMATCH.
    """
    if baseline.suite != suite:
        message = f"{baseline.file} is a baseline of the suite {baseline.suite!r}, not of {suite!r}"
        raise InputError(code="E_BASE_MISMATCH", message=message)


def tolerance_of(suite: Suite | None, max_drop: float | None) -> Tolerance:
    """Return how far each score may fall: what the expectation says, its test, `--max-drop`, the settings, 0.05."""
    if suite is None:
        return Tolerance(max_drop=DEFAULT_MAX_DROP if max_drop is None else max_drop)
    settings = suite.settings.thresholding
    if settings.mode == "absolute" and max_drop is None:
        return Tolerance(max_drop=None)
    found: dict[tuple[str, str], float] = {}
    for case in suite.tests:
        seen: Counter[str] = Counter()
        for each in case.expectations:
            seen[each.type] += 1
            name = each.type if seen[each.type] == 1 else f"{each.type}#{seen[each.type]}"
            if each.thresholding.max_drop is not None:
                found[case.id, name] = each.thresholding.max_drop
    general = settings.max_drop if max_drop is None else max_drop
    return Tolerance(max_drop=DEFAULT_MAX_DROP if general is None else general, by_metric=found)


def fingerprint_of(config: Path | None) -> str:
    """Return `md5:` and the digest of the suite's bytes, as the format has it; `md5:unknown` where there are none."""
    try:
        data = config.read_bytes() if config is not None else None
    except OSError:
        data = None
    if data is None:
        return UNKNOWN
    return f"md5:{hashlib.md5(data, usedforsecurity=False).hexdigest()}"  # as the format says; it guards nothing


def loading_notices(against: Against, suite: Suite) -> Iterator[Notice]:
    """Say what a user should know of the baseline before anything is compared."""
    baseline = against.baseline
    reasons = []
    known = (baseline.config_fingerprint, fingerprint_of(suite.path))
    if UNKNOWN not in known and known[0] != known[1]:
        reasons.append("the suite's file has changed since")
    if baseline.assay_version != assay_core.__version__:
        reasons.append(f"it was recorded by assay {baseline.assay_version or 'of an unknown version'}")
    if reasons:
        yield Notice(code="W_BASELINE_STALE", message=f"{baseline.file}: {', and '.join(reasons)}")
    yield from absolute_notice(against.tolerance)


def absolute_notice(tolerance: Tolerance) -> Iterator[Notice]:
    """Say that drops fail nothing, where that is so."""
    if tolerance.max_drop is None:
        text = "settings.thresholding.mode is absolute: drops below the baseline are shown and fail nothing"
        yield Notice(code="W_BASELINE_ABSOLUTE", message=text)


def comparison_notices(report: BaselineReport) -> Iterator[Notice]:
    """Say what the comparison found besides regressions."""
    doubtful = report.of("inconclusive")
    if doubtful:
        named = _listed([f"{change.test_id} ({change.metric})" for change in doubtful])
        text = f"{len(doubtful)} score(s) fell and may have by chance; more attempts would settle it: {named}"
        yield Notice(code="W_BASELINE_INCONCLUSIVE", message=text)
    parts = []
    for what, pairs in (("new", report.new), ("missing", report.missing), ("not compared", report.not_compared)):
        if pairs:
            named = _listed([f"{test_id} ({metric})" for test_id, metric in pairs])
            parts.append(f"{len(pairs)} {what}: {named}")
    if report.renamed:
        named = _listed([f"{old} is now {new}" for old, new in report.renamed])
        parts.append(f"{len(report.renamed)} renamed: {named}")
    if parts:
        yield Notice(code="W_BASELINE_TESTS", message=f"beside the baseline: {'; '.join(parts)}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _refuse_misfits(request: RunRequest, suite: Suite) -> None:
    message = ""
    if request.baseline is not None and request.export_baseline is not None:
        message = "--baseline compares and --export-baseline records: a run does one of both"
    elif request.incremental:
        name = "--baseline" if request.baseline is not None else "--export-baseline"
        message = f"--incremental skips tests, and skipped tests have no scores for {name}"
    elif not suite.tests:
        message = "a baseline is about tests, and this run has none"
    if message:
        raise UsageError(code="E_INVALID_ARGS", message=message)
