"""Exact tests against published tables, against scipy where it is installed, and against every possible outcome."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction

import pytest

from assay_core.run.baseline.statistics import (
    attempts_for_means,
    attempts_for_rates,
    binomial_interval,
    chance_of_drop,
    chance_of_lower_mean,
    chance_of_other_rate,
    levels,
    pass_k,
)


@pytest.mark.parametrize(
    ("passed", "attempts", "low", "high"),
    [  # the 95 % limits of Clopper and Pearson as tables print them
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (9, 10, 0.5550, 0.9975),
        (10, 10, 0.6915, 1.0),
        (0, 1, 0.0, 0.975),
        (3, 3, 0.2924, 1.0),
        (50, 100, 0.3983, 0.6017),
    ],
)
def test_the_interval_of_a_rate_is_that_of_the_tables(passed: int, attempts: int, low: float, high: float) -> None:
    assert binomial_interval(passed, attempts) == pytest.approx((low, high), abs=5e-5)


def test_fishers_test_is_that_of_the_lady_tasting_tea() -> None:
    assert chance_of_drop(3, 4, 1, 4) == pytest.approx(17 / 70)  # 0.243, Fisher 1935
    assert chance_of_drop(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert chance_of_other_rate(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert chance_of_other_rate(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert chance_of_drop(3, 3, 0, 3) == 0.05  # to the last bit: it is compared with the level


def test_large_counts_are_as_exact_as_small_ones() -> None:
    exact = sum(
        Fraction(math.comb(2000, hits) * math.comb(400, 1200 - hits), math.comb(2400, 1200)) for hits in range(800, 981)
    )
    assert chance_of_drop(1020, 1200, 980, 1200) == pytest.approx(float(exact), rel=1e-9)


def test_scipy_says_the_same() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy, the oracle, is not installed")
    generator = random.Random(5)
    for _ in range(200):
        before, after = generator.randint(1, 40), generator.randint(1, 40)
        one, two = generator.randint(0, before), generator.randint(0, after)
        table = [[two, after - two], [one, before - one]]
        assert chance_of_drop(one, before, two, after) == pytest.approx(stats.fisher_exact(table, "less")[1])
        assert chance_of_other_rate(one, before, two, after) == pytest.approx(stats.fisher_exact(table)[1])
        interval = stats.binomtest(one, before).proportion_ci(0.95, "exact")
        assert binomial_interval(one, before) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_means_are_compared_by_every_way_to_split_the_scores() -> None:
    assert chance_of_lower_mean([0.9, 0.92, 0.95], [0.7, 0.75, 0.8]) == pytest.approx(1 / 20)
    assert chance_of_lower_mean([0.9, 0.9], [0.9, 0.9]) == 1.0
    assert chance_of_lower_mean([1.0] * 3, [0.0] * 3) == pytest.approx(chance_of_drop(3, 3, 0, 3))


def test_many_scores_are_compared_by_drawn_splits_that_the_seed_repeats() -> None:
    before, after = [0.9 + each / 1000 for each in range(30)], [0.5 + each / 1000 for each in range(30)]

    found = chance_of_lower_mean(before, after)

    assert found == chance_of_lower_mean(before, after) == 1 / 5000  # never zero


def test_pass_k_is_the_unbiased_estimate() -> None:
    assert pass_k(10, 10, 4) == 1.0
    assert pass_k(9, 10, 4) == pytest.approx(0.6)
    assert pass_k(3, 10, 4) == 0.0


def test_levels_are_holms() -> None:
    assert levels([], 0.05) == []
    assert levels([0.2], 0.05) == [0.05]
    assert levels([0.001, 0.02, 0.9], 0.05) == pytest.approx([0.05 / 3, 0.025, 0.05])
    assert levels([0.02, 0.03, 0.9], 0.05) == pytest.approx([0.05 / 3] * 3)  # the first is none, so none is


def test_the_number_of_attempts_that_would_settle_it_does() -> None:
    needed = attempts_for_rates(1.0, 0.9, 0.05, 10)

    assert needed == 45
    assert chance_of_drop(45, 45, round(0.9 * 45), 45) <= 0.05 < chance_of_drop(44, 44, round(0.9 * 44), 44)
    assert attempts_for_rates(0.9, 0.9, 0.05, 10) is None
    assert attempts_for_means([0.9, 0.9], [0.7, 0.7], 0.15, 0.05) == 3
    assert attempts_for_means([0.9, 0.1], [0.5, 0.4], 0.0, 0.05) is None


def alarm_rate(rate: float, before: int, after: int, level: float) -> float:
    """Return the exact chance of an alarm where both sides have the same rate."""

    def weights(count: int) -> Sequence[float]:
        return [math.comb(count, k) * rate**k * (1 - rate) ** (count - k) for k in range(count + 1)]

    return math.fsum(
        one * two
        for first, one in enumerate(weights(before))
        for second, two in enumerate(weights(after))
        if second / after < first / before and chance_of_drop(first, before, second, after) <= level
    )


@pytest.mark.parametrize(("before", "after"), [(1, 5), (3, 3), (5, 10), (10, 10), (20, 8), (25, 25)])
def test_the_rate_of_false_alarms_is_below_the_level_for_every_rate_of_passing(before: int, after: int) -> None:
    worst = max(alarm_rate(rate / 50, before, after, 0.05) for rate in range(51))

    assert worst <= 0.05
