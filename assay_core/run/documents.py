"""run.json and summary.json: what machines read of a run. Formats: docs/reference/outputs.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import attrs
import msgspec

from assay_core.model import Finding, JsonObject, JsonValue, MetricRow, Outcome, ResultRow, RunReport, Seeds
from assay_core.run.baseline.telling import comparison_counts, comparison_json

__all__ = ["finding_json", "row_json", "summary_bytes", "write_run_json"]

REASON_CODE_VERSION = 1
SUMMARY_VERSION = 1
_encode = msgspec.json.Encoder().encode


def write_run_json(run: RunReport, sink: BinaryIO) -> None:
    """Write run.json row by row; the rows of a large run are never in memory together.

    A run that an error ended before any check has the seven keys of an early exit and no rows.
    """
    if run.reason_code and not run.counts.total:
        sink.write(_pretty(_early(run)) + b"\n")
        return
    head: dict[str, JsonValue] = {"run_id": run.run_id, "suite": run.suite}
    sink.write(_pretty(head)[:-2] + b',\n  "results": [')
    separator = b"\n    "
    for row in run.rows:
        sink.write(separator + _pretty(row_json(row)).replace(b"\n", b"\n    "))
        separator = b",\n    "
    sink.write(b"\n  ],\n" if run.rows else b"],\n")
    sink.write(_pretty(_tail(run))[2:] + b"\n")


def summary_bytes(run: RunReport) -> bytes:
    """Return summary.json, keys in the order of its reference."""
    provenance: dict[str, JsonValue] = {"assay_version": run.provenance.assay_version, "verify_mode": "enabled"}
    for key, value in (
        ("policy_pack_digest", run.provenance.policy_digest),
        ("baseline_digest", run.provenance.baseline_digest),
        ("trace_digest", run.provenance.trace_digest),
        ("config_digest", run.provenance.config_digest),
    ):
        if value is not None:
            provenance[key] = value
    if run.provenance.plugins:
        provenance["plugins"] = list(run.provenance.plugins)
    body: dict[str, JsonValue] = {
        "schema_version": SUMMARY_VERSION,
        "reason_code_version": REASON_CODE_VERSION,
        "exit_code": run.exit_code,
        "reason_code": run.reason_code,
        "message": run.message,
    }
    if run.next_step:
        body["next_step"] = run.next_step
    body["provenance"] = provenance
    if run.counts.total:
        body["results"] = _results(run)
        body["performance"] = _performance(run)
    seeds = run.seeds if run.counts.total else Seeds()
    body["seeds"] = {
        "seed_version": seeds.seed_version,
        "order_seed": seeds.order_seed,
        "judge_seed": seeds.judge_seed,
    }
    if run.judge_metrics is not None:
        body["judge_metrics"] = run.judge_metrics
    if run.omitted.get("sarif"):
        body["sarif"] = {"omitted": run.omitted["sarif"]}
    if run.baseline is not None:
        body["baseline"] = comparison_counts(run.baseline)
    return _pretty(body) + b"\n"


def row_json(row: ResultRow) -> dict[str, JsonValue]:
    """Return one result row as run.json has it."""
    body: dict[str, JsonValue] = {
        "test_id": row.test_id,
        "status": row.status,
        "score": row.score,
        "cached": row.cached,
        "message": row.message,
        "details": _details(row),
        "duration_ms": row.duration_ms,
        "fingerprint": row.fingerprint,
        "skip_reason": row.skip_reason,
        "attempts": [
            {
                "attempt_no": attempt.number,
                "status": attempt.status,
                "message": attempt.message,
                "duration_ms": None,
                "details": {"episode_id": attempt.episode_id},
            }
            for attempt in row.attempts
        ]
        or None,
    }
    if row.error_policy:
        body["error_policy_applied"] = row.error_policy
    return body


def finding_json(finding: Finding) -> dict[str, JsonValue]:
    """Return one finding, absent parts left out."""
    parts: dict[str, JsonValue] = {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "rule": finding.rule,
        "file": finding.source.file if finding.source else None,
        "line": finding.source.line if finding.source else None,
        "test_id": finding.test_id,
        "episode_id": finding.episode_id,
        "tool": finding.tool,
        "call_index": finding.call_index,
        "pointer": finding.pointer,
        "fingerprint": finding.fingerprint,
    }
    return {key: value for key, value in parts.items() if value not in (None, "")}


def _details(row: ResultRow) -> JsonObject:
    details: dict[str, JsonValue] = {}
    if row.metrics:
        names: Counter[str] = Counter()
        metrics: dict[str, dict[str, JsonValue]] = {}
        for metric in row.metrics:
            names[metric.type] += 1
            name = metric.type if names[metric.type] == 1 else f"{metric.type}#{names[metric.type]}"
            metrics[name] = {
                "score": metric.score,
                "passed": metric.outcome in (Outcome.HELD, Outcome.NOT_APPLICABLE),
                "unstable": metric.outcome is Outcome.ABSTAINED,
                "exercised": metric.outcome is not Outcome.NOT_APPLICABLE,
                "details": metric.details,
            }
            if metric.measured > 1:
                metrics[name] |= {"attempts": _attempts(metric)}
        details["metrics"] = dict(metrics)
    if row.prompt is not None:
        details["prompt"] = row.prompt
    if row.episode_ids:
        details["assay.replay"] = True
        details["episodes"] = list(row.episode_ids)
    if row.findings:
        details["findings"] = [finding_json(finding) for finding in row.findings]
    if row.error_code:
        details["reason_code"] = row.error_code
    details.update({key: value for key, value in row.details.items() if key not in details})
    return details


def _attempts(metric: MetricRow) -> JsonObject:
    body: dict[str, JsonValue] = {"measured": metric.measured, "passed": metric.passed or 0}
    if metric.scores:
        body["scores"] = list(metric.scores)
    return body


def _tail(run: RunReport) -> dict[str, JsonValue]:
    warnings: list[JsonValue] = [str(notice) for notice in run.notices]
    resolution: dict[str, JsonValue] = {
        "exit_code": run.exit_code,
        "reason_code": run.reason_code,
        "message": run.message,
    }
    if run.next_step:
        resolution["next_step"] = run.next_step
    if warnings:
        resolution["warnings"] = warnings
    tail: dict[str, JsonValue] = {
        "order_seed": run.seeds.order_seed,
        "exit_code": run.exit_code,
        "reason_code": run.reason_code,
        "reason_code_version": REASON_CODE_VERSION,
        "seed_version": run.seeds.seed_version,
        "judge_seed": run.seeds.judge_seed,
    }
    if run.judge_metrics is not None:
        tail["judge_metrics"] = run.judge_metrics
    if run.omitted.get("sarif"):
        tail["sarif"] = {"omitted": run.omitted["sarif"]}
    if run.baseline is not None:
        tail["baseline"] = comparison_json(run.baseline)
    if run.policy_digest is not None:
        tail["policy"] = _policy(run)
    tail["resolution"] = resolution
    if warnings:
        tail["warnings"] = warnings
    return tail


def _early(run: RunReport) -> dict[str, JsonValue]:
    tail = _tail(attrs.evolve(run, seeds=Seeds(), policy_digest=None, judge_metrics=None, omitted={}, baseline=None))
    first = ("exit_code", "reason_code", "reason_code_version", "seed_version", "order_seed", "judge_seed")
    return {key: tail[key] for key in (*first, "resolution")}


def _policy(run: RunReport) -> dict[str, JsonValue]:
    rules: list[JsonValue] = [attrs.asdict(rule) for rule in run.rules]
    return {
        "name": run.policy_name,
        "digest": run.policy_digest,
        "unrestricted": list(run.unrestricted),
        "rules": rules,
    }


def _results(run: RunReport) -> dict[str, JsonValue]:
    counts = run.counts
    body: dict[str, JsonValue] = {
        "passed": counts.passed + counts.warned + counts.allowed_on_error,
        "failed": counts.failed + counts.errored,
    }
    for key, value in (("warned", counts.warned), ("skipped", counts.skipped), ("unstable", counts.unstable)):
        if value:
            body[key] = value
    body["total"] = counts.total
    return body


def _performance(run: RunReport) -> dict[str, JsonValue]:
    times = run.performance
    slowest: list[JsonValue] = [{"test_id": name, "duration_ms": ms} for name, ms in times.slowest]
    return {
        "total_duration_ms": times.total_ms,
        "cache_hit_rate": times.cache_hit_rate,
        "slowest_tests": slowest,
        "phase_timings": {"ingest_ms": times.ingest_ms, "eval_ms": times.eval_ms, "report_ms": times.report_ms},
    }


def _pretty(value: Mapping[str, JsonValue]) -> bytes:
    return msgspec.json.format(_encode(value), indent=2)


def diagnostics(run: RunReport) -> Iterator[dict[str, JsonValue]]:
    """Yield findings and notices as `assay validate --format json` lists them, errors first."""
    rank: Sequence[str] = ("error", "warning", "note")
    found = [_diagnostic(finding) for finding in run.findings]
    found += [
        {
            "code": notice.code,
            "severity": "note",
            "source": "assay",
            "message": notice.message,
            "context": {"file": notice.place.file, "line": notice.place.line} if notice.place else {},
            "fix_steps": [],
        }
        for notice in run.notices
    ]
    yield from sorted(
        found, key=lambda each: (rank.index(str(each["severity"])), str(each["code"]), str(each["message"]))
    )


def _diagnostic(finding: Finding) -> dict[str, JsonValue]:
    context = {key: value for key, value in finding_json(finding).items() if key not in ("code", "severity", "message")}
    source = "policy" if finding.test_id.startswith("policy:") else "test"
    return {
        "code": finding.code,
        "severity": finding.severity,
        "source": source,
        "message": finding.message,
        "context": context,
        "fix_steps": _remedy(finding.code),
    }


def _remedy(code: str) -> list[JsonValue]:
    from assay_core.errors import find_code

    known = find_code(code, "decision") or find_code(code)
    return [known.remedy] if known else []
