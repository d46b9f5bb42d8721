"""Why a policy decides an episode as it does: step by step, the end included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import attrs
import msgspec

from assay_core.analysis.refusals import share_kept, told
from assay_core.model import Decision, Episode, JsonObject, JsonValue, Rule, SourcePlace, ToolCall, Violation
from assay_core.policy import Closing, Policy, Session
from assay_core.policy.deciding.rules import TOTAL_RULE

__all__ = ["Evaluation", "ExplainedStep", "Explaining", "Explanation", "LeftOut", "explain"]

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
    state: Mapping[str, str] = attrs.field(factory=dict)  # what limits and sequence rules had seen before the call
    proposal: str = ""  # the key of what would let a denied call through, for whoever collects denials

    def document(self) -> JsonObject:
        """Return it under the keys of the format. Arguments that are no JSON are shown as text."""
        head: dict[str, JsonValue] = {"index": self.index, "tool": self.call.tool, "args": _args(self.call)}
        if self.call.line is not None:
            head["line"] = self.call.line
        return head | {
            "verdict": self.verdict,
            "rules_evaluated": [each.document() for each in self.evaluations],
            "state_snapshot": dict(self.state),
        }


@attrs.frozen(kw_only=True)
class LeftOut:
    """Calls of an episode that were decided and are not shown."""

    calls: int = 0
    blocked: int = 0
    first_blocked: int | None = None
    rules: frozenset[str] = frozenset()  # that deny some of them


@attrs.frozen(kw_only=True)
class Explanation:
    """The one engine's verdict on an episode, with its reasons."""

    policy_name: str
    policy_version: str
    episode_id: str
    complete: bool  # False: the trace ends before the episode does, so some rules stay open
    steps: tuple[ExplainedStep, ...]
    closing: tuple[Evaluation, ...]  # unmet at the end of the episode
    source: SourcePlace = attrs.field(factory=lambda: SourcePlace("<memory>"))
    left_out: LeftOut = LeftOut()
    proposals: Mapping[str, str] = attrs.field(factory=dict)  # for the rules that are unmet at the end, as in steps

    @property
    def total(self) -> int:
        """How many calls were decided."""
        return len(self.steps) + self.left_out.calls

    @property
    def blocked(self) -> int:
        """How many calls the policy denies."""
        return sum(step.verdict == "blocked" for step in self.steps) + self.left_out.blocked

    @property
    def first_blocked(self) -> int | None:
        """The index of the first call that is denied."""
        shown = [step.index for step in self.steps if step.verdict == "blocked"]
        if self.left_out.first_blocked is not None:
            shown.append(self.left_out.first_blocked)
        return min(shown, default=None)

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
        return share_kept(self.total, self.blocked, self.unmet)

    @property
    def blocking_rules(self) -> tuple[str, ...]:
        """The rules that deny something, sorted."""
        every = [each for step in self.steps for each in step.evaluations] + list(self.closing)
        denying = {each.rule_id for each in every if not each.passed and each.severity == "deny"}
        return tuple(sorted(denying | self.left_out.rules))

    def document(self) -> JsonObject:
        """Return it under the keys of the format, and `end_of_trace` for what is unmet at the end."""
        head: dict[str, JsonValue] = {
            "policy_name": self.policy_name,
            "policy_version": self.policy_version,
            "total_steps": self.total,
            "allowed_steps": self.total - self.blocked,
            "blocked_steps": self.blocked,
        }
        if self.first_blocked is not None:
            head["first_block_index"] = self.first_blocked
        if self.left_out.calls:
            head["omitted_steps"] = self.left_out.calls
        return head | {
            "steps": [step.document() for step in self.steps],
            "end_of_trace": [each.document() for each in self.closing],
            "blocking_rules": list(self.blocking_rules),
        }


class Explaining:
    """Decides one episode call by call, keeping the reasons of the steps that are asked for.

    `calls` yields each call with its decision before it is committed; `step` says why it was decided so.
    """

    def __init__(self, policy: Policy, episode: Episode) -> None:
        self.policy = policy
        self.episode = episode
        self.session = policy.session()
        self._rules = {rule.id: rule for rule in policy.rules}
        self._ran: Counter[str] = Counter()

    def calls(self) -> Iterator[tuple[ToolCall, Decision]]:
        """Yield every call; use once."""
        session = self.session
        if self.episode.tool_definitions is not None:
            session.learn(None, self.episode.tool_definitions)
        for call in self.episode.tool_calls:
            decision = self.policy.decide(call, session)
            yield call, decision
            ran = session.ran
            session.commit(call, decision)
            self._ran[call.tool] += session.ran - ran

    def step(self, call: ToolCall, decision: Decision, proposal: str = "") -> ExplainedStep:
        """Return the reasons for the call that `calls` yielded last."""
        held = _held(self.policy, self.session, call, decision, self._rules)
        return ExplainedStep(
            index=self.session.decided,
            call=call,
            verdict=_VERDICTS[decision.verdict],
            evaluations=(*_broken(decision, self._rules), *held),
            state={f"calls:{call.tool}": str(self._ran[call.tool]), **seen_so_far(self.policy, self.session, call)},
            proposal=proposal,
        )

    def closing(self) -> Closing:
        """Return what the end of the episode shows, once every call was yielded."""
        return self.session.finish(complete=self.episode.complete)

    def explanation(
        self,
        steps: Iterable[ExplainedStep],
        closing: Closing,
        *,
        left_out: LeftOut | None = None,
        proposals: Mapping[str, str] | None = None,
    ) -> Explanation:
        """Return the steps that are to be shown as an explanation."""
        return Explanation(
            policy_name=self.policy.name or self.policy.form.file,
            policy_version=self.policy.form.version,
            episode_id=self.episode.id,
            complete=self.episode.complete,
            steps=tuple(steps),
            closing=tuple(_evaluation(violation, self._rules) for violation in closing.violations),
            source=self.episode.source,
            left_out=left_out or LeftOut(),
            proposals=proposals or {},
        )


def explain(policy: Policy, episode: Episode) -> Explanation:
    """Decide an episode call by call and keep the reasons. Equal to `policy.judge`; a test holds it to that."""
    explaining = Explaining(policy, episode)
    steps = [explaining.step(call, decision) for call, decision in explaining.calls()]
    return explaining.explanation(steps, explaining.closing())


def seen_so_far(policy: Policy, session: Session, call: ToolCall) -> dict[str, str]:
    """Return what the limits of a call and the sequence rules have seen before it, by rule."""
    told: dict[str, str] = {}
    if policy.max_total is not None:
        told[TOTAL_RULE] = f"{session.decided} of {policy.max_total} used"
    for place in policy.plan(call.tool).limits:
        limit, window = policy.form.per_tool[place], session.windows[place]
        if window is None or limit.per_ms is None:
            told[policy.limit_rules[place]] = f"{session.permitted[place]} of {limit.max} used"
        else:
            when = session.clocks[place] if call.ts_ms is None else call.ts_ms
            used = sum(each is None or when is None or each > when - limit.per_ms for each in window)
            told[policy.limit_rules[place]] = f"{used} of {limit.max} used in the last {limit.per_ms / 1000:g} s"
    for rule, state in zip(policy.sequences.rules, session.states, strict=True):
        if text := rule.machine.tell(state, session.ran):
            told[rule.id] = text
    return told


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
