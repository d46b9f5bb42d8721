"""A baseline made of what a run measured: of its rows, or of the rows that the store kept."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path

import assay_core
from assay_core.documents import write_atomic
from assay_core.model import JsonObject, Notice, RunReport
from assay_core.run.baseline.document import Baseline, KnownTest, baseline_bytes
from assay_core.run.baseline.measured import Measured, measured_of
from assay_core.run.baseline.opening import fingerprint_of
from assay_core.run.documents import row_json
from assay_core.run.keeping import now_s

__all__ = ["baseline_of", "export_baseline"]


def baseline_of(
    run: Iterable[Measured], *, suite: str, fingerprint: str, git_info: JsonObject | None = None
) -> Baseline:
    """Return the baseline of what was measured; tests without any score are not in it."""
    tests = {
        each.test_id: KnownTest(samples=each.samples, digest=each.digest, behaviour=each.behaviour, is_own=True)
        for each in run
        if each.samples
    }
    return Baseline(
        suite=suite,
        assay_version=assay_core.__version__,
        created_at=datetime.datetime.fromtimestamp(now_s(), datetime.UTC).isoformat(),
        config_fingerprint=fingerprint,
        git_info=git_info,
        tests=tests,
    )


def export_baseline(report: RunReport, path: Path) -> Iterator[Notice]:
    """Write the scores of a run as a baseline; yield what the user should know.

    Nothing is written where the run has no complete scores, so that an old baseline stays as it is.

    Raises:
        InputError: E_DOCUMENT_LIMIT.
        ServiceError: E_IO.
    """
    cut_short = any(row.skip_reason == "bail" for row in report.rows)
    if report.exit_code > 1 or cut_short:
        why = "the run ended early" if cut_short else report.reason_code
        yield Notice(code="W_BASELINE_WRITTEN", message=f"{path} was not written: {why}")
        return
    baseline = baseline_of(
        _measured(report),
        suite=report.suite,
        fingerprint=fingerprint_of(Path(report.config_file) if report.config_file else None),
    )
    if not baseline.tests:
        yield Notice(code="W_BASELINE_WRITTEN", message=f"{path} was not written: no test has a score")
        return
    write_atomic(path, baseline_bytes(baseline))
    if report.exit_code:
        text = f"{path} records a run that failed: whoever is compared with it need not be better"
        yield Notice(code="W_BASELINE_WRITTEN", message=text)


def _measured(report: RunReport) -> Iterator[Measured]:
    for row in report.rows:
        if row.kind == "test":
            details = row_json(row)["details"]
            yield measured_of(row.test_id, details if isinstance(details, dict) else {})
