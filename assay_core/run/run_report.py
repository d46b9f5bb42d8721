"""The report of a run, put together from its verdict and what it read."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

import assay_core
from assay_core.canonical import digest_hex
from assay_core.model import CompiledPolicy, Notice, Performance, Provenance, RunReport, Suite
from assay_core.policy import Policy
from assay_core.run.evaluate import Evaluated
from assay_core.run.gate import Verdict
from assay_core.run.request import RunRequest
from assay_core.run.seeds import seeds_of
from assay_core.run.spool import FindingsOf

__all__ = ["provenance_of", "run_report"]


def run_report(
    verdict: Verdict,
    outcome: Evaluated | None,
    *,
    request: RunRequest,
    suite: Suite | None,
    policy: Policy | None,
    provenance: Provenance,
    performance: Performance,
    notices: Sequence[Notice],
    run_id: int,
) -> RunReport:
    """Return the report; without an outcome that of a run which ended before its checks did."""
    report = RunReport(
        command=request.command,
        suite=suite.name if suite else "",
        exit_code=verdict.exit_code,
        reason_code=verdict.reason_code,
        message=verdict.message,
        next_step=verdict.next_step,
        seeds=seeds_of(suite),
        policy_digest=policy.digest if policy else None,
        policy_name=policy.name if policy else "",
        unrestricted=policy.unrestricted if policy else (),
        provenance=provenance,
        performance=performance,
        notices=tuple(notices),
        run_id=run_id,
        config_file=str(suite.path) if suite and suite.path else None,
        trace_file=request.trace,
    )
    if outcome is None:
        return report
    return attrs.evolve(
        report,
        rows=outcome.rows,
        findings=FindingsOf(outcome.rows, outcome.counts.findings),
        counts=outcome.counts,
        rules=outcome.rules,
        judge_metrics=outcome.judge_metrics,
        seeds=seeds_of(suite, judged=outcome.judge_metrics is not None),
        baseline=outcome.baseline,
    )


def provenance_of(
    suite: Suite | None,
    policy: CompiledPolicy | None,
    *,
    trace_digest: str | None,
    baseline_digest: str | None,
    plugins: set[str],
) -> Provenance:
    """Return which assay looked at what."""
    config = suite.path if suite else None
    return Provenance(
        assay_version=assay_core.__version__,
        policy_digest=policy.digest if policy else None,
        trace_digest=trace_digest,
        config_digest="sha256:" + digest_hex(config.read_bytes()) if config and config.is_file() else None,
        baseline_digest=baseline_digest,
        plugins=tuple(sorted(plugins)),
    )
