"""Which orders and numbers of calls held in every episode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import attrs

__all__ = ["Before", "MaxCalls", "Orders"]

_MAX_SHAPES = 4_096  # different episodes whose analysis is put off
_CHANCE = 0.01  # how likely it may be that any order at all was learnt by chance
_MAX_PAIR_TOOLS = 120  # tools per episode whose pairs are looked at


@attrs.frozen(kw_only=True)
class Before:
    """`first` ran before the first `then` in every episode with `then`."""

    first: str
    then: str
    episodes: int


@attrs.frozen(kw_only=True)
class MaxCalls:
    """A tool was never called more than `max` times in an episode."""

    tool: str
    max: int
    reached: int  # episodes with exactly so many
    episodes: int


@attrs.define
class Orders:
    """What held in every episode so far. Facts only narrow, in any order of the episodes."""

    most: int = 0  # calls of one episode
    episodes: Counter[str] = attrs.field(factory=Counter)  # with at least one call of the tool
    firsts: dict[str, set[str]] = attrs.field(factory=dict)  # tool to those that always ran before it
    maxima: dict[str, tuple[int, int]] = attrs.field(factory=dict)  # tool to (most calls, episodes with so many)
    _waiting: Counter[tuple[tuple[str, int], ...]] = attrs.field(factory=Counter)

    def add(self, names: Iterable[str]) -> None:
        """Take note of an episode whose calls ran in this order."""
        self._waiting[tuple(Counter(names).items())] += 1  # a Counter keeps the order of first appearance
        if len(self._waiting) >= _MAX_SHAPES:
            self._settle()

    def merge(self, other: Orders) -> None:
        """Take note of everything that other orders know."""
        self._settle()
        other._settle()
        self.most = max(self.most, other.most)
        for tool, firsts in other.firsts.items():
            known = self.firsts.get(tool)
            self.firsts[tool] = set(firsts) if known is None else known & firsts
        for tool, (most, reached) in other.maxima.items():
            self._reach(tool, most, reached)
        self.episodes.update(other.episodes)

    def befores(self, known: Sequence[str], min_support: int) -> list[Before]:
        """Return the orders that always held, often enough not to be chance; those that follow from others left out.

        Args:
            known: The tools that a rule may name.
            min_support: How many episodes must show it.
        """
        self._settle()
        names = set(known)
        pairs = max(1, len(names) * (len(names) - 1))
        sound = {
            tool: {first for first in self.firsts.get(tool, ()) if first in names}
            for tool in known
            if self.episodes[tool] >= min_support and pairs * 0.5 ** self.episodes[tool] <= _CHANCE
        }
        found = []
        for then, firsts in sound.items():
            implied = {earlier for first in firsts for earlier in sound.get(first, ())}
            found += [
                Before(first=first, then=then, episodes=self.episodes[then]) for first in sorted(firsts - implied)
            ]
        return found

    def max_calls(self, known: Sequence[str], min_support: int) -> list[MaxCalls]:
        """Return the largest numbers of calls that were reached so often that they look like a rule."""
        self._settle()
        found = []
        for tool in known:
            most, reached = self.maxima.get(tool, (0, 0))
            episodes = self.episodes[tool]
            if episodes >= min_support and reached >= max(3, min_support // 2) and 2 * reached >= episodes:
                found.append(MaxCalls(tool=tool, max=most, reached=reached, episodes=episodes))
        return found

    def most_calls(self) -> int:
        """Return the most calls that any episode had."""
        self._settle()
        return self.most

    def always_before(self, tool: str) -> list[str]:
        """Return the tools that ran before this one in every episode with it, sorted."""
        self._settle()
        return sorted(self.firsts.get(tool, ()))

    def reached(self, tool: str) -> tuple[int, int]:
        """Return the most calls of a tool in one episode, and how many episodes had so many."""
        self._settle()
        return self.maxima.get(tool, (0, 0))

    def recall(self, tool: str, episodes: int, firsts: Iterable[str], most: int, reached: int) -> None:
        """Take up what was known of a tool earlier."""
        self.episodes[tool] = episodes
        self.firsts[tool] = set(firsts)
        self.maxima[tool] = (most, reached)

    def forget(self, tool: str) -> None:
        """Take out everything about a tool."""
        self._settle()
        self.episodes.pop(tool, None)
        self.maxima.pop(tool, None)
        self.firsts.pop(tool, None)
        for firsts in self.firsts.values():
            firsts.discard(tool)

    def _settle(self) -> None:
        """Work out what waits: episodes with the same calls in the same order are one."""
        waiting, self._waiting = self._waiting, Counter()
        for shape, times in waiting.items():
            self.most = max(self.most, sum(count for _, count in shape))
            earlier: set[str] = set()
            for place, (tool, count) in enumerate(shape):
                self.episodes[tool] += times
                self._reach(tool, count, times)
                known = self.firsts.get(tool)
                if known is None:
                    self.firsts[tool] = set(earlier) if place < _MAX_PAIR_TOOLS else set()
                elif known:
                    known &= earlier
                earlier.add(tool)

    def _reach(self, tool: str, most: int, times: int) -> None:
        known, reached = self.maxima.get(tool, (0, 0))
        if most > known:
            self.maxima[tool] = (most, times)
        elif most == known:
            self.maxima[tool] = (known, reached + times)
