from __future__ import annotations

import random
from typing import Any

import pytest

from assay_core.errors import InputError, Place, PolicyError
from assay_core.model import RuleOutcome, ToolCall
from assay_core.policy import Operand, RulesVerdict, SequenceRule, evaluate_rules
from assay_core.policy.form import Origin


def op(text: str, **args_match: str) -> Operand:
    return Operand(tool=text, args_match={name: (regex,) for name, regex in args_match.items()})


def before(first: str, then: str) -> SequenceRule:
    return SequenceRule(type="before", first=op(first), then=op(then))


def eventually(tool: str, within: int) -> SequenceRule:
    return SequenceRule(type="eventually", tool=op(tool), within=within)


def after(trigger: str, then: str, within: int) -> SequenceRule:
    return SequenceRule(type="after", trigger=op(trigger), then=op(then), within=within)


def never_after(trigger: str, forbidden: str) -> SequenceRule:
    return SequenceRule(type="never_after", trigger=op(trigger), forbidden=op(forbidden))


def sequence(*tools: str, strict: bool = False) -> SequenceRule:
    return SequenceRule(type="sequence", tools=tuple(map(op, tools)), strict=strict)


def max_calls(tool: str, most: int) -> SequenceRule:
    return SequenceRule(type="max_calls", tool=op(tool), max=most)


def require(tool: str) -> SequenceRule:
    return SequenceRule(type="require", tool=op(tool))


def blocklist(pattern: str) -> SequenceRule:
    return SequenceRule(type="blocklist", pattern=pattern)


def run(rule: SequenceRule, trace: str, *, complete: bool = True, **options: Any) -> RulesVerdict:
    """Decide one rule over a trace such as `a b !c`; `!` marks a call that was recorded as denied."""
    calls = [
        ToolCall(index=index, tool=word.removeprefix("!"), outcome="denied" if word.startswith("!") else "ok")
        for index, word in enumerate(trace.split())
    ]
    return evaluate_rules([rule], calls, complete=complete, **options)


def state(rule: SequenceRule, trace: str, *, complete: bool = True, **options: Any) -> str:
    (outcome,) = run(rule, trace, complete=complete, **options).outcomes
    return outcome.state


def blamed(rule: SequenceRule, trace: str, **options: Any) -> list[int | None]:
    return [each.call_index for each in run(rule, trace, **options).violations]


@pytest.mark.parametrize(
    ("rule", "trace", "expected", "calls"),
    [
        (before("a", "b"), "a b", "held", []),
        (before("a", "b"), "b a", "violated", [0]),
        (eventually("x", 2), "p q x", "violated", [None]),
        (eventually("x", 2), "p q r", "violated", [None]),
        (after("t", "u", 2), "t u p q", "held", []),
        (after("t", "u", 1), "t p u", "violated", [None]),
        (after("t", "u", 1), "t p q", "violated", [None]),
        (never_after("t", "f"), "f t f", "violated", [2]),
        (max_calls("x", 1), "x x y", "violated", [1]),
        (sequence("a", "b", strict=True), "a p b", "violated", [1]),
        (sequence("a", "b"), "b a", "violated", [0, None]),
        (blocklist("rm"), "alarm", "violated", [0]),
    ],
)
def test_vectors_of_the_reference_table(rule: SequenceRule, trace: str, expected: str, calls: list[int | None]) -> None:
    assert state(rule, trace) == expected
    assert blamed(rule, trace) == calls


