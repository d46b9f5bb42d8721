"""Every episode against the policy: one row each, and what became of every rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from assay_core.model import (
    CompiledPolicy,
    Episode,
    EpisodeVerdict,
    Finding,
    FindingSeverity,
    Notice,
    ResultRow,
    RuleOutcome,
    RuleSummary,
    SourcePlace,
    Status,
    ToolCall,
    Violation,
)

__all__ = ["PolicyRows"]

_PREFIX = "policy:"
_BY_NAME = frozenset({"E_TOOL_CONFUSABLE", "E_TOOL_DENIED", "E_TOOL_NOT_ALLOWED"})
_IMPLIED = frozenset({"E_TOOL_NOT_ALLOWED", "E_TOOL_UNCONSTRAINED"})


class PolicyRows:
    """Decides episodes and keeps count of what each rule did."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self._policy = policy
        self._tally: Counter[tuple[str, str]] = Counter()  # (rule, state) to episodes
        self._incomplete = 0
        self.decided = 0  # tool calls so far

    def decide(self, episodes: Sequence[Episode]) -> list[ResultRow]:
        """Return one row per episode, in their order."""
        return [self._row(episode, self._policy.judge(episode)) for episode in episodes]

    def summaries(self) -> tuple[RuleSummary, ...]:
        """Return what became of each rule, sorted by rule."""
        tally = self._tally
        return tuple(
            RuleSummary(
                rule=rule.id,
                section=rule.section,
                held=tally[rule.id, "held"],
                violated=tally[rule.id, "violated"],
                not_exercised=tally[rule.id, "not_exercised"],
                open=tally[rule.id, "open"],
                decided_by=rule.decided_by,
            )
            for rule in sorted(self._policy.rules, key=lambda rule: rule.id)
        )

    def notices(self) -> Iterator[Notice]:
        """Say what was not settled."""
        if self._incomplete:
            text = f"{self._incomplete} episode(s) have no end; rules that wait for it stay open"
            yield Notice(code="W_TRACE_INCOMPLETE", message=text)

    def _row(self, episode: Episode, verdict: EpisodeVerdict) -> ResultRow:
        self.decided += verdict.decided
        exercised = self._count(verdict.outcomes)
        findings = tuple(self._findings(episode, verdict)) if verdict.decisions or verdict.closing else ()
        if not verdict.complete:
            self._incomplete += 1
        failed = verdict.denied + sum(violation.severity == "deny" for violation in verdict.closing)
        warned = any(finding.severity == "warning" for finding in findings)
        status: Status = "fail" if failed else "warn" if warned else "pass"
        if status == "pass" and not exercised and not verdict.decided:
            return ResultRow(
                test_id=_PREFIX + episode.id,
                kind="policy",
                status="skipped",
                score=None,
                message="not exercised: the episode has no tool call and no rule applies",
                skip_reason="not exercised",
                episode_ids=(episode.id,),
                source=episode.source,
            )
        return ResultRow(
            test_id=_PREFIX + episode.id,
            kind="policy",
            status=status,
            score=0.0 if failed else 1.0,
            message=_message(verdict, failed) if status != "pass" else "ok",
            findings=findings,
            episode_ids=(episode.id,),
            source=episode.source,
            error_code="E_POLICY_VIOLATION" if failed else "",
        )

    def _count(self, outcomes: Sequence[RuleOutcome]) -> bool:
        """Add the outcomes to the tally; return whether any rule was exercised."""
        exercised = False
        tally = self._tally
        for outcome in outcomes:
            tally[outcome.rule, outcome.state] += 1
            exercised = exercised or outcome.state != "not_exercised"
        return exercised

    def _findings(self, episode: Episode, verdict: EpisodeVerdict) -> Iterator[Finding]:
        calls = episode.tool_calls
        unconstrained = Counter(
            calls[entry.call_index].tool
            for entry in verdict.decisions
            if any(_is_unconstrained(violation) for violation in entry.decision.violations)
        )
        for entry in verdict.decisions:
            call = calls[entry.call_index]
            refused_by_name = False
            for violation in entry.decision.violations:
                if refused_by_name and violation.code in _IMPLIED:
                    continue  # a name that is denied is not allowed either: one finding says it
                refused_by_name = refused_by_name or violation.code in _BY_NAME
                if not _is_unconstrained(violation):
                    yield _finding(episode, violation, call)
                elif times := unconstrained.pop(call.tool, 0):  # one finding per tool and episode, with the count
                    yield _finding(episode, violation, call, suffix=f" ({times} calls)" if times > 1 else "")
        for violation in verdict.closing:
            at = violation.antecedent
            yield _finding(episode, violation, calls[at] if at is not None and at < len(calls) else None)


def _is_unconstrained(violation: Violation) -> bool:
    return violation.code == "E_TOOL_UNCONSTRAINED" and violation.severity == "warn"


def _finding(episode: Episode, violation: Violation, call: ToolCall | None, suffix: str = "") -> Finding:
    severity: FindingSeverity = "error" if violation.severity == "deny" else "warning"
    return Finding(
        code=violation.code,
        severity=severity,
        message=violation.message + suffix,
        rule=violation.rule,
        source=SourcePlace(episode.source.file, call.line) if call and call.line else episode.source,
        test_id=_PREFIX + episode.id,
        episode_id=episode.id,
        tool=call.tool if call else "",
        call_index=call.index if call else None,
        pointer=violation.pointer,
    )


def _message(verdict: EpisodeVerdict, failed: int) -> str:
    if not failed:
        return f"{verdict.warned + len(verdict.closing)} warning(s)"
    parts = []
    if verdict.denied:
        parts.append(f"{verdict.denied} of {verdict.decided} tool call(s) break the policy")
    closing = sum(violation.severity == "deny" for violation in verdict.closing)
    if closing:
        parts.append(f"{closing} rule(s) unmet at the end")
    return "; ".join(parts)
