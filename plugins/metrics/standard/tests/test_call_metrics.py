"""args_valid, sequence_valid, tool_blocklist, tool_output_valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.errors import AssayError, InputError
from assay_core.model import Outcome, SourcePlace, ToolCall
from assay_core.policy import load_policy

REFUND = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number", "maximum": 50}}}


# -- args_valid ----------------------------------------------------------------------------------------------------


def test_args_valid_holds_when_every_call_fits(judge, episode) -> None:
    result = judge("args_valid", episode(("refund", {"amount": 5}), "other"), schema={"refund": REFUND})

    assert result.outcome is Outcome.HELD
    assert result.details == {"checked": 1}


def test_args_valid_finds_every_violation_with_line_tool_call_and_pointer(judge, episode) -> None:
    calls = ["other", ("refund", {"amount": 90}), ("refund", {})]

    result = judge("args_valid", episode(*calls), schema={"refund": REFUND})

    assert result.details["message"] == "args_valid failed: 2 errors"
    first, second = result.findings
    assert (first.code, first.tool, first.call_index, first.pointer) == ("E_ARG_SCHEMA", "refund", 1, "/amount")
    assert first.source == SourcePlace("trace.jsonl", 11)
    assert first.rule == "schemas:refund"
    assert (second.call_index, second.pointer) == (2, "")
    assert result.details["violations"][0]["path"] == "/amount"
    assert result.details["violations"][0]["constraint"] == "maximum"


def test_args_valid_counts_absent_arguments_as_an_empty_object(judge, episode) -> None:
    schema = {"ping": {"type": "object", "additionalProperties": False}}

    assert judge("args_valid", episode("ping"), schema=schema).outcome is Outcome.HELD


@pytest.mark.parametrize("calls", [[], ["other"]])
def test_args_valid_does_not_apply_without_a_call_of_its_tools(judge, episode, calls) -> None:
    assert judge("args_valid", episode(*calls), schema={"refund": REFUND}).outcome is Outcome.NOT_APPLICABLE


def test_args_valid_shares_definitions_between_schemas(judge, episode) -> None:
    schema = {
        "$defs": {"path": {"type": "string", "pattern": "^/srv/"}},
        "read": {"properties": {"path": {"$ref": "#/$defs/path"}}},
    }

    assert judge("args_valid", episode(("read", {"path": "/srv/a"})), schema=schema).outcome is Outcome.HELD
    assert judge("args_valid", episode(("read", {"path": "/etc"})), schema=schema).outcome is Outcome.VIOLATED


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schema": {}},
        {"schema": {"refund": None}},
        {"schema": {"$defs": {"a": {"type": "string"}}}},
        {"schema": {"type": "object", "properties": {"amount": {"maximum": 50}}}},
        {"schema": {"properties": {"amount": {"maximum": 50}}, "required": ["amount"]}},
        {"schema": {"type": "object"}},
        {"schema": {"refund": {}}},
        {"schema": {"refund": True, "other": {"title": "x"}}},
    ],
)
def test_args_valid_that_could_never_fail_is_an_error_with_its_place(prepare, options) -> None:
    with pytest.raises(InputError) as caught:
        prepare("args_valid", **options)

    assert caught.value.code == "E_CFG_VACUOUS"
    assert caught.value.place is not None
    assert caught.value.place.line == 7


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"schema": {"refund": {"tpye": "object"}}}, "E_SCHEMA_COMPILE"),
        ({"schema": {"port": "integer"}}, "E_CFG_PARSE"),
        ({"schema": {"refund": REFUND}, "policy": "policy.yaml"}, "E_CFG_PARSE"),
        ({"policy": "nowhere.yaml"}, "E_PATH_NOT_FOUND"),
    ],
)
def test_args_valid_with_wrong_options_is_an_error_with_its_place(prepare, options, code) -> None:
    with pytest.raises(InputError) as caught:
        prepare("args_valid", **options)

    assert caught.value.code == code
    assert caught.value.place is not None
    assert caught.value.place.line == 7


POLICY = """\
version: "2.0"
tools: {allow: ["read_*", refund, "rm_*", ping], deny: ["*_secret"]}
schemas:
  refund: {type: object, required: [amount], properties: {amount: {type: number, maximum: 50}}}
