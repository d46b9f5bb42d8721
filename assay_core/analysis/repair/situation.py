"""What a repair is for: one denied call, or one rule unmet at the end, and how another policy would decide it."""

from __future__ import annotations

from typing import Protocol

import attrs
import msgspec

from assay_core.model import Decision, Episode, JsonValue, ToolCall, Violation
from assay_core.policy import Policy, Session

__all__ = ["Budget", "DeniedCall", "Situation", "UnmetRule", "Unrepairable", "arguments"]


class Unrepairable(Exception):
    """Why no automatic edit settles it, in a sentence for people."""


@attrs.define
class Budget:
    """How many calls may be decided again in order to work repairs out: a trace may be long, and a repair far in."""

    calls: int = 300_000

    def spend(self, calls: int) -> None:
        """Take note of calls that are to be decided.

        Raises:
            Unrepairable: there were too many already.
        """
        if calls > self.calls:
            raise Unrepairable("not worked out: the trace is long; explain its episode or a part of it alone")
        self.calls -= calls


class Situation(Protocol):
    """What stands in the way of something recorded."""

    @property
    def episode(self) -> Episode:
        """The episode it stands in."""

    @property
    def call(self) -> ToolCall | None:
        """The call that is denied; None for the end of the episode."""

    def standing(self, policy: Policy) -> tuple[Violation, ...]:
        """Return what still denies it under a policy, in the order of deciding."""

    def session_under(self, policy: Policy) -> Session:
        """Return the session of a policy just before the call, or at the end."""


@attrs.frozen(kw_only=True)
class DeniedCall:
    """A call that a policy denies."""

    episode: Episode
    call: ToolCall
    index: int
    session: Session  # of the policy that denies it, just before the call
    decision: Decision
    budget: Budget = attrs.field(factory=Budget, eq=False)

    def standing(self, policy: Policy) -> tuple[Violation, ...]:
        """Return the violations that deny the call under a policy."""
        decision = policy.decide(self.call, self.session_under(policy))
        return tuple(each for each in decision.violations if each.severity == "deny")

    def session_under(self, policy: Policy) -> Session:
        """Return the state of another policy just before the call.

        Where no limit counts the call and the sequence rules are the known ones, the known state will do: nothing
        else of it depends on the policy. Otherwise the episode is decided up to the call.
        """
        states = dict(zip((rule.id for rule in self.session.policy.sequences.rules), self.session.states, strict=True))
        wanted = [rule.id for rule in policy.sequences.rules]
        if policy.plan(self.call.tool).limits or not states.keys() >= set(wanted):
            return _decided(policy, self.episode, self.index, self.budget)
        twin = policy.session()
        twin.states = [states[rule] for rule in wanted]
        twin.decided, twin.ran = self.session.decided, self.session.ran
        twin.identities, twin.checks = self.session.identities, list(self.session.checks)
        return twin


@attrs.frozen(kw_only=True)
class UnmetRule:
    """A rule that is unmet at the end of an episode."""

    episode: Episode
    rule: str
    others: frozenset[str]  # further rules that are unmet there, which are none of this one's business
    call: ToolCall | None = None
    budget: Budget = attrs.field(factory=Budget, eq=False)

    def standing(self, policy: Policy) -> tuple[Violation, ...]:
        """Return what is unmet at the end under a policy, apart from the other rules."""
        closing = self.session_under(policy).finish(complete=self.episode.complete).violations
        return tuple(each for each in closing if each.severity == "deny" and each.rule not in self.others)

    def session_under(self, policy: Policy) -> Session:
        """Return the state of a policy at the end of the episode."""
        return _decided(policy, self.episode, len(self.episode.tool_calls), self.budget)


def arguments(call: ToolCall) -> JsonValue:
    """Return the arguments of a call.

    Raises:
        Unrepairable: they are not JSON.
    """
    try:
        return call.args
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        text = "its arguments are not JSON that can be checked, and no policy lets such a call through"
        raise Unrepairable(text) from None


def _decided(policy: Policy, episode: Episode, calls: int, budget: Budget) -> Session:
    """Return the state of a policy after the first calls of an episode."""
    budget.spend(calls)
    session = policy.session()
    if episode.tool_definitions is not None:
        session.learn(None, episode.tool_definitions)
    for call in episode.tool_calls[:calls]:
        session.commit(call, policy.decide(call, session))
    return session
