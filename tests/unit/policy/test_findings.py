"""What a policy's author is told although nothing is wrong with its form."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_core.policy.load import load_policy
from assay_core.policy.matching.patterns import ToolPattern
from assay_core.policy.reading.findings import can_overlap, covers, later_sections

HEAD = 'version: "2.0"\n'
NAMES = ["".join(letters) for size in range(4) for letters in product("ab", repeat=size)]


def findings(tmp_path: Path, text: str) -> list[tuple[str, int, str]]:
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return [(each.code, each.place.line if each.place else 0, each.message) for each in load_policy(path).notices]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("tools: {allow: []}\n", "W_POLICY_EMPTY_ALLOW", 2),
        ("tools: {allow_classes: []}\n", "W_POLICY_EMPTY_ALLOW", 2),
        ("files: {allow: []}\n", "W_POLICY_EMPTY_ALLOW", 2),
        ("tools: {deny_classes: ['sink:shell']}\n", "W_POLICY_NEVER_MATCHES", 2),
        ("tools: {allow: [a]}\nsequences: [{type: before, first: b, then: a}]\n", "W_POLICY_NEVER_MATCHES", 3),
        ("tools: {allow: ['a*']}\nlimits: {per_tool: {'b*': 3}}\n", "W_POLICY_NEVER_MATCHES", 3),
        ("tools: {allow: [a]}\nschemas: {b: {type: object, required: [x]}}\n", "W_POLICY_NEVER_MATCHES", 3),
        ("tools: {allow: [a]}\ntimeouts: {per_tool: {b: 3s}}\n", "W_POLICY_NEVER_MATCHES", 3),
        ("tools: {allow: [read_x], deny: ['read_*']}\n", "W_POLICY_SHADOWED", 2),
        ("tools: {deny: ['*']}\nsequences: [{type: require, tool: a}]\n", "W_POLICY_SHADOWED", 3),
        ("tools: {deny: ['rm*'], approval_required: [rm_all]}\n", "W_POLICY_SHADOWED", 2),
        (
            "tools: {deny_classes: [c]}\ntool_classes: {a: [c]}\nschemas: {a: {type: object, required: [x]}}\n",
            "W_POLICY_SHADOWED",
            4,
        ),
        ("tools: {allow: [read_file, readFile]}\n", "W_POLICY_CONFUSABLE", 2),
        ("tools: {allow: ['a*b']}\n", "W_POLICY_WIDENED", 2),
        ("tools: {allow: ['a?']}\n", "W_POLICY_WIDENED", 2),
        ("tools: {deny: ['a*b*']}\n", "W_POLICY_PATTERN", 2),
        ("tools: {deny: [{tool: 'a*', exact: true}]}\n", "W_POLICY_PATTERN", 2),
        ("files: {allow: [/a], needs_review: [{path: /b, risk: high}]}\n", "W_POLICY_REVIEW", 2),
    ],
)
def test_a_finding_is_told_with_its_line(tmp_path: Path, text: str, code: str, line: int) -> None:
    assert [found[:2] for found in findings(tmp_path, text)] == [(code, line)]


@pytest.mark.parametrize(
    "text",
    [
        "tools: {allow: ['*'], deny: [exec]}\n",
        "tools: {allow: [a], deny: ['exec*']}\n",  # redundant but safe
        "tools: {allow: ['*_x', '**', 'x*', '*x*']}\n",
        "tools: {allow_classes: [c]}\ntool_classes: {a: [c]}\nsequences: [{type: require, tool: a}]\n",
        "tools: {allow: [b, c]}\naliases: {A: [b, c]}\nsequences: [{type: max_calls, tool: A, max: 3}]\n",
        "tools: {deny: [{tool: a, severity: warn}]}\nsequences: [{type: require, tool: a}]\n",
        "tools: {allow: [A]}\naliases: {A: [b]}\nsequences: [{type: require, tool: b}]\n",
    ],
)
def test_what_is_right_has_no_finding(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, text) == []


def test_an_alias_of_which_no_member_is_allowed_is_told(tmp_path: Path) -> None:
    text = "tools: {allow: [x]}\naliases: {A: [b, c]}\nsequences: [{type: require, tool: A}]\n"

    assert [found[0] for found in findings(tmp_path, text)] == ["W_POLICY_NEVER_MATCHES"]


def test_sections_that_are_enforced_elsewhere_are_told_apart_with_where(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        HEAD + "tools: {approval_required: [a]}\ntimeouts: {default: 3s}\nresponses: {max_bytes: 3}\n"
        "server_requests: deny\nfiles: {allow: [/a]}\nnetwork: {allow: [':80']}\nprocesses: {allow: [/a]}\n"
        "env: {allow: [A]}\napproval: {command: [ask]}\n",
        encoding="utf-8",
    )
    policy = load_policy(path)

    assert policy.notices == ()
    assert [(each.code, each.place.line if each.place else 0) for each in later_sections(policy.form)] == [
        ("W_POLICY_LATER", line) for line in range(2, 11)
    ]
    assert "assay sandbox" in next(each.message for each in later_sections(policy.form) if "`files`" in each.message)


@settings(max_examples=300, deadline=None)
@given(st.text("ab*?", max_size=5), st.text("ab*?", max_size=5))
def test_overlap_and_cover_agree_with_matching_names(one: str, other: str) -> None:
    ones = {name for name in NAMES if ToolPattern(one).matches(name)}
    others = {name for name in NAMES if ToolPattern(other).matches(name)}

    if ones & others:
        assert can_overlap(one, other)
    if covers(one, other):
        assert others <= ones


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [("a*", "b*", False), ("a*", "*b", True), ("a?", "a", False), ("a", "a", True), ("*", "", True), ("?", "", False)],
)
def test_overlap_is_told_exactly(one: str, other: str, overlap: bool) -> None:
    assert (can_overlap(one, other), can_overlap(other, one)) == (overlap, overlap)


@pytest.mark.parametrize(
    ("pattern", "other", "covered"),
    [("*", "a?b*", True), ("a*", "ab*", True), ("ab*", "a*", False), ("a?", "a*", False), ("a*", "a?", True)],
)
def test_cover_is_told_exactly(pattern: str, other: str, covered: bool) -> None:
    assert covers(pattern, other) is covered
