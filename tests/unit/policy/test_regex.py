from __future__ import annotations

import pytest

from assay_core.errors import InputError, Place
from assay_core.policy import linear_regex


def test_search_finds_anywhere_in_the_text() -> None:
    regex = linear_regex("b+c")

    assert regex.search("aabbcc")
    assert not regex.search("aabb")


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "expected"),
    [
        ("abc", "i", "xABCx", True),
        ("abc", "", "xABCx", False),
        ("^b$", "m", "a\nb", True),
        ("^b$", "", "a\nb", False),
        ("a.c", "s", "a\nc", True),
        ("a.c", "", "a\nc", False),
        ("^B.$", "ims", "a\nb\n", True),
    ],
)
def test_flags_change_the_search(pattern: str, flags: str, text: str, expected: bool) -> None:
    assert linear_regex(pattern, flags).search(text) is expected


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("(?=a)b", "look-ahead"),
        (r"^DE\d{2}(?!9999)", "look-ahead"),
        ("(?<=a)b", "look-behind"),
        (r"(a)\1", "back-references"),
        ("a(", "not a regular expression"),
        ("a{1000}{1000}", "not a regular expression"),
    ],
)
def test_what_cannot_be_linear_is_refused_with_its_place(pattern: str, named: str) -> None:
    place = Place("policy.yaml", 3, 5)

    with pytest.raises(InputError, match=named) as caught:
        linear_regex(pattern, place=place)

    assert caught.value.code == "E_REGEX_INVALID"
    assert caught.value.place == place


def test_unknown_flag_is_refused() -> None:
    with pytest.raises(InputError, match="unknown flag 'x'"):
        linear_regex("a", "ix")


def test_lone_surrogates_do_not_break_a_search() -> None:
    assert linear_regex("secret").search("\ud800 secret")
    assert not linear_regex("secret").search("\ud800")


def test_pattern_that_ruins_backtracking_engines_is_searched_to_the_end() -> None:
    assert not linear_regex("^(a+)+$").search("a" * 50_000 + "b")
