"""A run of the suite as events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from assay_core.canonical import digest
from assay_core.model import Finding, JsonObject, JsonValue, ResultRow, RunReport
from assay_reporter_evidence.bundle.form import Event
from assay_reporter_evidence.export.scrubbing import scrubbed

__all__ = ["DETAILS", "Detail", "run_events", "run_name"]

Detail: TypeAlias = Literal["summary", "observed", "full"]
DETAILS: Final[tuple[Detail, ...]] = ("summary", "observed", "full")
_PHASE = "urn:assay:phase:run"
_COUNTS = (
    "passed", "failed", "warned", "skipped", "errored", "unstable", "flaky", "allowed_on_error", "total", "episodes",
    "tool_calls", "checks_exercised", "findings",
)  # fmt: skip
_RULE = ("rule", "section", "held", "violated", "not_exercised", "open")


def run_name(run: RunReport) -> str:
    """Return a run id that the same run gets again: the number in the store, else one made from its inputs."""
    if run.run_id:
        return f"run_{run.run_id}"
    about = run.provenance
    inputs: list[JsonValue] = [
        run.command, run.suite, about.policy_digest, about.trace_digest, about.config_digest, run.exit_code,
    ]  # fmt: skip
    return "run_" + digest(inputs)[7:23]


def run_events(run: RunReport, detail: Detail, time: str) -> Iterator[Event]:
    """Yield the events of a run: its start, each row, each finding, its end.

    Args:
        run: The run.
        detail: summary: start and end; observed: rows and findings by name, without texts; full: texts as well.
        time: RFC 3339; of all events, for a run has no clock of its own.
    """
    yield Event(type="assay.run.started", data=_started(run), time=time, subject=_PHASE, policy_id=run.policy_digest)
    if detail != "summary":
        for row in run.rows:
            yield _row(row, detail, time, run.policy_digest)
            for finding in row.findings:
                yield _finding(finding, detail, time, run.policy_digest)
    yield Event(type="assay.run.finished", data=_finished(run), time=time, subject=_PHASE, policy_id=run.policy_digest)


def _started(run: RunReport) -> JsonObject:
    about = run.provenance
    return {
        "command": run.command,
        "suite": run.suite,
        "policy_name": run.policy_name,
        "policy_digest": run.policy_digest,
        "trace_digest": about.trace_digest,
        "config_digest": about.config_digest,
        "baseline_digest": about.baseline_digest,
        "plugins": list(about.plugins),
        "order_seed": run.seeds.order_seed,
        "judge_seed": run.seeds.judge_seed,
    }


def _finished(run: RunReport) -> JsonObject:
    return {
        "exit_code": run.exit_code,
        "reason_code": run.reason_code,
        "counts": {name: getattr(run.counts, name) for name in _COUNTS},
        "rules": [{name: getattr(each, name) for name in _RULE} for each in run.rules],
        "unrestricted": list(run.unrestricted),
    }


def _row(row: ResultRow, detail: Detail, time: str, policy: str | None) -> Event:
    data: dict[str, JsonValue] = {
        "test_id": row.test_id,
        "status": row.status,
        "score": row.score,
        "metrics": [{"type": each.type, "outcome": each.outcome.value, "score": each.score} for each in row.metrics],
        "episodes": list(row.episode_ids),
        "error_code": row.error_code,
        "cached": row.cached,
        "findings": len(row.findings),
    }
    if detail == "full":
        data |= {"message": row.message, "prompt": row.prompt, "skip_reason": row.skip_reason}
    kind = "assay.policy.result" if row.kind == "policy" else "assay.test.result"
    return Event(type=kind, data=data, time=time, subject=_subject(row.test_id, detail), policy_id=policy)


def _finding(finding: Finding, detail: Detail, time: str, policy: str | None) -> Event:
    data: dict[str, JsonValue] = {
        "code": finding.code,
        "severity": finding.severity,
        "rule": finding.rule,
        "test_id": finding.test_id,
        "episode_id": finding.episode_id,
        "tool": finding.tool,
        "call_index": finding.call_index,
        "fingerprint": finding.fingerprint,
    }
    if detail == "full":
        data |= {"message": finding.message, "pointer": finding.pointer}
    return Event(type="assay.finding", data=data, time=time, subject=_subject(finding.tool, detail), policy_id=policy)


def _subject(text: str, detail: Detail) -> str:
    return text if detail == "full" else scrubbed(text)