@pytest.mark.parametrize(
    ("rule", "trace", "complete", "expected"),
    [
        (require("x"), "a x", True, "held"),
        (require("x"), "a b", True, "violated"),
        (require("x"), "a b", False, "open"),
        (require("x"), "", True, "violated"),
        (require("x"), "!x", True, "violated"),
        (eventually("x", 2), "p x", True, "held"),
        (eventually("x", 2), "p", True, "violated"),
        (eventually("x", 2), "p", False, "open"),
        (eventually("x", 2), "p q", False, "violated"),
        (eventually("x", 2), "!p !q x", True, "held"),
        (max_calls("x", 1), "y", True, "held"),
        (max_calls("x", 0), "x", True, "violated"),
        (max_calls("x", 1), "!x x", True, "held"),
        (before("a", "b"), "c", True, "not_exercised"),
        (before("a", "b"), "a", True, "not_exercised"),
        (before("a", "b"), "!a b", True, "violated"),
        (before("a*", "*b"), "ab", True, "held"),
        (after("t", "u", 2), "p u", True, "not_exercised"),
        (after("t", "u", 2), "t p", False, "open"),
        (after("t", "u", 2), "t p", True, "violated"),
        (after("t", "u", 2), "t p q", False, "violated"),
        (after("t", "u", 2), "t t u", True, "held"),
        (after("t", "u", 1), "t t u", True, "violated"),
        (after("t", "u", 1), "t u t", False, "open"),
        (after("t", "u", 1), "t p u t", False, "violated"),
        (after("t", "t", 1), "t t", True, "violated"),
        (after("t", "t", 1), "t t", False, "open"),
        (never_after("t", "f"), "f", True, "not_exercised"),
        (never_after("t", "f"), "f t", True, "held"),
        (never_after("t", "t"), "t t", True, "violated"),
        (sequence("a", "b"), "p", True, "not_exercised"),
        (sequence("a", "b"), "a p b", True, "held"),
        (sequence("a", "b"), "a p", True, "violated"),
        (sequence("a", "b"), "a p", False, "open"),
        (sequence("a", "b", "a"), "a b a", True, "held"),
        (sequence("a", "a"), "a a", True, "held"),
        (sequence("a", "b", "c"), "a c b c", True, "violated"),
        (sequence("a", "b", strict=True), "p b a b p", True, "held"),
        (sequence("a", "b", strict=True), "a !p b", True, "violated"),
        (sequence("a", "b", strict=True), "b", True, "not_exercised"),
        (blocklist("rm"), "ls", True, "held"),
        (blocklist("r?"), "alarm", True, "held"),
        (blocklist("*r?"), "alarm", True, "violated"),
        (blocklist("rm"), "!alarm", True, "violated"),
    ],
)
def test_outcome_of_every_operator(rule: SequenceRule, trace: str, complete: bool, expected: str) -> None:
    assert state(rule, trace, complete=complete) == expected


def test_every_unmet_trigger_is_one_violation_naming_it() -> None:
    verdict = run(after("t", "u", 1), "t p t p t u")

    assert [each.antecedent for each in verdict.violations] == [0, 2]
    assert verdict.outcomes[0].count == 3
    assert "(call 2)" in verdict.violations[1].message


def test_forbidden_call_names_the_trigger_as_its_antecedent() -> None:
    (violation,) = run(never_after("t", "f"), "p t p f").violations

    assert (violation.call_index, violation.antecedent, violation.code) == (3, 1, "E_SEQUENCE_VIOLATION")


def test_strict_sequence_blames_every_call_between_and_goes_on() -> None:
    assert blamed(sequence("a", "b", strict=True), "a p q b p") == [1, 2]


def test_alias_stands_for_its_members_only() -> None:
    aliases = {"Search": ("search_kb", "search_web")}

    assert state(require("Search"), "search_web", aliases=aliases) == "held"
    assert state(require("Search"), "Search", aliases=aliases) == "violated"


def test_selector_looks_into_the_arguments() -> None:
    rule = SequenceRule(type="never_after", trigger=op("read_file", path="secret"), forbidden=op("send"))
    quiet = [ToolCall.of("read_file", {"path": "/srv/a"}), ToolCall.of("send", index=1)]
    loud = [ToolCall.of("read_file", {"path": "/srv/secret"}), ToolCall.of("send", index=1)]

    assert evaluate_rules([rule], quiet).outcomes[0].state == "not_exercised"
    assert evaluate_rules([rule], loud).outcomes[0].state == "violated"


