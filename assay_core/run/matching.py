"""Which tests an episode belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay_core.model import Episode
from assay_core.run.plan import PlannedTest

__all__ = ["Matching"]


class Matching:
    """The tests of a plan, found by what they select. Tests that need no episode match none."""

    def __init__(self, tests: Sequence[PlannedTest]) -> None:
        self._by_prompt: dict[str, list[int]] = {}
        self._by_episode: dict[str, list[int]] = {}
        self._for_all: list[int] = []
        for at, test in enumerate(tests):
            self._index(at, test)

    def tests_of(self, episode: Episode) -> Iterator[int]:
        """Yield the positions of the tests that the episode is about."""
        yield from self._by_prompt.get(episode.prompt or "", ())
        yield from self._by_episode.get(episode.id, ())
        yield from self._for_all

    def _index(self, at: int, test: PlannedTest) -> None:
        select = test.case.select
        if not test.needs_episode:
            return
        if select.match_all:
            self._for_all.append(at)
        elif select.episode is not None:
            self._by_episode.setdefault(select.episode, []).append(at)
        elif select.prompt is not None:
            self._by_prompt.setdefault(select.prompt, []).append(at)
