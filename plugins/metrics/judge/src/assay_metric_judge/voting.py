"""How often a judge is asked: one vote, then more as the strategy says, until further ones could not change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay_core.model import JudgeSettings
from assay_metric_judge.verdict import called

__all__ = ["collect", "most_votes"]


def most_votes(settings: JudgeSettings) -> int:
    """Return how many votes a verdict takes at most."""
    return settings.samples or settings.max_extra_calls_per_test + 1


def collect(settings: JudgeSettings, vote: Callable[[int], bool]) -> tuple[bool, ...]:
    """Ask for votes, numbered from 0, and stop as soon as one side has most of all that there could be."""
    most = most_votes(settings)
    votes = [vote(0)]
    while len(votes) < most and not _is_settled(votes, most) and _wants_more(votes, settings):
        votes.append(vote(len(votes)))
    return tuple(votes)


def _is_settled(votes: Sequence[bool], most: int) -> bool:
    majority = most // 2 + 1
    return max(sum(votes), len(votes) - sum(votes)) >= majority


def _wants_more(votes: Sequence[bool], settings: JudgeSettings) -> bool:
    if settings.rerun_strategy == "single":
        return False
    if settings.rerun_strategy == "always_three":
        return len(votes) < 3
    return len(votes) < 2 or called(sum(votes) / len(votes), settings) == "Abstain"