enforcement: {unconstrained_tools: %s}
limits: {max_tool_calls_total: 1}
sequences: [{type: before, first: login, then: "read_*"}]
"""


def written(folder: Path, text: str, name: str = "policy.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (("read_secret", {}), "E_TOOL_DENIED"),
        (("write", {}), "E_TOOL_NOT_ALLOWED"),
        (("refund", {"amount": 51}), "E_ARG_SCHEMA"),
        (("read_file", {}), "E_TOOL_UNCONSTRAINED"),
    ],
)
def test_args_valid_keeps_the_codes_of_the_policy_engine(judge, episode, tmp_path, call, code) -> None:
    name = written(tmp_path, POLICY % "deny")

    result = judge("args_valid", episode(call), policy=name)

    assert code in [each.code for each in result.findings]
    assert result.outcome is Outcome.VIOLATED


def test_args_valid_with_a_policy_leaves_limits_and_sequences_to_the_run(judge, episode, tmp_path) -> None:
    name = written(tmp_path, POLICY % "warn")

    result = judge("args_valid", episode(("read_file", {}), ("refund", {"amount": 1}), "ping"), policy=name)

    assert result.outcome is Outcome.HELD
    assert result.findings == ()


def test_args_valid_refuses_a_confusable_name_under_a_policy(judge, episode, tmp_path) -> None:
    name = written(tmp_path, POLICY % "warn")

    result = judge("args_valid", episode(("r\u0435fund", {"amount": 1})), policy=name)  # a Cyrillic letter

    assert "E_TOOL_CONFUSABLE" in [each.code for each in result.findings]


def test_args_valid_takes_a_file_that_maps_tools_to_schemas(judge, episode, tmp_path) -> None:
    name = written(tmp_path, "refund: {type: object, required: [amount]}\n")

    assert judge("args_valid", episode(("refund", {})), policy=name).outcome is Outcome.VIOLATED
    assert judge("args_valid", episode(("refund", {"amount": 1})), policy=name).outcome is Outcome.HELD
    assert judge("args_valid", episode("other"), policy=name).outcome is Outcome.NOT_APPLICABLE


def test_args_valid_with_a_rule_of_severity_warn_reports_and_holds(judge, episode, tmp_path) -> None:
    name = written(tmp_path, 'version: "2.0"\ntools: {deny: [{tool: rm, severity: warn}]}\n')

    result = judge("args_valid", episode("rm"), policy=name)

    assert result.outcome is Outcome.HELD
    assert [(each.code, each.severity) for each in result.findings] == [("E_TOOL_DENIED", "warning")]


def test_args_valid_with_a_policy_that_lists_nothing_is_vacuous(prepare, tmp_path) -> None:
    name = written(tmp_path, 'version: "2.0"\nlimits: {max_tool_calls_total: 3}\n')

    with pytest.raises(InputError) as caught:
        prepare("args_valid", policy=name)

    assert caught.value.code == "E_CFG_VACUOUS"


def test_an_error_inside_a_policy_stands_in_the_policy(prepare, tmp_path) -> None:
    name = written(tmp_path, 'version: "2.0"\ntools: {alow: [a]}\n')

    with pytest.raises(AssayError) as caught:
        prepare("args_valid", policy=name)

    assert caught.value.place is not None
    assert caught.value.place.file.endswith("policy.yaml")
    assert caught.value.place.line == 2


# -- sequence_valid ------------------------------------------------------------------------------------------------

RULES = {
    "require": {"type": "require", "tool": "a"},
    "eventually": {"type": "eventually", "tool": "a", "within": 2},
    "max_calls": {"type": "max_calls", "tool": "a", "max": 1},
    "before": {"type": "before", "first": "a", "then": "b"},
    "after": {"type": "after", "trigger": "a", "then": "b", "within": 1},
    "never_after": {"type": "never_after", "trigger": "a", "forbidden": "b"},
    "sequence": {"type": "sequence", "tools": ["a", "b"], "strict": True},
    "blocklist": {"type": "blocklist", "pattern": "rm"},
}


@pytest.mark.parametrize(
    ("rule", "held", "violated", "not_exercised"),
    [
        ("require", "xa", "x", None),
        ("eventually", "xa", "xxa", None),
        ("max_calls", "ax", "aa", None),
        ("before", "ab", "ba", "a"),
        ("after", "ab", "ax", "b"),
        ("never_after", "ba", "axb", "b"),
        ("sequence", "xab", "axb", "x"),
    ],
)
def test_every_operator_is_decided(judge, episode, rule, held, violated, not_exercised) -> None:
    def outcome(calls: str) -> Outcome:
        return judge("sequence_valid", episode(*calls), rules=[RULES[rule]]).outcome

    assert outcome(held) is Outcome.HELD
    assert outcome(violated) is Outcome.VIOLATED
    if not_exercised is not None:
        assert outcome(not_exercised) is Outcome.NOT_APPLICABLE


def test_a_blocklist_rule_is_a_substring_unless_it_has_wildcards(judge, episode) -> None:
    assert judge("sequence_valid", episode("alarm"), rules=[RULES["blocklist"]]).outcome is Outcome.VIOLATED
    assert judge("sequence_valid", episode("list"), rules=[RULES["blocklist"]]).outcome is Outcome.HELD


def test_a_broken_rule_names_rule_call_and_line(judge, episode) -> None:
    result = judge("sequence_valid", episode("x", "b", "a"), rules=[RULES["before"], RULES["require"]])

    (finding,) = result.findings
    assert (finding.code, finding.rule, finding.tool, finding.call_index) == (
        "E_SEQUENCE_VIOLATION",
        "before:a->b",
        "b",
        1,
    )
    assert finding.source == SourcePlace("trace.jsonl", 11)
    assert result.details["rules"] == [
        {"rule": "before:a->b", "state": "violated"},
        {"rule": "require:a", "state": "held"},
    ]


def test_what_is_missing_at_the_end_stands_at_the_episode(judge, episode) -> None:
    (finding,) = judge("sequence_valid", episode("x"), rules=[RULES["require"]]).findings

    assert (finding.tool, finding.call_index, finding.source) == ("", None, SourcePlace("trace.jsonl", 9))


def test_an_episode_without_end_leaves_obligations_open(judge, episode) -> None:
    rules = [RULES["require"]]

    result = judge("sequence_valid", episode("x", complete=False), rules=rules)

    assert result.outcome is Outcome.NOT_APPLICABLE
    assert result.details["rules"] == [{"rule": "require:a", "state": "open"}]
    assert judge("sequence_valid", episode("a", complete=False), rules=rules).outcome is Outcome.HELD


def test_operands_select_by_pattern_and_arguments(judge, episode) -> None:
    rules = [
        {
            "type": "never_after",
            "trigger": {"tool": "read_*", "args_match": {"path": "secret"}},
            "forbidden": "search_?",
        }
    ]

    bad = episode(("read_file", {"path": "/secret/key"}), "search_w")
    good = episode(("read_file", {"path": "/public"}), "search_w")

    assert judge("sequence_valid", bad, rules=rules).outcome is Outcome.VIOLATED
    assert judge("sequence_valid", good, rules=rules).outcome is Outcome.NOT_APPLICABLE


def test_a_rule_of_severity_warn_reports_and_holds(judge, episode) -> None:
    result = judge("sequence_valid", episode("x"), rules=[{**RULES["require"], "severity": "warn"}])

    assert result.outcome is Outcome.HELD
    assert [each.severity for each in result.findings] == ["warning"]


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ("ab", None),
        ("a", "missing 'b' at index 1: 1 call(s) fewer than expected"),
        ("abc", "unexpected 'c' at index 2, after the sequence"),
        ("ba", "expected 'a' at index 0, found 'b'"),
    ],
)
def test_an_exact_sequence_names_the_first_difference(judge, episode, calls, message) -> None:
    result = judge("sequence_valid", episode(*calls), sequence=["a", "b"])

    if message is None:
        assert result.outcome is Outcome.HELD
    else:
        assert result.details["message"] == f"sequence: {message}"
        assert [each.code for each in result.findings] == ["E_SEQUENCE_VIOLATION"]


def test_an_exact_sequence_may_still_be_completed_where_the_episode_has_no_end(judge, episode) -> None:
    sequence = ["a", "b"]

    assert judge("sequence_valid", episode("a", complete=False), sequence=sequence).outcome is Outcome.NOT_APPLICABLE
    assert judge("sequence_valid", episode("x", complete=False), sequence=sequence).outcome is Outcome.VIOLATED


def test_a_file_may_be_a_list_of_tools_a_list_of_rules_or_a_policy(judge, episode, tmp_path) -> None:
    written(tmp_path, "[a, b]\n", "tools.yaml")
    written(tmp_path, "- {type: require, tool: a}\n", "rules.yaml")
    written(
        tmp_path,
        'version: "2.0"\naliases: {Start: [a, "boot_*"]}\nsequences: [{type: require, tool: Start}]\n',
        "policy.yaml",
    )

    assert judge("sequence_valid", episode(*"ab"), policy="tools.yaml").outcome is Outcome.HELD
    assert judge("sequence_valid", episode(*"axb"), policy="tools.yaml").outcome is Outcome.VIOLATED
    assert judge("sequence_valid", episode(*"axb"), policy="rules.yaml").outcome is Outcome.HELD
    assert judge("sequence_valid", episode(*"x"), policy="rules.yaml").outcome is Outcome.VIOLATED
    assert judge("sequence_valid", episode("boot_1"), policy="policy.yaml").outcome is Outcome.HELD
    assert judge("sequence_valid", episode("Start"), policy="policy.yaml").outcome is Outcome.VIOLATED


def test_what_stands_in_the_suite_overrides_the_same_thing_in_the_file(judge, episode, tmp_path) -> None:
    name = written(tmp_path, "- {type: require, tool: a}\n")
    other = [{"type": "require", "tool": "z"}]

    assert judge("sequence_valid", episode("z"), policy=name, rules=other).outcome is Outcome.HELD
    assert judge("sequence_valid", episode("a"), policy=name, rules=other).outcome is Outcome.VIOLATED
    assert judge("sequence_valid", episode("a"), policy=name, sequence=["a"]).outcome is Outcome.HELD
    assert judge("sequence_valid", episode("z"), policy=name, sequence=["z"]).outcome is Outcome.VIOLATED


def test_aliases_of_the_runs_policy_count_in_rules_and_sequences(judge, episode) -> None:
    policy = load_policy({"version": "2.0", "aliases": {"Search": ["search_kb", "search_web"]}})
    rules = [{"type": "before", "first": "Search", "then": "answer"}]

    def outcome(*calls: str, **options: object) -> Outcome:
        return judge("sequence_valid", episode(*calls), run_policy=policy, **options).outcome

    assert outcome("search_web", "answer", rules=rules) is Outcome.HELD
    assert outcome("answer", rules=rules) is Outcome.VIOLATED
    assert outcome("search_kb", sequence=["Search"]) is Outcome.HELD


@pytest.mark.parametrize("options", [{}, {"rules": []}, {"sequence": []}, {"rules": None}])
def test_a_sequence_check_that_could_never_fail_is_an_error(prepare, options) -> None:
    with pytest.raises(InputError) as caught:
        prepare("sequence_valid", **options)

    assert caught.value.code == "E_CFG_VACUOUS"
    assert caught.value.place is not None
    assert caught.value.place.line == 7


def test_an_empty_file_of_rules_is_vacuous(prepare, tmp_path) -> None:
    with pytest.raises(InputError) as caught:
        prepare("sequence_valid", policy=written(tmp_path, "[]\n"))

    assert caught.value.code == "E_CFG_VACUOUS"


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ("require a", "E_CFG_PARSE"),
        ([{"type": "requires", "tool": "a"}], "E_CFG_PARSE"),
        ([{"type": "require"}], "E_CFG_PARSE"),
        ([{"type": "require", "tool": "a", "tols": 1}], "E_CFG_UNKNOWN_KEY"),
        ([{"type": "sequence", "tools": ["a"]}], "E_CFG_VACUOUS"),
        ([{"type": "require", "tool": {"tool": "a", "args_match": {"p": "(?=x)"}}}], "E_REGEX_INVALID"),
    ],
)
def test_a_wrong_rule_is_an_error_with_its_place(prepare, rules, code) -> None:
    with pytest.raises(AssayError) as caught:
        prepare("sequence_valid", rules=rules)

    assert caught.value.code == code
    assert caught.value.place is not None
    assert caught.value.place.line == 7


def test_a_sequence_with_an_empty_name_is_an_error(prepare) -> None:
    with pytest.raises(InputError) as caught:
        prepare("sequence_valid", sequence=["a", ""])

    assert caught.value.code == "E_CFG_PARSE"


# -- tool_blocklist ------------------------------------------------------------------------------------------------


def test_a_blocked_tool_is_found_at_every_call(judge, episode) -> None:
    result = judge("tool_blocklist", episode("rm", "ls", "drop_table", "rm"), blocked=["drop_*", "rm"])

    assert result.details["message"] == "Blocked tool called: 'rm'"
    assert [(each.code, each.call_index) for each in result.findings] == [
        ("E_TOOL_BLOCKED", 0),
        ("E_TOOL_BLOCKED", 2),
        ("E_TOOL_BLOCKED", 3),
    ]
    assert result.findings[1].message == "Blocked tool called: 'drop_table' (blocked by 'drop_*')"


def test_names_are_exact_without_wildcards_and_a_question_mark_is_one_character(judge, episode) -> None:
    assert judge("tool_blocklist", episode("DeleteDatabaseBackup"), blocked=["DeleteDatabase"]).outcome is Outcome.HELD
    assert judge("tool_blocklist", episode("rm1"), blocked=["rm?"]).outcome is Outcome.VIOLATED
    assert judge("tool_blocklist", episode("rm12"), blocked=["rm?"]).outcome is Outcome.HELD


def test_an_alias_of_the_runs_policy_means_its_members(judge, episode) -> None:
    policy = load_policy({"version": "2.0", "aliases": {"Danger": ["rm", "drop_*"]}})

    assert judge("tool_blocklist", episode("drop_x"), blocked=["Danger"], run_policy=policy).outcome is Outcome.VIOLATED


def test_an_episode_without_calls_holds(judge, episode) -> None:
    assert judge("tool_blocklist", episode(), blocked=["rm"]).outcome is Outcome.HELD


@pytest.mark.parametrize("blocked", [[], [""]])
def test_an_empty_blocklist_is_vacuous(prepare, blocked) -> None:
    with pytest.raises(InputError) as caught:
        prepare("tool_blocklist", blocked=blocked)

    assert caught.value.code == "E_CFG_VACUOUS"


def test_details_repeat_at_most_a_hundred_violations(judge, episode) -> None:
    result = judge("tool_blocklist", episode(*["rm"] * 150), blocked=["rm"])

    assert len(result.findings) == 150
    assert len(result.details["violations"]) == 100
    assert result.details["violations_omitted"] == 50


# -- tool_output_valid ---------------------------------------------------------------------------------------------

WEATHER = {"weather": {"type": "object", "required": ["celsius"]}}


def answered(result: object, **fields: object) -> ToolCall:
    return ToolCall.of("weather", {}, result=result, call_id="c1", line=12, **fields)


def test_a_result_that_does_not_fit_is_found(judge, episode) -> None:
    result = judge("tool_output_valid", episode(answered({"c": 1})), schemas=WEATHER)

    (finding,) = result.findings
    assert (finding.code, finding.tool, finding.source) == (
        "E_OUTPUT_SCHEMA_VIOLATION",
        "weather",
        SourcePlace("trace.jsonl", 12),
    )
    (listed,) = result.details["violations"]
    assert (listed["tool"], listed["call_id"], listed["code"]) == ("weather", "c1", "E_OUTPUT_SCHEMA_VIOLATION")
    assert len(listed["errors"]) == 1


def test_a_result_that_fits_holds(judge, episode) -> None:
    assert judge("tool_output_valid", episode(answered({"celsius": 3})), schemas=WEATHER).outcome is Outcome.HELD


@pytest.mark.parametrize(
    "call", ["weather", "other", answered({"c": 1}, error="no network"), ToolCall.of("other", {}, result={})]
)
def test_calls_without_a_result_of_these_tools_do_not_apply(judge, episode, call) -> None:
    assert judge("tool_output_valid", episode(call), schemas=WEATHER).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("options", [{}, {"schemas": {}}, {"schemas": {"type": "object"}}, {"schemas": {"a": {}}}])
def test_output_schemas_that_could_never_fail_are_an_error(prepare, options) -> None:
    with pytest.raises(InputError) as caught:
        prepare("tool_output_valid", **options)

    assert caught.value.code == "E_CFG_VACUOUS"
