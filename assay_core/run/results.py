"""From results of checks to rows of the report."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from assay_core.errors import AssayError, PluginFault
from assay_core.model import Episode, Finding, JsonObject, MetricResult, Outcome, ResultRow, Settings, Status, TestCase
from assay_core.run.baseline.identity import test_digest
from assay_core.run.border import problem_of
from assay_core.run.case_state import CaseState
from assay_core.run.plan import PlannedCheck
from assay_core.store import PassedBefore

__all__ = ["checked_results", "failed_row", "finished", "unchanged_row"]


def checked_results(
    check: PlannedCheck, answer: object, episodes: Sequence[Episode], *, test_id: str
) -> Sequence[MetricResult]:
    """Return what a metric answered, complete with test and episode, or refuse it.

    Raises:
        PluginFault: not one result per episode, a score outside 0..1, a violation without a finding.
    """
    wanted = len(episodes) if check.needs_episode else 1
    if not isinstance(answer, Sequence) or len(answer) != wanted:
        found = len(answer) if isinstance(answer, Sequence) else type(answer).__name__
        raise _fault(check, f"measure returned {found} where {wanted} result(s) are due")
    results = []
    for at, result in enumerate(answer):
        if problem := problem_of(result):
            raise _fault(check, problem)
        episode = episodes[at] if check.needs_episode else None
        results.append(_completed(result, check, episode, test_id) if result.findings else result)
    return results


def failed_row(case: TestCase, error: AssayError) -> ResultRow:
    """Return the row of a test that could not be evaluated."""
    return ResultRow(
        test_id=case.id,
        status="error",
        score=None,
        message=error.message,
        prompt=case.select.prompt,
        error_code=error.code,
        error_policy="block",
        findings=(Finding(code=error.code, message=error.message, test_id=case.id),),
    )


def unchanged_row(case: TestCase, before: PassedBefore) -> ResultRow:
    """Return the row of a test that an earlier run passed with the same inputs."""
    reason = "fingerprint match"
    about: JsonObject = {
        "reason": reason,
        "fingerprint": before.fingerprint,
        "previous_run_id": before.run_id,
        "previous_at": before.at,
        "origin_run_id": before.run_id,
        "previous_score": before.score,
    }
    return ResultRow(
        test_id=case.id,
        status="skipped",
        score=None,
        message=f"skipped: {reason}",
        prompt=case.select.prompt,
        fingerprint=before.fingerprint,
        skip_reason=reason,
        details={"skip": about},
    )


def finished(state: CaseState, settings: Settings, *, with_time: bool) -> ResultRow:
    """Return the row of a test whose episodes have all been folded."""
    state.fold_last_own()
    case = state.test.case
    if state.duplicate is not None:
        return failed_row(case, _duplicate(state))
    status = _status(state)
    metrics = state.metrics()
    scores = [row.score for row in metrics if row.score is not None]
    allowed = status == "error" and (case.on_error or settings.on_error) == "allow" and _only_services(state)
    listed = len(state.attempts)
    details: dict[str, object] = {"episodes": state.count} if state.count > 1 else {}
    if state.count > listed:
        details["attempts_not_listed"] = state.count - listed
    flakes = [each for each in state.flakes if each["episode_id"] is None or each["episode_id"] in state.episode_ids]
    if flakes:
        details["flake"] = {"attempts": flakes}
        status = "flaky" if status in ("pass", "warn") else status
    if state.deferred:
        details["deferred"] = list(state.deferred)
    if state.behaviour is not None:
        details["test_digest"] = test_digest(case)
        if state.count:
            details["behaviour"] = state.behaviour.result().to_json()
    return ResultRow(
        test_id=case.id,
        status="allowed_on_error" if allowed else status,
        score=min(scores) if scores else None,
        message=_message(state, status),
        metrics=metrics,
        findings=tuple(state.findings),
        episode_ids=tuple(state.episode_ids),
        prompt=case.select.prompt,
        source=state.source,
        attempts=tuple(state.attempts) if state.count > 1 else (),
        duration_ms=round(state.duration_s * 1000, 3) if with_time else None,
        skip_reason="not exercised" if status == "skipped" else None,
        error_code=_error_code(state, status),
        error_policy=("allow" if allowed else "block") if state.errors else "",
        details=details,  # type: ignore[arg-type]  # plain JSON values by construction
    )


def _status(state: CaseState) -> Status:
    seen = {status for status, count in state.statuses.items() if count}
    if not seen:
        return "skipped"
    for status in ("error", "fail"):
        mixed = status == "fail" and not state.test.case.select.match_all and seen & {"pass", "warn"}
        if status in seen:
            return "unstable" if mixed else status
    return next(status for status in ("unstable", "warn", "pass", "skipped") if status in seen)


def _message(state: CaseState, status: Status) -> str:
    if state.errors:
        return state.errors[0].message
    if status == "skipped":
        deferred = ", ".join(state.deferred)
        return f"left to `assay run`: {deferred}" if deferred else "not exercised: nothing to check in this trace"
    if status == "unstable" and not state.abstained:
        passed = state.statuses["pass"] + state.statuses["warn"]
        return f"attempts disagree: {passed} of {state.count} passed"
    if status == "unstable":
        return "a judge abstained"
    if status == "flaky":
        return "flake detected (rerun passed)"
    if status == "fail":
        failed = [row.type for row in state.metrics() if row.outcome is Outcome.VIOLATED]
        return f"failed: {', '.join(dict.fromkeys(failed))}"
    return "ok"


def _error_code(state: CaseState, status: Status) -> str:
    if state.errors:
        return state.errors[0].code
    if status == "unstable":
        return "E_JUDGE_UNCERTAIN" if state.abstained else "E_UNSTABLE"
    return ""


def _only_services(state: CaseState) -> bool:
    return all(error.exit_code == 3 for error in state.errors)


def _duplicate(state: CaseState) -> AssayError:
    episode = state.duplicate
    assert episode is not None  # noqa: S101 - the caller looked
    return AssayError(
        code="E_TRACE_DUPLICATE",
        message=f"test {state.test.case.id!r} matches {state.count} episodes and settings.attempts is `error`",
        place=state.test.case.place,
    )


def _fault(check: PlannedCheck, message: str) -> PluginFault:
    who = f"{check.record.dist} {check.record.version}"
    return PluginFault(message=f"{who}: {check.stage}: {message}", distribution=who, stage=check.stage)


def _completed(result: MetricResult, check: PlannedCheck, episode: Episode | None, test_id: str) -> MetricResult:
    findings = tuple(
        attrs.evolve(
            finding,
            test_id=test_id,
            rule=finding.rule or check.expectation.type,
            episode_id=finding.episode_id or (episode.id if episode else ""),
            source=finding.source or (episode.source if episode else None),
        )
        for finding in result.findings
    )
    return attrs.evolve(result, findings=findings)
