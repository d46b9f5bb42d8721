from __future__ import annotations

import pytest

from assay_core.analysis.coverage import cover
from assay_core.errors import InputError
from assay_core.model import Episode, ToolCall
from assay_core.policy import Policy, load_policy


def policy_of(**sections: object) -> Policy:
    return load_policy({"version": "2.0", "enforcement": {"unconstrained_tools": "allow"}, **sections})  # type: ignore[dict-item]  # JSON by the tests


def episode_of(*tools: str, complete: bool = True, **args: object) -> Episode:
    calls = tuple(ToolCall.of(tool, dict(args), index=place) for place, tool in enumerate(tools))
    return Episode(id="e", events=calls, complete=complete)


def test_the_worked_example_of_the_format_gives_its_figures() -> None:
    policy = policy_of(
        tools={"allow": ["a", "b"], "deny": ["c"]}, sequences=[{"type": "before", "first": "a", "then": "b"}]
    )

    report = cover(policy, [episode_of("a", "b")], 80.0).document()

    assert report["tool_coverage"] == {
        "total_tools_in_policy": 3,
        "tools_seen_in_traces": 2,
        "coverage_pct": 66.67,
        "unseen_tools": ["c"],
        "unexpected_tools": [],
    }
    assert report["rule_coverage"] == {
        "total_rules": 1,
        "rules_triggered": 1,
        "coverage_pct": 100.0,
        "untriggered_rules": [],
    }
    assert (report["overall_coverage_pct"], report["meets_threshold"], report["threshold"]) == (83.33, True, 80.0)
    assert [(gap["tool"], gap["severity"]) for gap in report["high_risk_gaps"]] == [("c", "high")]  # type: ignore[index, union-attr]  # a list of objects


def test_a_rule_counts_once_it_was_exercised_and_not_before() -> None:
    policy = policy_of(sequences=[{"type": "after", "trigger": "deploy", "then": "check", "within": 2}])

    idle = cover(policy, [episode_of("read")])
    used = cover(policy, [episode_of("read"), episode_of("deploy", "check")])

    assert idle.untriggered_rules == ("after:deploy->check@2",)
    assert (idle.rule_pct, used.rule_pct) == (0.0, 100.0)


def test_schemas_limits_and_sequences_count_as_rules_and_names_do_not() -> None:
    policy = policy_of(
        tools={"allow": ["a"], "deny": ["c", "d*"]},
        schemas={"a": {"type": "object", "required": ["x"]}},
        limits={"per_tool": {"a": 3}},
    )

    report = cover(policy, [episode_of("a", x=1)])

    assert report.rules == ("limits.per_tool:a", "schemas:a")
    assert report.untriggered_rules == ()


def test_a_pattern_is_seen_when_a_tool_matches_it_and_an_alias_counts_as_its_members() -> None:
    policy = policy_of(tools={"deny": ["delete_*"], "allow": ["Search"]}, aliases={"Search": ["find", "grep"]})

    report = cover(policy, [episode_of("delete_all", "grep", "other")])

    assert report.tools == ("delete_*", "find", "grep")
    assert (report.unseen_tools, report.unexpected_tools) == (("find",), ("other",))


def test_violations_are_told_once_each_and_those_of_the_end_have_no_tool() -> None:
    policy = policy_of(tools={"allow": ["a"], "deny": ["c"]}, sequences=[{"type": "require", "tool": "a"}])

    report = cover(policy, [episode_of("c")])

    assert [(each.trace_id, each.tool, each.code) for each in report.violations] == [
        ("e", "c", "E_TOOL_DENIED"),
        ("e", "", "E_SEQUENCE_VIOLATION"),
    ]
    assert (report.denied, report.unmet, report.share_kept) == (1, 1, 0.0)


def test_a_warning_about_a_name_is_told_once_an_episode() -> None:
    policy = policy_of(enforcement={"unconstrained_tools": "warn"}, tools={"allow": ["a"]})

    report = cover(policy, [episode_of("a", "a", "a")])

    assert [(each.tool, each.code) for each in report.warnings] == [("a", "E_TOOL_UNCONSTRAINED")]
    assert report.violations == ()


def test_what_is_owed_by_an_episode_without_an_end_is_no_violation_and_triggers_nothing() -> None:
    policy = policy_of(sequences=[{"type": "require", "tool": "a"}])

    report = cover(policy, [episode_of("b", complete=False)])

    assert (report.violations, report.untriggered_rules) == ((), ("require:a",))


@pytest.mark.parametrize("episodes", [[], [Episode(id="e", prompt="hi")]])
def test_nothing_to_decide_is_an_error(episodes: list[Episode]) -> None:
    with pytest.raises(InputError) as caught:
        cover(policy_of(tools={"deny": ["c"]}), episodes)

    assert caught.value.code == "E_NO_CHECKS"


def test_an_episode_without_calls_breaks_a_rule_that_requires_one() -> None:
    policy = policy_of(sequences=[{"type": "require", "tool": "a"}])

    report = cover(policy, [Episode(id="e")])

    assert [each.code for each in report.violations] == ["E_SEQUENCE_VIOLATION"]
