"""Why a policy decides an episode as it does: step by step, the end included."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Literal, TypeAlias

import attrs
import msgspec

from assay_core.analysis.refusals import share_kept, told
from assay_core.model import Decision, Episode, JsonObject, JsonValue, Rule, ToolCall, Violation
from assay_core.policy import Policy, Session

__all__ = ["Evaluation", "ExplainedStep", "Explanation", "explain"]

StepVerdict: TypeAlias = Literal["allowed", "warning", "blocked"]
_VERDICTS: dict[str, StepVerdict] = {"allow": "allowed", "warn": "warning", "deny": "blocked"}


@attrs.frozen(kw_only=True)
class Evaluation:
    """What one rule said of one call, or of the end of the episode."""

    rule_id: str
    rule_type: str  # the section of the policy, or the operator of a sequence rule
    passed: bool
    explanation: str
    code: str = ""
    severity: str = ""  # "deny" or "warn" where it did not pass
    pointer: str = ""  # into the arguments
    armed_by: int | None = None  # the index of the call that made the rule apply
    reason: str = ""  # the author's own words

    def document(self) -> JsonObject:
        """Return it under the keys of the format; what is unknown is left out."""
        context = {
            "code": self.code, "severity": self.severity, "pointer": self.pointer, "reason": self.reason,
            "armed_by": "" if self.armed_by is None else str(self.armed_by),
        }  # fmt: skip
        known: dict[str, JsonValue] = {key: value for key, value in context.items() if value}
        head: dict[str, JsonValue] = {
            "rule_id": self.rule_id, "rule_type": self.rule_type, "passed": self.passed,
            "explanation": self.explanation,
        }  # fmt: skip
        return head | {"context": known} if known else head


@attrs.frozen(kw_only=True)
class ExplainedStep:
    """One call and what was said of it."""

    index: int
    call: ToolCall
    verdict: StepVerdict
    evaluations: tuple[Evaluation, ...]  # what broke first, then the rules that looked at the call and held

    def document(self) -> JsonObject:
        """Return it under the keys of the format. Arguments that are no JSON are shown as text."""
        return {
            "index": self.index,
            "tool": self.call.tool,
            "args": _args(self.call),
            "verdict": self.verdict,
            "rules_evaluated": [each.document() for each in self.evaluations],
        }


@attrs.frozen(kw_only=True)
class Explanation:
    """The one engine's verdict on an episode, with its reasons."""

    policy_name: str
    policy_version: str
    episode_id: str
    complete: bool  # False: the trace ends before the episode does, so some rules stay open
    steps: tuple[ExplainedStep, ...]
    closing: tuple[Evaluation, ...]  # unmet at the end of the episode

    @property
    def blocked(self) -> int:
        """How many calls the policy denies."""
        return sum(step.verdict == "blocked" for step in self.steps)

    @property
    def unmet(self) -> int:
        """How many rules that deny are unmet at the end."""
        return sum(each.severity == "deny" for each in self.closing)

    @property
    def passed(self) -> bool:
        """Whether no rule that denies is broken, at the end included."""
        return not self.blocked and not self.unmet

    @property
    def share_kept(self) -> float:
        """The share of calls that nothing denies, 0 to 1; a rule unmet at the end counts as one more call."""
        return share_kept(len(self.steps), self.blocked, self.unmet)

    @property
    def blocking_rules(self) -> tuple[str, ...]:
        """The rules that deny something, sorted."""
        every = [each for step in self.steps for each in step.evaluations] + list(self.closing)
        return tuple(sorted({each.rule_id for each in every if not each.passed and each.severity == "deny"}))

    def document(self) -> JsonObject:
        """Return it under the keys of the format, and `end_of_trace` for what is unmet at the end."""
        first = next((step.index for step in self.steps if step.verdict == "blocked"), None)
        head: dict[str, JsonValue] = {
            "policy_name": self.policy_name,
            "policy_version": self.policy_version,
            "total_steps": len(self.steps),
            "allowed_steps": len(self.steps) - self.blocked,
            "blocked_steps": self.blocked,
        }
        if first is not None:
            head["first_block_index"] = first
        return head | {
            "steps": [step.document() for step in self.steps],
            "end_of_trace": [each.document() for each in self.closing],
            "blocking_rules": list(self.blocking_rules),
        }


def explain(policy: Policy, episode: Episode) -> Explanation:
    """Decide an episode call by call and keep the reasons. Equal to `policy.judge`; a test holds it to that."""
    rules = {rule.id: rule for rule in policy.rules}
    session = policy.session()
    if episode.tool_definitions is not None:
        session.learn(None, episode.tool_definitions)
    steps = []
    for index, call in enumerate(episode.tool_calls):
        decision = policy.decide(call, session)
        evaluations = (*_broken(decision, rules), *_held(policy, session, call, decision, rules))
        session.commit(call, decision)
        steps.append(
            ExplainedStep(index=index, call=call, verdict=_VERDICTS[decision.verdict], evaluations=evaluations)
        )
    closing = session.finish(complete=episode.complete)
    return Explanation(
        policy_name=policy.name or policy.form.file,
        policy_version=policy.form.version,
        episode_id=episode.id,
        complete=episode.complete,
        steps=tuple(steps),
        closing=tuple(_evaluation(violation, rules) for violation in closing.violations),
    )


def _broken(decision: Decision, rules: dict[str, Rule]) -> Iterator[Evaluation]:
    for violation in told(decision.violations):
        yield _evaluation(violation, rules)


def _evaluation(violation: Violation, rules: dict[str, Rule]) -> Evaluation:
    rule = rules.get(violation.rule)
    return Evaluation(
        rule_id=violation.rule,
        rule_type=_type_of(violation.rule, rule),
        passed=False,
        explanation=violation.message,
        code=violation.code,
        severity=violation.severity,
        pointer=violation.pointer,
        armed_by=violation.antecedent,
        reason=rule.reason if rule else "",
    )


def _held(
    policy: Policy, session: Session, call: ToolCall, decision: Decision, rules: dict[str, Rule]
) -> Iterator[Evaluation]:
    """Yield the rules that looked at this very call and found nothing, in the order of deciding."""
    broken = {violation.rule for violation in decision.violations}
    for identity in dict.fromkeys(_concerned(policy, session, call, rules)):
        if identity not in broken:
            rule = rules[identity]
            yield Evaluation(
                rule_id=identity, rule_type=_type_of(identity, rule), passed=True, explanation=rule.text,
                reason=rule.reason,
            )  # fmt: skip


def _concerned(policy: Policy, session: Session, call: ToolCall, rules: Container[str]) -> Iterator[str]:
    plan = policy.plan(call.tool)
    if session.identities is not None:
        yield from (f"tool_pins:{pin.tool}" for pin in plan.pins)
    yield from (policy.limit_rules[place] for place in plan.limits)
    yield from (identity for identity in ("tools.allow", "tools.allow_classes") if identity in rules)
    yield from plan.exercised
    yield from (step.rule.id for step in plan.steps)
    yield from (rule.id for check in policy.checks for rule in check.rules)


def _type_of(identity: str, rule: Rule | None) -> str:
    """Return the section of a rule, or the operator of a sequence rule: its text begins with it."""
    if rule is None:
        return identity.partition(":")[0]
    return rule.text.partition(":")[0] if rule.section == "sequences" else rule.section


def _args(call: ToolCall) -> JsonValue:
    try:
        return call.args
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return (call.args_json or b"").decode("utf-8", "replace")
