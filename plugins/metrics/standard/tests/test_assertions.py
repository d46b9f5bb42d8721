"""The assertions about recorded episodes, and those that bring their own calls."""

from __future__ import annotations

import pytest

from assay_core.convert import StructureError
from assay_core.errors import AssayError, InputError
from assay_core.model import Outcome, SourcePlace, Step
from assay_core.plugins.drivers import load
from assay_core.policy import load_policy


def codes(result) -> list[str]:
    return [each.code for each in result.findings]


# -- about the recorded episode --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "least", "held"), [("ab", 1, True), ("bb", 1, False), ("aa", 2, True), ("ab", 2, False), ("", 1, False)]
)
def test_must_call_tool_counts_calls(judge, episode, calls, least, held) -> None:
    result = judge("assert.trace_must_call_tool", episode(*calls), tool="a", min_calls=least)

    assert (result.outcome is Outcome.HELD) == held
    if not held:
        assert codes(result) == ["E_TRACE_ASSERT_FAIL"]
        assert result.findings[0].message.startswith(f"expected at least {least} call(s) of 'a', found ")


def test_must_not_call_tool_names_the_first_call(judge, episode) -> None:
    result = judge("assert.trace_must_not_call_tool", episode("a", "rm_x", "rm_y"), tool="rm_*")

    (finding,) = result.findings
    assert (finding.code, finding.tool, finding.call_index) == ("E_TRACE_ASSERT_FAIL", "rm_x", 1)
    assert finding.source == SourcePlace("trace.jsonl", 11)
    assert result.details["context"] == {"failing_tool": "rm_x", "failing_call_index": 1}
    assert judge("assert.trace_must_not_call_tool", episode("a"), tool="rm_*").outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("calls", "others", "message"),
    [
        ("ab", False, None),
        ("axb", False, "expected 'b' at index 1, found 'x'"),
        ("a", False, "missing 'b' at index 1: 1 call(s) fewer than expected"),
        ("abx", False, "unexpected 'x' at index 2, after the sequence"),
        ("xaxbx", True, None),
        ("ba", True, "'b' is not called after 'a'"),
        ("xx", True, "'a' is not called"),
    ],
)
def test_tool_sequence_is_exact_or_a_subsequence(judge, episode, calls, others, message) -> None:
    result = judge("assert.trace_tool_sequence", episode(*calls), sequence=["a", "b"], allow_other_tools=others)

    if message is None:
        assert result.outcome is Outcome.HELD
    else:
        assert codes(result) == ["E_TRACE_ASSERT_FAIL"]
        assert result.findings[0].message == message


def test_an_empty_exact_sequence_means_that_no_tool_is_called(judge, episode) -> None:
    options = {"sequence": [], "allow_other_tools": False}

    assert judge("assert.trace_tool_sequence", episode(), **options).outcome is Outcome.HELD
    assert judge("assert.trace_tool_sequence", episode("a"), **options).outcome is Outcome.VIOLATED


def test_allow_other_tools_has_to_be_said(prepare) -> None:
    with pytest.raises(StructureError, match="allow_other_tools"):
        prepare("assert.trace_tool_sequence", sequence=["a"])


def test_max_steps_counts_steps_or_calls_where_there_are_none(judge, episode) -> None:
    steps = episode(Step(kind="model"), ("a", {}), Step(kind="tool"))

    assert judge("assert.trace_max_steps", steps, max=2).outcome is Outcome.HELD
    assert judge("assert.trace_max_steps", steps, max=1).details["context"] == {"steps": 2}
    assert judge("assert.trace_max_steps", episode("a", "b", "c"), max=2).outcome is Outcome.VIOLATED
    assert judge("assert.trace_max_steps", episode(), max=0).outcome is Outcome.HELD


