"""The baseline of a coverage: its three figures under the test id `coverage`, in the format of every baseline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import assay_core
from assay_core.analysis.coverage import CoverageReport
from assay_core.errors import InputError
from assay_core.run.baseline.document import Baseline, KnownTest, baseline_bytes, read_baseline
from assay_core.run.baseline.measured import Sample
from assay_core.run.baseline.opening import check_suite, fingerprint_of

__all__ = ["figures_in", "written"]

_TEST = "coverage"
_METRICS = ("overall", "tool", "rule")


def figures_in(path: Path, suite: str) -> Mapping[str, float]:
    """Return the figures that a baseline holds, by metric; entries of tests are not looked at.

    Raises:
        InputError: E_PATH_NOT_FOUND, E_BASELINE_INVALID; E_BASE_MISMATCH for a baseline of another suite or policy,
            and where it holds none of the figures.
    """
    baseline = read_baseline(path)
    check_suite(baseline, suite)
    known = baseline.tests.get(_TEST, KnownTest()).samples
    found = {metric: known[metric].mean for metric in _METRICS if metric in known}
    if not found:
        message = f"{baseline.file} has no entry of {_TEST!r}, so nothing could be compared"
        remedy = "record one: `assay coverage --export-baseline FILE`"
        raise InputError(code="E_BASE_MISMATCH", message=message, remedy=remedy)
    return found


def written(report: CoverageReport, *, suite: str, config: Path | None, now: datetime) -> bytes:
    """Return the file that keeps the figures of a report."""
    samples: dict[str, Sample] = {metric: Sample.single(value) for metric, value in report.figures.items()}
    baseline = Baseline(
        suite=suite,
        assay_version=assay_core.__version__,
        created_at=now.isoformat(),
        config_fingerprint=fingerprint_of(config),
        tests={_TEST: KnownTest(samples=samples)},
    )
    return baseline_bytes(baseline)
