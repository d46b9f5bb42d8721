"""Orders and numbers that always held, and no others."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from assay_core.analysis.learning.orders import Orders

TOOLS = ["login", "read", "write", "logout"]


def orders_of(runs: list[list[str]]) -> Orders:
    orders = Orders()
    for run in runs:
        orders.add(run)
    return orders


def test_an_order_that_always_held_is_learnt_without_what_follows_from_it() -> None:
    orders = orders_of([["login", "read", "write"]] * 12)

    found = [(rule.first, rule.then, rule.episodes) for rule in orders.befores(TOOLS, 10)]

    assert sorted(found) == [("login", "read", 12), ("read", "write", 12)]


def test_one_exception_is_enough_to_learn_no_order() -> None:
    orders = orders_of([["login", "read"]] * 50 + [["read", "login"]])

    assert orders.befores(TOOLS, 10) == []


def test_no_order_is_learnt_from_few_episodes() -> None:
    assert orders_of([["login", "read"]] * 9).befores(TOOLS, 10) == []
    assert orders_of([["login", "read"]] * 3).befores(TOOLS, 1) == []  # as likely as not by chance


def test_no_order_is_learnt_from_shuffled_episodes() -> None:
    rng = random.Random(4)
    runs = [rng.sample(TOOLS, rng.randint(2, 4)) for _ in range(40)]

    assert orders_of(runs).befores(TOOLS, 10) == []


def test_a_number_is_learnt_where_most_episodes_reach_it() -> None:
    orders = orders_of([["login", *["read"] * (1 + number % 7)] for number in range(21)])

    found = [(rule.tool, rule.max, rule.reached, rule.episodes) for rule in orders.max_calls(TOOLS, 10)]

    assert found == [("login", 1, 21, 21)]


@settings(max_examples=80, deadline=None)
@given(runs=st.lists(st.lists(st.sampled_from(TOOLS), max_size=5), max_size=12), cut=st.integers(0, 12))
def test_merged_orders_are_those_of_all_episodes(runs: list[list[str]], cut: int) -> None:
    halves = orders_of(runs[:cut])
    halves.merge(orders_of(runs[cut:]))
    whole = orders_of(runs)

    assert halves.befores(TOOLS, 1) == whole.befores(TOOLS, 1)
    assert halves.max_calls(TOOLS, 1) == whole.max_calls(TOOLS, 1)
    assert halves.most_calls() == whole.most_calls()
