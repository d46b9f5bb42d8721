"""Sequence rules as people write them, in a policy and in a suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.documents import parse_document
from assay_core.errors import InputError, Place, PolicyError
from assay_core.model import JsonValue
from assay_core.policy.form import Operand
from assay_core.policy.load import read_policy
from assay_core.policy.reading.sequences import parse_sequence_rules


def test_every_operator_is_read_with_its_defaults() -> None:
    rules = parse_sequence_rules(
        [
            {"type": "require", "tool": "a"},
            {"type": "eventually", "tool": "a", "within": 2},
            {"type": "max_calls", "tool": "a", "max": 0},
            {"type": "before", "first": "a", "then": "b"},
            {"type": "after", "trigger": "a", "then": "b"},
            {"type": "never_after", "trigger": "a", "forbidden": "b"},
            {"type": "sequence", "tools": ["a", "b"]},
            {"type": "blocklist", "pattern": "rm"},
        ]
    )

    assert [rule.type for rule in rules] == [
        "require", "eventually", "max_calls", "before", "after", "never_after", "sequence", "blocklist",
    ]  # fmt: skip
    assert (rules[4].within, rules[4].on_violation, rules[6].strict) == (1, "report", False)


def test_an_operand_may_select_by_arguments() -> None:
    operand: JsonValue = {"tool": "read_*", "args_match": {"path": ["secret", "^/"], "mode": "r"}}
    (rule,) = parse_sequence_rules([{"type": "require", "tool": operand}])

    assert rule.tool == Operand(tool="read_*", args_match={"path": ("secret", "^/"), "mode": ("r",)})


def test_an_operand_may_be_marked_exact() -> None:
    (rule,) = parse_sequence_rules([{"type": "require", "tool": {"tool": "a*", "exact": True}}])

    assert rule.tool == Operand(tool="a*", exact=True)


def test_a_rule_carries_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        'version: "2.0"\nsequences:\n  - {type: require, tool: a, id: r1, reason: why, severity: warn}\n',
        encoding="utf-8",
    )
    origin = read_policy(path).form.sequences[0].origin

    assert (origin.id, origin.reason, origin.severity) == ("r1", "why", "warn")
    assert origin.place is not None
    assert origin.place.line == 3


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("require", "expected a rule"),
        ({}, "missing key 'type'"),
        ({"type": "befor", "first": "a", "then": "b"}, "did you mean 'before'?"),
        ({"type": "immediately_before", "first": "a"}, "there is no rule type"),
        ({"type": "before", "first": "a"}, "missing key 'then'"),
        ({"type": "max_calls", "tool": "a"}, "missing key 'max'"),
        ({"type": "eventually", "tool": "a"}, "missing key 'within'"),
        ({"type": "eventually", "tool": "a", "within": 0}, "at least 1"),
        ({"type": "blocklist", "pattern": ""}, "empty string"),
        ({"type": "blocklist", "tools": ["a"], "pattern": "a"}, "unknown key 'tools'"),
        ({"type": "before", "first": "", "then": "b"}, "empty string"),
        ({"type": "before", "first": "a", "then": ["b", "c"]}, "expected a tool"),
        ({"type": "before", "first": "a", "then": "b", "on_violation": "deny"}, "unknown key 'on_violation'"),
        ({"type": "sequence", "tools": []}, "can never fail"),
        ({"type": "sequence", "tools": ["a", "b"], "strict": "yes"}, "expected true or false"),
        ({"type": "require", "tool": {"tool": "a", "args_match": {"x": []}}}, "selects nothing"),
    ],
)
def test_a_rule_that_is_wrong_is_an_error(rule: JsonValue, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_sequence_rules([rule])

    assert any(message in each.message for each in (caught.value, *caught.value.others)), caught.value


def test_a_pattern_that_is_not_linear_is_an_error() -> None:
    with pytest.raises(InputError, match="E_REGEX_INVALID"):
        parse_sequence_rules([{"type": "require", "tool": {"tool": "a", "args_match": {"x": r"(a)\1"}}}])


def test_a_suite_gets_errors_of_its_own_kind_at_its_own_place() -> None:
    document = parse_document("expected:\n  rules:\n    - {type: require, tol: a}\n", "eval.yaml")

    with pytest.raises(InputError) as caught:
        parse_sequence_rules(
            document.at(("expected", "rules")),
            document=document,
            path=("expected", "rules"),
            code="E_CFG_PARSE",
            unknown_code="E_CFG_UNKNOWN_KEY",
            error=InputError,
        )

    every = {each.code: each.place for each in (caught.value, *caught.value.others)}
    unknown = every["E_CFG_UNKNOWN_KEY"]
    assert unknown is not None
    assert (unknown.file, unknown.line, unknown.column) == ("eval.yaml", 3, 23)
    assert "E_CFG_PARSE" in every


def test_without_a_document_errors_stand_at_the_given_place() -> None:
    place = Place("eval.yaml", 7, 3)

    with pytest.raises(PolicyError) as caught:
        parse_sequence_rules([{"type": "require"}], place=place)

    assert caught.value.place == place