def test_aliases_of_the_runs_policy_count_in_assertions(judge, episode) -> None:
    policy = load_policy({"version": "2.0", "aliases": {"Search": ["kb", "web"]}})

    def outcome(name: str, *calls: str, **options: object) -> Outcome:
        return judge(name, episode(*calls), run_policy=policy, **options).outcome

    assert outcome("assert.trace_must_call_tool", "web", tool="Search") is Outcome.HELD
    assert outcome("assert.trace_must_not_call_tool", "kb", tool="Search") is Outcome.VIOLATED
    assert (
        outcome("assert.trace_tool_sequence", "kb", "web", sequence=["Search"] * 2, allow_other_tools=False)
        is Outcome.HELD
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("assert.trace_must_call_tool", {"tool": "a", "min_calls": 0}),
        ("assert.trace_must_call_tool", {"tool": ""}),
        ("assert.trace_must_not_call_tool", {"tool": ""}),
        ("assert.trace_tool_sequence", {"sequence": [], "allow_other_tools": True}),
        ("assert.args_valid", {"tool": "a"}),
        ("assert.args_valid", {"tool": "a", "policy": {"schema": {"type": "object"}}}),
        ("assert.args_valid", {"tool": "a", "test_args": {}}),
        ("assert.args_valid", {"tool": "a", "test_args": {}, "policy": {"schema": {}}}),
        ("assert.args_valid", {"tool": "a", "test_args": {}, "policy": {"version": "2.0"}}),
        ("assert.sequence_valid", {"policy": {"regex": "a"}}),
        ("assert.sequence_valid", {"test_trace": ["a"]}),
        ("assert.sequence_valid", {"test_trace": ["a"], "policy": {"regex": ""}}),
        ("assert.sequence_valid", {"test_trace": ["a"], "policy": {"rules": []}}),
        ("assert.sequence_valid", {"test_trace": ["a"], "policy": {"sequence": []}}),
        ("assert.tool_blocklist", {"policy": {"blocked": ["a"]}}),
        ("assert.tool_blocklist", {"policy": {"blocked": ["a"]}, "test_tool_calls": []}),
        ("assert.tool_blocklist", {"test_tool_calls": ["a"]}),
        ("assert.tool_blocklist", {"policy": {"blocked": []}, "test_tool_calls": ["a"]}),
    ],
)
def test_an_assertion_that_could_never_fail_is_an_error_with_its_place(prepare, name, options) -> None:
    with pytest.raises(InputError) as caught:
        prepare(name, **options)

    assert caught.value.code == "E_CFG_VACUOUS"
    assert caught.value.place is not None
    assert caught.value.place.line == 7


# -- with calls of their own -----------------------------------------------------------------------------------------

DISCOUNT = {"properties": {"percent": {"type": "number", "maximum": 30}}, "required": ["percent"]}


@pytest.mark.parametrize("name", ["assert.args_valid", "assert.sequence_valid", "assert.tool_blocklist"])
def test_policy_assertions_need_no_episode(name) -> None:
    assert load("assay.metrics", name).needs_episode is False


@pytest.mark.parametrize(
    "policy",
    [
        {"schema": DISCOUNT},
        DISCOUNT,
        {"discount": DISCOUNT},
        {"version": "2.0", "schemas": {"discount": DISCOUNT}},
        "policy.yaml",
        "bare.json",
    ],
)
def test_args_valid_takes_a_schema_or_a_policy_here_or_in_a_file(judge, tmp_path, policy) -> None:
    (tmp_path / "policy.yaml").write_text(
        'version: "2.0"\nschemas: {discount: {required: [percent], properties: {percent: {maximum: 30}}}}\n'
    )
    (tmp_path / "bare.json").write_text('{"required": ["percent"], "properties": {"percent": {"maximum": 30}}}')

    def outcome(percent: int, expect: str) -> Outcome:
        options = {"tool": "discount", "policy": policy, "test_args": {"percent": percent}, "expect": expect}
        return judge("assert.args_valid", **options).outcome

    assert outcome(30, "pass") is Outcome.HELD
    assert outcome(31, "pass") is Outcome.VIOLATED
    assert outcome(31, "fail") is Outcome.HELD
    assert outcome(30, "fail") is Outcome.VIOLATED


def test_args_valid_says_what_refuses_the_arguments(judge) -> None:
    result = judge("assert.args_valid", tool="discount", test_args={"percent": 90}, policy={"schema": DISCOUNT})

    (finding,) = result.findings
    assert finding.code == "E_POLICY_ASSERT_FAIL"
    assert finding.message.startswith("the arguments of 'discount' should be accepted: E_ARG_SCHEMA: ")
    assert finding.message.endswith("(/percent)")


def test_args_valid_under_a_policy_counts_its_lists(judge) -> None:
    policy = {"version": "2.0", "tools": {"deny": ["rm_*"]}}

    result = judge("assert.args_valid", tool="rm_all", test_args={}, policy=policy)

    assert "E_TOOL_DENIED" in result.findings[0].message


RULES = {"rules": [{"type": "before", "first": "verify", "then": "delete"}]}
TRACE = [{"tool": "verify", "args": {"by": "2fa"}}, {"tool_name": "delete", "arguments": {}}]


