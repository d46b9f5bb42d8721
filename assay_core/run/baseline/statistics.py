"""Exact tests for a few attempts: no approximation where the numbers are small, and they always are.

Sources:
    Fisher's exact test: the hypergeometric distribution given both margins.
    Clopper and Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the binomial".
    Phipson and Smyth (2010), "Permutation p-values should never be zero": the level holds for random permutations too.
    Holm (1979): the chance of one false alarm in a whole run stays below the level, whatever depends on whatever.
    pass^k: the unbiased estimate C(passed, k) / C(attempts, k) of the chance that k attempts all pass.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from statistics import NormalDist, pvariance

__all__ = [
    "REACH",
    "attempts_for_means",
    "attempts_for_rates",
    "binomial_interval",
    "chance_of_drop",
    "chance_of_lower_mean",
    "chance_of_other_rate",
    "levels",
    "pass_k",
]

REACH = 10_000  # attempts beyond which nobody asks
_EXACT = 2_000  # attempts up to which whole numbers are used throughout
_ENUMERATED = 20_000  # permutations that are all looked at
_DRAWN = 4_999  # else so many are drawn
_HALVINGS = 60


def chance_of_drop(before_passed: int, before: int, after_passed: int, after: int) -> float:
    """Return the chance of no more passes than these after, were both rates one: Fisher's exact test, one-sided."""
    passed, total = before_passed + after_passed, before + after
    return _tail(passed, total, after, max(0, after - (total - passed)), after_passed)


def chance_of_other_rate(before_passed: int, before: int, after_passed: int, after: int) -> float:
    """Return the same for a difference in either direction."""
    passed, total = before_passed + after_passed, before + after
    least, most = max(0, after - (total - passed)), min(passed, after)
    observed = _ways(passed, total, after, after_passed)
    ways = (_ways(passed, total, after, each) for each in range(least, most + 1))
    return min(1.0, sum(each for each in ways if each <= observed) / math.comb(total, after))


def chance_of_lower_mean(before: Sequence[float], after: Sequence[float], *, seed: int = 0) -> float:
    """Return the chance of a mean as low as this one after, were all scores of one kind: a permutation test.

    Looks at every way to split the scores where that is possible, else at ways drawn with the seed.
    """
    scores = [*before, *after]
    size = len(after)
    limit = sum(after) + 1e-12 * max(1.0, math.fsum(map(abs, scores)))
    if math.comb(len(scores), size) <= _ENUMERATED:
        from itertools import combinations

        sums = [sum(each) for each in combinations(scores, size)]
        return sum(each <= limit for each in sums) / len(sums)
    generator = random.Random(seed)  # noqa: S311 - no secret depends on it
    lower = sum(sum(generator.sample(scores, size)) <= limit for _ in range(_DRAWN))
    return (lower + 1) / (_DRAWN + 1)


def binomial_interval(passed: int, attempts: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of Clopper and Pearson for a rate of passing."""
    tail = (1.0 - confidence) / 2
    low = _solve(lambda rate: _at_least(passed, attempts, rate) < tail) if passed else 0.0
    high = _solve(lambda rate: 1.0 - _at_least(passed + 1, attempts, rate) > tail) if passed < attempts else 1.0
    return low, high


def pass_k(passed: int, attempts: int, k: int) -> float:
    """Return the estimated chance that k attempts all pass; k is at most `attempts`."""
    return math.comb(passed, k) / math.comb(attempts, k)


def levels(chances: Sequence[float], level: float) -> list[float]:
    """Return for each chance what it must not exceed, so that all of them together keep the level (Holm)."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    found = [level / max(len(chances), 1)] * len(chances)
    for rank, at in enumerate(order):
        found[at] = level / (len(chances) - rank)
        if chances[at] > found[at]:  # from here on nothing is significant
            for rest in order[rank:]:
                found[rest] = found[at]
            break
    return found


def attempts_for_rates(before_rate: float, after_rate: float, level: float, start: int) -> int | None:
    """Return how many attempts on each side would tell these two rates apart; None beyond `REACH`."""

    def tells(count: int) -> bool:
        before, after = round(before_rate * count), round(after_rate * count)
        return chance_of_drop(before, count, after, count) <= level

    return _first(tells, start)


def attempts_for_means(before: Sequence[float], after: Sequence[float], gap: float, level: float) -> int | None:
    """Return about how many attempts on each side would tell means apart that differ by `gap` beyond the tolerance."""
    if gap <= 0:
        return None
    spread = pvariance(before) + pvariance(after)
    reach = NormalDist().inv_cdf(1 - min(level, 0.5)) + NormalDist().inv_cdf(0.8)
    count = max(math.ceil(reach * reach * spread / (gap * gap)), max(len(before), len(after)) + 1)
    least = next(size for size in range(1, REACH) if math.comb(2 * size, size) * level >= 1)
    return found if (found := max(count, least)) <= REACH else None


def _first(tells: Callable[[int], bool], start: int) -> int | None:
    """Return the smallest count that tells: doubled until it does, then halved."""
    low, high = max(start - 1, 0), max(start, 1)
    while not tells(high):
        if high >= REACH:
            return None
        low, high = high, min(high * 2, REACH)
    while high - low > 1:
        middle = (low + high) // 2
        if tells(middle):
            high = middle
        else:
            low = middle
    return high


def _ways(passed: int, total: int, drawn: int, hits: int) -> int:
    return math.comb(passed, hits) * math.comb(total - passed, drawn - hits)


def _tail(passed: int, total: int, drawn: int, least: int, most: int) -> float:
    """Return the hypergeometric chance of `least` to `most` hits."""
    if total <= _EXACT:
        return sum(_ways(passed, total, drawn, hits) for hits in range(least, most + 1)) / math.comb(total, drawn)
    every = _log_comb(total, drawn)
    logs = (
        _log_comb(passed, hits) + _log_comb(total - passed, drawn - hits) - every for hits in range(least, most + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logs)))


def _at_least(passed: int, attempts: int, rate: float) -> float:
    """Return the binomial chance of so many passes or more."""
    if passed <= 0:
        return 1.0
    if rate <= 0.0 or passed > attempts:
        return 0.0
    if rate >= 1.0:
        return 1.0
    one, other = math.log(rate), math.log1p(-rate)
    terms = (
        math.exp(_log_comb(attempts, each) + each * one + (attempts - each) * other)
        for each in range(passed, attempts + 1)
    )
    return min(1.0, math.fsum(terms))


def _log_comb(total: int, part: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(part + 1) - math.lgamma(total - part + 1)


def _solve(is_low: Callable[[float], bool]) -> float:
    """Return the rate from which on the claim does not hold any more."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if is_low(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2