@pytest.mark.parametrize(
    ("regex", "args", "selected"),
    [
        ("^/srv/", {"path": "/srv/a"}, True),  # the string itself
        ('^"/srv/', {"path": "/srv/a"}, True),  # its JSON
        ("secret", {"path": {"deep": ["secret"]}}, True),
        (r"\[1,2\]", {"path": [1, 2]}, True),
        ("^null$", {"path": None}, True),
        ("secret", {"other": "secret"}, False),
        ("secret", "secret", False),
        ("secret", None, False),
    ],
)
def test_selector_searches_the_json_of_an_argument(regex: str, args: Any, selected: bool) -> None:
    rule = SequenceRule(type="require", tool=op("t", path=regex))

    outcome = evaluate_rules([rule], [ToolCall.of("t", args)]).outcomes[0]

    assert outcome.state == ("held" if selected else "violated")


def test_all_expressions_of_a_selector_have_to_be_found() -> None:
    rule = SequenceRule(type="require", tool=Operand(tool="t", args_match={"a": ("x", "y"), "b": ("z",)}))

    assert evaluate_rules([rule], [ToolCall.of("t", {"a": "xy", "b": "z"})]).outcomes[0].state == "held"
    assert evaluate_rules([rule], [ToolCall.of("t", {"a": "x", "b": "z"})]).outcomes[0].state == "violated"


def test_arguments_that_are_not_json_fit_no_selector() -> None:
    rule = SequenceRule(type="require", tool=op("t", path="x"))

    assert evaluate_rules([rule], [ToolCall(index=0, tool="t", args_json=b"{x")]).outcomes[0].state == "violated"


def test_selector_that_does_not_compile_is_refused_with_its_place() -> None:
    place = Place("policy.yaml", 4, 1)
    rule = SequenceRule(type="require", tool=op("t", path="(?=x)"), origin=Origin(place=place))

    with pytest.raises(InputError) as caught:
        evaluate_rules([rule], [])

    assert (caught.value.code, caught.value.place) == ("E_REGEX_INVALID", place)


@pytest.mark.parametrize(
    ("rule", "identity"),
    [
        (require("x"), "require:x"),
        (eventually("x", 5), "eventually:x@5"),
        (max_calls("x", 3), "max_calls:x<=3"),
        (before("authenticate", "delete_*"), "before:authenticate->delete_*"),
        (after("a", "b", 2), "after:a->b@2"),
        (never_after("a", "b"), "never_after:a->b"),
        (sequence("a", "b", strict=True), "sequence:strict:a>b"),
        (sequence("a", "b"), "sequence:a>b"),
        (blocklist("p"), "blocklist:p"),
        (SequenceRule(type="require", tool=op("t", path="^/x")), "require:t{path=~^/x}"),
        (SequenceRule(type="require", tool=Operand(tool="a*", exact=True)), "require:=a*"),
        (SequenceRule(type="require", tool=op("x"), origin=Origin(id="mine")), "mine"),
    ],
)
def test_identity_of_a_rule_is_its_id_or_its_content(rule: SequenceRule, identity: str) -> None:
    assert run(rule, "x").outcomes[0].rule == identity


def test_two_rules_with_one_identity_are_refused() -> None:
    with pytest.raises(PolicyError, match="two rules have the identity 'require:x'"):
        evaluate_rules([require("x"), require("x")], [])


def test_severity_of_a_rule_is_that_of_its_violations() -> None:
    rule = SequenceRule(type="max_calls", tool=op("x"), max=0, origin=Origin(severity="warn"))

    (violation,) = run(rule, "x").violations

    assert violation.severity == "warn"


def test_several_rules_give_one_outcome_each_in_their_order() -> None:
    calls = [ToolCall.of("a"), ToolCall.of("b")]

    verdict = evaluate_rules([require("b"), require("c"), before("a", "b")], calls)

    assert verdict.outcomes == (
        RuleOutcome(rule="require:b", state="held", count=1),
        RuleOutcome(rule="require:c", state="violated", code="E_SEQUENCE_VIOLATION", count=1),
        RuleOutcome(rule="before:a->b", state="held", count=1),
    )


def test_long_hostile_traces_cost_linear_memory_and_time() -> None:
    rng = random.Random(3)
    calls = [ToolCall(index=index, tool=rng.choice("tp")) for index in range(50_000)]

    verdict = evaluate_rules([after("t", "u", 100_000)], calls)

    assert len(verdict.violations) == sum(call.tool == "t" for call in calls)
