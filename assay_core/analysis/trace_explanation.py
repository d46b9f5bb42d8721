"""A whole trace explained: what is worth showing of it is kept, all of it is counted."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from assay_core.analysis.explanation import ExplainedStep, Explaining, Explanation, LeftOut
from assay_core.analysis.repair.denials import Denials
from assay_core.model import Episode, JsonObject, JsonValue
from assay_core.policy import Policy

__all__ = ["Shown", "TraceExplanation", "explain_trace"]

_MAX_RULES = 1_000  # rules that deny something and are named


@attrs.frozen(kw_only=True)
class Shown:
    """How much of a trace is kept for showing."""

    whole: int = 200  # up to so many calls every step is kept; of a longer trace only those that are denied
    most: int | None = 200  # denied steps that are kept; None: all
    blocked_only: bool = False


@attrs.define(kw_only=True)
class TraceExplanation:
    """What a policy says of every episode of a trace."""

    policy_name: str
    policy_version: str
    shown: list[Explanation] = attrs.field(factory=list)  # in the order of the trace
    episodes: int = 0
    steps: int = 0
    blocked: int = 0
    warned: int = 0
    unmet: int = 0  # rules that deny and are unmet at the end of an episode
    first_block: tuple[str, int] | None = None  # episode and index
    blocking_rules: set[str] = attrs.field(factory=set)

    @property
    def passed(self) -> bool:
        """Whether no rule that denies is broken anywhere, ends of episodes included."""
        return not self.blocked and not self.unmet

    @property
    def omitted_steps(self) -> int:
        """How many calls are counted and not shown."""
        return self.steps - sum(len(each.steps) for each in self.shown)

    @property
    def omitted_blocked(self) -> int:
        """How many denied calls are counted and not shown."""
        return self.blocked - sum(step.verdict == "blocked" for each in self.shown for step in each.steps)

    def document(self) -> JsonObject:
        """Return it under the keys of the format: flat for one episode, else the totals and `episodes`."""
        if self.episodes == 1 and len(self.shown) == 1:
            return {"episode_id": self.shown[0].episode_id, **self.shown[0].document()}
        head: dict[str, JsonValue] = {
            "policy_name": self.policy_name,
            "policy_version": self.policy_version,
            "total_episodes": self.episodes,
            "total_steps": self.steps,
            "allowed_steps": self.steps - self.blocked,
            "blocked_steps": self.blocked,
            "unmet_at_end": self.unmet,
            "omitted_steps": self.omitted_steps,
            "omitted_episodes": self.episodes - len(self.shown),
        }
        if self.first_block is not None:
            head |= {"first_block_episode": self.first_block[0], "first_block_index": self.first_block[1]}
        return head | {
            "episodes": [{"episode_id": each.episode_id, **each.document()} for each in self.shown],
            "blocking_rules": sorted(self.blocking_rules),
        }


def explain_trace(
    policy: Policy, episodes: Iterable[Episode], *, shown: Shown | None = None, denials: Denials | None = None
) -> TraceExplanation:
    """Decide every episode and keep what is worth showing. Memory does not grow with the trace.

    Args:
        policy: What decides.
        episodes: A stream will do; it is read once.
        shown: How much is kept.
        denials: Where to note what repairs are to be worked out for.
    """
    reading = _Reading(policy, shown or Shown(), denials)
    for episode in episodes:
        reading.add(episode)
    return reading.told


class _Reading:
    """The state of explaining a trace."""

    def __init__(self, policy: Policy, shown: Shown, denials: Denials | None) -> None:
        self.policy = policy
        self.told = TraceExplanation(policy_name=policy.name or policy.form.file, policy_version=policy.form.version)
        self._shown = shown
        self._denials = denials
        self._whole = not shown.blocked_only
        self._kept_blocked = 0

    def add(self, episode: Episode) -> None:
        """Decide one episode more."""
        told = self.told
        told.episodes += 1
        if self._whole and told.steps + len(episode.tool_calls) > self._shown.whole:
            self._drop_allowed()
        verdict = self.policy.judge(episode)
        broken = verdict.denied or verdict.closing
        if not broken and not self._whole:
            told.steps += verdict.decided
            told.warned += verdict.warned
            return
        explanation = self._explained(episode)
        told.steps += explanation.total
        told.warned += verdict.warned
        told.blocked += explanation.blocked
        told.unmet += explanation.unmet
        if told.first_block is None and explanation.first_blocked is not None:
            told.first_block = (episode.id, explanation.first_blocked)
        if len(told.blocking_rules) < _MAX_RULES:
            told.blocking_rules.update(explanation.blocking_rules)
        if explanation.steps or self._whole or (explanation.closing and self._has_room):
            told.shown.append(explanation)
            self._kept_blocked += not explanation.steps  # an end takes the room of a step

    def _explained(self, episode: Episode) -> Explanation:
        explaining = Explaining(self.policy, episode)
        steps: list[ExplainedStep] = []
        calls = blocked = 0
        first: int | None = None
        rules: set[str] = set()
        for call, decision in explaining.calls():
            denied = decision.verdict == "deny"
            proposal = ""
            if denied and self._denials is not None:
                proposal = self._denials.add_call(episode, call, decision, explaining.session)
            if self._whole or (denied and self._has_room):
                steps.append(explaining.step(call, decision, proposal))
                self._kept_blocked += denied
                continue
            calls += 1
            if denied:
                blocked += 1
                first = explaining.session.decided if first is None else first
                rules.update(each.rule for each in decision.violations if each.severity == "deny")
        closing = explaining.closing()
        proposals = self._denials.add_closing(episode, closing) if self._denials is not None else {}
        left_out = LeftOut(calls=calls, blocked=blocked, first_blocked=first, rules=frozenset(rules))
        return explaining.explanation(steps, closing, left_out=left_out, proposals=proposals)

    @property
    def _has_room(self) -> bool:
        return self._shown.most is None or self._kept_blocked < self._shown.most

    def _drop_allowed(self) -> None:
        """Keep no longer what nothing speaks against: the trace is long."""
        self._whole = False
        kept = []
        for each in self.told.shown:
            steps = tuple(step for step in each.steps if step.verdict == "blocked")
            left_out = attrs.evolve(each.left_out, calls=each.left_out.calls + len(each.steps) - len(steps))
            if steps or each.closing:
                kept.append(attrs.evolve(each, steps=steps, left_out=left_out))
        self.told.shown = kept
