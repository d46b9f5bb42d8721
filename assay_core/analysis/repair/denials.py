"""What a policy denies in a trace, each kind of it once: what repairs are worked out for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import attrs

from assay_core.analysis.repair.situation import Budget, DeniedCall, Situation, UnmetRule
from assay_core.model import Decision, Episode, ToolCall, Violation
from assay_core.policy import Closing, Policy, Session

__all__ = ["MAX_SITUATIONS", "Denials", "collect", "decided"]

MAX_SITUATIONS = 50  # that are worked out; what is denied in a long trace repeats itself
_EPISODES_PER_RULE = 3  # in which one rule is unmet: each may need another number
_BY_ARGUMENTS = frozenset(("E_ARG_SCHEMA", "E_TOOL_UNCONSTRAINED"))


@attrs.define
class Denials:
    """Situations by a key that says how they are alike. Memory is bounded.

    What is denied in the same way, with the same arguments, is one situation. A limit needs a higher number for
    every call beyond it: of these the first and the last are kept.
    """

    policy: Policy
    most: int = MAX_SITUATIONS
    found: dict[str, Situation] = attrs.field(factory=dict)
    left_out: int = 0  # denials that are like none of those kept, once there are enough
    budget: Budget = attrs.field(factory=Budget)
    _counted: frozenset[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Find the rules that count calls."""
        limits = {rule.id for rule in self.policy.rules if rule.section == "limits"}
        counting = {rule.id for rule in self.policy.sequences.rules if rule.machine.counts}
        self._counted = frozenset(limits | counting)

    def add_call(self, episode: Episode, call: ToolCall, decision: Decision, session: Session) -> str:
        """Take note of a denied call, before it is committed; return the key of its situation, "" for none."""
        violations = [each for each in decision.violations if each.severity == "deny"]
        key = self._key(violations, call, episode)
        if key in self.found and any(each.rule in self._counted for each in violations):
            key = f"{key} last"
        elif key in self.found:
            return key
        if key not in self.found and len(self.found) >= self.most:
            self.left_out += 1
            return ""
        self.found[key] = DeniedCall(
            episode=episode,
            call=call,
            index=session.decided,
            session=session.fork(),
            decision=decision,
            budget=self.budget,
        )
        return key

    def add_closing(self, episode: Episode, closing: Closing) -> dict[str, str]:
        """Take note of the rules that are unmet at the end; return the key of each."""
        unmet = {each.rule for each in closing.violations if each.severity == "deny"}
        keys = {}
        for rule in sorted(unmet):
            names = [f"unmet {rule} {number}" for number in range(_EPISODES_PER_RULE)]
            key = next((name for name in names if name not in self.found), names[0])
            if key not in self.found and len(self.found) >= self.most:
                self.left_out += 1
                continue
            if key not in self.found:
                others = frozenset(unmet - {rule})
                self.found[key] = UnmetRule(episode=episode, rule=rule, others=others, budget=self.budget)
            keys[rule] = key
        return keys

    def _key(self, violations: list[Violation], call: ToolCall, episode: Episode) -> str:
        told: list[object] = [call.tool, [[each.code, each.rule, each.pointer, each.keyword] for each in violations]]
        if any(each.code in _BY_ARGUMENTS for each in violations):
            told.append((call.args_json or b"").decode("utf-8", "replace"))
        if any(each.rule in self._counted for each in violations):
            told.append(episode.id)
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def collect(denials: Denials, episode: Episode) -> None:
    """Take note of all that the policy denies in an episode."""
    policy = denials.policy
    verdict = policy.judge(episode)
    if not verdict.denied and not any(each.severity == "deny" for each in verdict.closing):
        return
    session = policy.session()
    for call, decision in decided(policy, session, episode):
        if decision.verdict == "deny":
            denials.add_call(episode, call, decision, session)
    denials.add_closing(episode, session.finish(complete=episode.complete))


def decided(policy: Policy, session: Session, episode: Episode) -> Iterator[tuple[ToolCall, Decision]]:
    """Yield every call with its decision; it is committed when the next one is asked for."""
    if episode.tool_definitions is not None:
        session.learn(None, episode.tool_definitions)
    for call in episode.tool_calls:
        decision = policy.decide(call, session)
        yield call, decision
        session.commit(call, decision)
