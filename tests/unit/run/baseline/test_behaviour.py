"""What episodes did, and how that differs from before."""

from __future__ import annotations

import pytest

from assay_core.model import JsonValue
from assay_core.run.baseline.behaviour import Behaviour, BehaviourTally, EpisodeActs
from assay_core.run.baseline.measured import behaviour_of
from assay_core.run.baseline.structure import behaviour_changes
from assay_core.testing import make_call, make_episode

Calls = list[tuple[str, JsonValue]]


def seen(*episodes: Calls) -> Behaviour:
    tally = BehaviourTally()
    for calls in episodes:
        made = (make_call(tool, args, index=at) for at, (tool, args) in enumerate(calls))
        tally.add(EpisodeActs(make_episode(*made)))
    return tally.result()


def changes(before: Behaviour, after: Behaviour) -> list[tuple[str, str, str]]:
    return [(each.kind, each.tool, each.severity) for each in behaviour_changes("t", before, after)]


def names(*tools: str) -> Calls:
    return [(tool, {}) for tool in tools]


def test_the_same_behaviour_has_no_changes() -> None:
    one = seen([("a", {"x": 1}), ("b", {"y": "s"})])

    assert changes(one, seen([("a", {"x": 2.5}), ("b", {"y": "t"})])) == []  # values and kinds of numbers are free


def test_tools_that_went_and_came_are_told() -> None:
    found = list(behaviour_changes("t", seen(names("a", "b")), seen(names("a", "c"))))

    assert [(each.kind, each.tool, each.severity) for each in found] == [
        ("tool_gone", "b", "warning"),
        ("tool_new", "c", "warning"),
    ]
    assert found[0].message == "'b' is no longer called (in the one episode before)"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("ab", "ba", "'a' came before and now comes after 'b'"),
        ("aab", "aba", "'a' came before and now is called in turn with 'b'"),
        ("aba", "aab", "'a' was called in turn with and now comes before 'b'"),
    ],
)
def test_another_order_is_told(before: str, after: str, text: str) -> None:
    (found,) = behaviour_changes("t", seen(names(*before)), seen(names(*after)))

    assert (found.kind, found.message) == ("order", text)


@pytest.mark.parametrize(("before", "after"), [("abab", "ababab"), ("axb", "ab"), ("aab", "aaab")])
def test_more_rounds_and_other_tools_between_are_no_other_order(before: str, after: str) -> None:
    assert [each for each in changes(seen(names(*before)), seen(names(*after))) if each[0] == "order"] == []


def test_other_shapes_of_arguments_are_told_once_per_tool() -> None:
    before = seen([("pay", {"amount": 1, "to": {"iban": "x"}, "tags": ["a"]})])
    after = seen([("pay", {"amount": "1", "tags": [{"k": 1}], "note": None})])

    (found,) = behaviour_changes("t", before, after)

    assert (found.kind, found.tool, found.severity) == ("arguments", "pay", "warning")
    assert found.message == (
        "arguments of 'pay': '/amount' was number and now is string; '/note' (null) is new; "
        "'/tags/*' was string and now is object; '/to' is gone"
    )


def test_what_varied_before_is_a_note() -> None:
    before = seen(names("a", "b"), names("a"), names("a"))

    assert changes(before, seen(names("a"), names("a"))) == [("tool_gone", "b", "note")]
    assert changes(seen(names("a"), names("a")), before) == [("tool_new", "b", "note")]
    assert changes(seen(names("a"), names("a")), seen(names("a", "b"), names("a", "b"))) == [
        ("tool_new", "b", "warning")
    ]


def test_optional_arguments_that_are_absent_by_chance_are_a_note() -> None:
    before = seen([("a", {"x": 1, "o": 1})], [("a", {"x": 1})], [("a", {"x": 1})])

    assert changes(before, seen([("a", {"x": 1})])) == [("arguments", "a", "note")]


def test_hostile_names_are_quoted_and_round_trip() -> None:
    one = seen([("\x1b[31m\n", {"a/b~c": 1, "\u202e": 2})])

    assert behaviour_of(one.to_json()) == one
    (found,) = behaviour_changes("t", seen(names("a")), seen(names("a", "\x1b[31m")))
    assert "\x1b" not in found.message


def test_the_record_is_bounded_and_says_so() -> None:
    many = seen(
        [(f"t{at}", {}) for at in range(150)],
        [("t0", {f"k{at}": {"deep": {"deeper": {"deepest": {"out": 1}}}} for at in range(300)})],
    )

    assert many.cut
    assert len(many.tools) == 100
    assert max(map(len, many.arguments.values())) <= 100
    assert changes(many, seen(names("t149")))[-1][0] != "tool_new"  # it may have been among those that are not listed


@pytest.mark.parametrize(
    "value", [None, 3, {}, {"episodes": 1}, {"episodes": 1, "tools": [], "order": [], "arguments": {}}]
)
def test_what_is_no_behaviour_is_none(value: JsonValue) -> None:
    assert behaviour_of(value) is None
