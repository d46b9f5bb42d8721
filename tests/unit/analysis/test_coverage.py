from __future__ import annotations

import pytest

from assay_core.analysis.coverage import cover, measure, observe, tool_use
from assay_core.errors import InputError
from assay_core.model import Episode, ToolCall
from assay_core.policy import Policy, load_policy


def policy_of(**sections: object) -> Policy:
    return load_policy({"version": "2.0", "enforcement": {"unconstrained_tools": "allow"}, **sections})  # type: ignore[dict-item]  # JSON by the tests


def episode_of(*tools: str, complete: bool = True, **args: object) -> Episode:
    calls = tuple(ToolCall.of(tool, dict(args), index=place) for place, tool in enumerate(tools))  # type: ignore[arg-type]  # JSON by the tests
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
    assert [(gap["tool"], gap["severity"]) for gap in report["high_risk_gaps"]] == [("c", "high")]  # type: ignore[index, union-attr, call-overload]  # a list of objects


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


def test_rules_are_held_violated_open_or_not_exercised_and_name_lists_are_told_too() -> None:
    policy = policy_of(
        tools={"deny": ["c"], "approval_required": ["a"]},
        sequences=[
            {"type": "before", "first": "a", "then": "b"},
            {"type": "require", "tool": "z"},
            {"type": "max_calls", "tool": "a", "max": 0},
            {"type": "after", "trigger": "q", "then": "r", "within": 1},
        ],
    )

    report = cover(policy, [episode_of("a", "b", complete=False)])

    states = {rule["rule"]: rule["state"] for rule in report.document()["rules"]}  # type: ignore[index, union-attr, call-overload]  # a list of objects
    assert states == {
        "after:q->r@1": "not_exercised",
        "before:a->b": "held",
        "max_calls:a<=0": "violated",
        "require:z": "open",
        "tools.approval_required:a": "decided_elsewhere",
        "tools.deny:c": "held",
        "tools.names": "held",
    }
    assert report.incomplete == 1


def test_routes_are_pairs_within_an_episode() -> None:
    policy = policy_of(tools={"deny": ["c"]})

    report = cover(policy, [episode_of("a", "b", "a", "b"), episode_of("b")])

    assert [(route.source, route.target, route.count) for route in report.routes] == [("a", "b", 2), ("b", "a", 1)]


def test_what_is_listed_is_bounded_and_what_is_counted_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "MAX_LISTED", 3)
    monkeypatch.setattr(tool_use, "_MAX_ROUTES", 2)
    policy = policy_of(tools={"deny": ["c*"]})

    report = cover(policy, [episode_of("c1", "c2", "c3"), episode_of("c4", "c5"), episode_of("c1", "c2")])

    assert (len(report.violations), report.violation_count, report.denied) == (3, 7, 7)
    assert [(route.source, route.target, route.count) for route in report.routes] == [("c1", "c2", 2), ("c2", "c3", 1)]
    assert report.routes_left_out == 1


def test_without_a_policy_the_tools_and_their_classes_are_told() -> None:
    calls = (
        ToolCall.of("a", {}, index=0, extra={"tool_classes": ["sink:net", " ", 3, "sink:net "]}),
        ToolCall.of("", {}, index=1),
    )

    report = observe([Episode(id="e", events=calls)], declared=["a", "b"])

    assert (report.seen, report.unknown, report.unused) == (("(no name)", "a"), ("(no name)",), ("b",))
    assert (report.classes_seen, report.without_class) == (("sink:net",), ("(no name)",))
    assert [route.document() for route in report.routes] == [{"from": "a", "to": "", "count": 1}]
