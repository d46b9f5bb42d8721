from __future__ import annotations

import random

import pytest

from assay_core.policy import ToolPattern
from assay_core.policy.matching.patterns import NameMatcher
from tests.reference.interpreter import _glob


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("read_file", "read_file", True),
        ("read_file", "Read_file", False),
        ("*", "", True),
        ("*", "anything\nat all", True),
        ("read_*", "read_", True),
        ("read_*", "xread_a", False),
        ("*_secret", "read_secret", True),
        ("*_secret", "read_secret2", False),
        ("*a*", "bab", True),
        ("a*b", "a-b", True),
        ("a*b", "ab", True),
        ("ab*ba", "aba", False),
        ("a**b", "axb", True),
        ("?", "a", True),
        ("?", "", False),
        ("re?d_*", "read_file", True),
        ("*?", "", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a?c*e", "abcde", True),
        ("a*?c", "a*c", True),
        ("?*?", "a", False),
    ],
)
def test_pattern_matches_the_whole_name(pattern: str, name: str, expected: bool) -> None:
    assert ToolPattern(pattern).matches(name) is expected


def test_pattern_agrees_with_the_recursive_definition_on_random_texts() -> None:
    rng = random.Random(7)
    for _ in range(4000):
        pattern = "".join(rng.choice("ab*?") for _ in range(rng.randint(0, 6)))
        name = "".join(rng.choice("ab*") for _ in range(rng.randint(0, 6)))

        assert ToolPattern(pattern).matches(name) is _glob(pattern, name), (pattern, name)


def test_pattern_with_many_stars_is_matched_to_the_end() -> None:
    assert not ToolPattern("*a" * 40 + "?b").matches("a" * 4000)  # an exponential matcher would not end at all


def test_operand_that_is_an_alias_means_its_members_only() -> None:
    matcher = NameMatcher("Search", {"Search": ("search_kb", "web_*"), "web_x": ("no",)})

    assert matcher.matches("search_kb")
    assert matcher.matches("web_x")  # one level: a member that is an alias stays a name
    assert not matcher.matches("Search")
    assert not matcher.matches("no")


def test_listed_alias_keeps_standing_for_itself() -> None:
    matcher = NameMatcher("Search", {"Search": ("search_kb",)}, and_itself=True)

    assert matcher.matches("Search")
    assert matcher.matches("search_kb")


def test_exact_name_takes_wildcards_literally() -> None:
    matcher = NameMatcher("a*", {}, exact=True)

    assert matcher.matches("a*")
    assert not matcher.matches("ab")


def test_patterns_with_equal_texts_are_equal() -> None:
    assert ToolPattern("a*") == ToolPattern("a*")
    assert len({ToolPattern("a*"), ToolPattern("a*"), ToolPattern("b")}) == 2
    assert ToolPattern("ab").is_exact
    assert not ToolPattern("a?").is_exact