@pytest.mark.parametrize(
    ("policy", "trace", "held"),
    [
        ({"regex": "^verify delete$"}, TRACE, True),
        ({"regex": "^verify$"}, TRACE, False),
        ({"regex": ".*"}, [], True),
        (RULES, ["verify", "delete"], True),
        (RULES, ["delete", "verify"], False),
        (RULES["rules"], ["delete"], False),
        ({"sequence": ["verify", "delete"]}, TRACE, True),
        ({"sequence": ["verify"]}, TRACE, False),
        (
            {"version": "2.0", "aliases": {"A": ["verify"]}, "sequences": [{"type": "require", "tool": "A"}]},
            TRACE,
            True,
        ),
        ("rules.yaml", TRACE, True),
        ("regex.yaml", TRACE, False),
    ],
)
@pytest.mark.parametrize("key", ["test_trace", "test_trace_raw"])
def test_sequence_valid_takes_a_regex_rules_or_a_sequence(judge, tmp_path, policy, trace, held, key) -> None:
    (tmp_path / "rules.yaml").write_text("- {type: require, tool: verify}\n")
    (tmp_path / "regex.yaml").write_text("regex: '^delete'\n")
    options = {"policy": policy, key: trace}

    result = judge("assert.sequence_valid", **options)

    assert (result.outcome is Outcome.HELD) == held
    assert (judge("assert.sequence_valid", expect="fail", **options).outcome is Outcome.HELD) != held
    if not held:
        assert codes(result) == ["E_POLICY_ASSERT_FAIL"]


def test_sequence_valid_whose_trace_exercises_no_rule_does_not_apply(judge) -> None:
    options = {"policy": RULES, "test_trace": ["other"]}

    assert judge("assert.sequence_valid", **options).outcome is Outcome.NOT_APPLICABLE
    assert judge("assert.sequence_valid", expect="fail", **options).outcome is Outcome.VIOLATED


@pytest.mark.parametrize("calls", [["rm"], [{"tool": "rm"}], ["ls", {"name": "rm", "args": {}}]])
def test_tool_blocklist_blocks_given_calls(judge, tmp_path, calls) -> None:
    (tmp_path / "blocked.yaml").write_text("blocked: [rm, 'drop_*']\n")
    for policy in ({"blocked": ["rm"]}, ["r?"], "blocked.yaml"):
        result = judge("assert.tool_blocklist", policy=policy, test_tool_calls=calls)

        assert codes(result) == ["E_POLICY_ASSERT_FAIL"]
        assert "'rm' is blocked by" in result.findings[0].message
        assert (
            judge("assert.tool_blocklist", policy=policy, test_tool_calls=calls, expect="fail").outcome is Outcome.HELD
        )


def test_tool_blocklist_lets_other_calls_through(judge) -> None:
    assert judge("assert.tool_blocklist", policy={"blocked": ["rm"]}, test_tool_calls=["rmdir"]).outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("assert.trace_max_steps", {"max": -1}, "E_CFG_PARSE"),
        ("assert.args_valid", {"tool": "a", "test_args": {}, "policy": [1]}, "E_CFG_PARSE"),
        ("assert.args_valid", {"tool": "a", "test_args": {}, "policy": "nowhere.yaml"}, "E_PATH_NOT_FOUND"),
        ("assert.args_valid", {"tool": "a", "test_args": {}, "policy": {"schema": {"tpye": 1}}}, "E_SCHEMA_COMPILE"),
        ("assert.sequence_valid", {"test_trace": ["a"], "test_trace_raw": ["a"], "policy": RULES}, "E_CFG_PARSE"),
        ("assert.sequence_valid", {"test_trace": "a", "policy": RULES}, "E_CFG_PARSE"),
        ("assert.sequence_valid", {"test_trace": [{"args": {}}], "policy": RULES}, "E_CFG_PARSE"),
        ("assert.sequence_valid", {"test_trace": ["a"], "policy": {"regexp": "a"}}, "E_CFG_PARSE"),
        ("assert.sequence_valid", {"test_trace": ["a"], "policy": {"regex": 1}}, "E_CFG_PARSE"),
        ("assert.sequence_valid", {"test_trace": ["a"], "policy": {"regex": "(?!a)"}}, "E_REGEX_INVALID"),
        ("assert.sequence_valid", {"test_trace": ["a"], "policy": {"sequence": "a"}}, "E_CFG_PARSE"),
        ("assert.tool_blocklist", {"test_tool_calls": ["a"], "policy": {"block": ["a"]}}, "E_CFG_PARSE"),
        ("assert.tool_blocklist", {"test_tool_calls": [1], "policy": {"blocked": ["a"]}}, "E_CFG_PARSE"),
    ],
)
def test_a_wrong_assertion_is_an_error_with_its_place(prepare, name, options, code) -> None:
    with pytest.raises(AssayError) as caught:
        prepare(name, **options)

    assert caught.value.code == code
    assert caught.value.place is not None
    assert caught.value.place.line == 7


def test_expect_is_pass_or_fail(prepare) -> None:
    with pytest.raises(StructureError, match="expected one of pass, fail"):
        prepare("assert.tool_blocklist", policy={"blocked": ["a"]}, test_tool_calls=["a"], expect="block")
