"""How many recorded runs a policy learnt from the others would have denied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs

from assay_core.analysis.learning.draft import draft_of, policy_of
from assay_core.analysis.learning.knobs import Knobs
from assay_core.analysis.learning.learner import Learner
from assay_core.analysis.learning.tools import obstacle
from assay_core.errors import AssayError
from assay_core.model import Episode, ToolCall
from assay_core.policy import load_policy

__all__ = ["Sample", "SelfCheck", "leave_one_out"]

_MAX_EPISODES = 100
_MAX_CALLS = 4_000
_MAX_EPISODE_CALLS = 400
_MAX_WORK = 10_000  # runs times tools: what is put together from halves grows with both
_FEWEST = 10
_SHOWN_RULES = 5


@attrs.define
class Sample:
    """Episodes spread evenly over everything that was read: every n-th, n growing as they come."""

    episodes: list[Episode] = attrs.field(factory=list)
    offered: int = 0
    long: int = 0  # too long to be part of it
    calls: int = 0
    _step: int = 1

    def offer(self, episode: Episode) -> None:
        """Keep the episode if its turn has come."""
        number, self.offered = self.offered, self.offered + 1
        if number % self._step:
            return
        size = len(episode.events)
        if size > _MAX_EPISODE_CALLS:
            self.long += 1
            return
        self.episodes.append(episode)
        self.calls += size
        while len(self.episodes) > 1 and (len(self.episodes) > _MAX_EPISODES or self.calls > _MAX_CALLS):
            self._step *= 2
            self.episodes = self.episodes[::2]
            self.calls = sum(len(each.events) for each in self.episodes)


@attrs.frozen(kw_only=True)
class SelfCheck:
    """The result: of `checked` runs, `denied` would have been denied."""

    checked: int
    denied: int
    recorded: int  # runs in all; more than were checked where a sample had to do
    rules: tuple[tuple[str, int], ...] = ()  # what denied most often

    @property
    def sampled(self) -> bool:
        """Whether not every run was checked."""
        return self.checked < self.recorded


def leave_one_out(sample: Sample, knobs: Knobs) -> SelfCheck:
    """Learn from all runs of the sample but one, decide that one, for each in turn.

    What is learnt from all but one is put together from halves, so that n runs cost n log n learnings.
    """
    rules: Counter[str] = Counter()
    runs = [each for each in sample.episodes if each.tool_calls]
    idle = len(sample.episodes) - len(runs)
    tools = len({call.tool for run in runs for call in run.tool_calls})
    while len(runs) > _FEWEST and len(runs) * tools > _MAX_WORK:
        runs = runs[::2]
    denied = _halve(runs, Learner(include_denied=knobs.include_denied), knobs, rules) if len(runs) > 1 else 0
    shown = tuple(sorted(rules.items(), key=lambda each: (-each[1], each[0]))[:_SHOWN_RULES])
    checked = len(runs) if len(runs) > 1 else 0
    return SelfCheck(checked=checked, denied=denied, recorded=max(sample.offered - idle, checked), rules=shown)


def _halve(runs: Sequence[Episode], others: Learner, knobs: Knobs, rules: Counter[str]) -> int:
    """Return how many of the runs the others, and the rest of the runs, would have denied."""
    if len(runs) == 1:
        return _is_denied(runs[0], others, knobs, rules)
    middle = len(runs) // 2
    denied = 0
    for part, rest in ((runs[:middle], runs[middle:]), (runs[middle:], runs[:middle])):
        wider = Learner(include_denied=knobs.include_denied)
        wider.merge(others)
        for episode in rest:
            wider.add(episode)
        denied += _halve(part, wider, knobs, rules)
    return denied


def _is_denied(episode: Episode, others: Learner, knobs: Knobs, rules: Counter[str]) -> int:
    """Decide a run as if it had not been recorded. What the learner leaves out on purpose is not held against it."""
    events = tuple(
        event
        for event in episode.events
        if type(event) is ToolCall and not obstacle(event.tool) and (knobs.include_denied or event.outcome != "denied")
    )
    called = {event.tool for event in events}
    draft = draft_of(others, knobs, title="others", only=called)
    learnt = policy_of(
        attrs.evolve(draft, entries=tuple(each for each in draft.entries if not _is_resource(each.kind)))
    )
    try:
        policy = load_policy({"version": "2.0", "tools": {"allow": []}, **learnt})
    except AssayError:  # a policy that does not load denies everything
        rules["the policy does not load"] += 1
        return 1
    replayed = Episode(id=episode.id, events=events, complete=episode.complete)
    verdict = policy.judge(replayed)
    broken = {each.decision.rule for each in verdict.decisions if each.decision.verdict == "deny"}
    rules.update(broken)
    return 1 if broken or verdict.denied else 0


def _is_resource(kind: str) -> bool:
    return kind in ("files", "network", "processes")
