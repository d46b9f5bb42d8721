"""Whole episodes: the fast loop, its bounds and what it reports."""

from __future__ import annotations

from typing import Any

from assay_core.model import Episode, EpisodeVerdict, ResourceEvent, RuleOutcome, Step, ToolCall
from assay_core.policy import Policy, load_policy


def judge(sections: dict[str, Any], *calls: ToolCall, **fields: Any) -> EpisodeVerdict:
    return load_policy({"version": "2.0", **sections}).judge(Episode(id="e", events=calls, **fields))


def outcome(verdict: EpisodeVerdict, rule: str) -> RuleOutcome:
    return next(each for each in verdict.outcomes if each.rule == rule)


def test_plain_allows_are_counted_and_not_listed() -> None:
    verdict = judge(
        {"schemas": {"a": {"type": "object"}}, "tools": {"allow": ["a"]}},
        ToolCall.of("a", {}),
        ToolCall.of("a", []),
        ToolCall.of("b"),
    )

    assert (verdict.decided, verdict.denied, verdict.warned) == (3, 2, 0)
    assert [each.call_index for each in verdict.decisions] == [1, 2]
    assert outcome(verdict, "schemas:a") == RuleOutcome(
        rule="schemas:a", state="violated", code="E_ARG_SCHEMA", count=2
    )
    assert outcome(verdict, "tools.allow").count == 3


def test_calls_are_named_by_their_place_among_the_tool_calls() -> None:
    events = (Step(kind="model"), ToolCall.of("t"), ResourceEvent(kind="file", target="/x"), ToolCall.of("f"))
    policy = load_policy({"version": "2.0", "sequences": [{"type": "never_after", "trigger": "t", "forbidden": "f"}]})

    verdict = policy.judge(Episode(id="e", events=events))

    (denied,) = [each for each in verdict.decisions if each.decision.verdict == "deny"]
    assert denied.call_index == 1
    assert [each.antecedent for each in denied.decision.violations if each.code == "E_SEQUENCE_VIOLATION"] == [0]


def test_incomplete_episode_leaves_what_waits_for_its_end_open() -> None:
    sections = {"sequences": [{"type": "require", "tool": "x"}]}

    ended, cut = judge(sections), judge(sections, complete=False)

    assert (outcome(ended, "require:x").state, len(ended.closing)) == ("violated", 1)
    assert (outcome(cut, "require:x").state, cut.closing, cut.complete) == ("open", (), False)


def test_episode_without_calls_exercises_only_the_rules_that_ask_for_a_call() -> None:
    verdict = judge(
        {"tools": {"allow": ["a"], "deny": ["b"]}, "sequences": [{"type": "max_calls", "tool": "a", "max": 1}]}
    )

    assert {each.rule: each.state for each in verdict.outcomes} == {
        "enforcement.unconstrained_tools": "not_exercised",
        "max_calls:a<=1": "held",
        "tools.allow": "not_exercised",
        "tools.deny:b": "not_exercised",
        "tools.names": "not_exercised",
    }


def test_warnings_are_warned_and_counted() -> None:
    verdict = judge({}, ToolCall.of("a"), ToolCall.of("a"))

    assert (verdict.warned, verdict.denied) == (2, 0)
    assert outcome(verdict, "enforcement.unconstrained_tools").count == 2


def test_many_and_long_names_are_decided_alike_and_not_all_remembered() -> None:
    policy = load_policy({"version": "2.0", "tools": {"deny": ["*7"]}, "enforcement": {"unconstrained_tools": "allow"}})
    names = [f"tool{number}" for number in range(9000)] + ["x" * 100_000 + "7"]

    verdict = policy.judge(Episode(id="e", events=tuple(map(ToolCall.of, names))))

    assert verdict.denied == 901
    assert len(policy.hot_plans) <= 4096
    assert all(len(name) <= 512 for name in policy.hot_plans)
    assert len(verdict.decisions[-1].decision.reason) < 200


def test_the_same_episode_gives_the_same_verdict_again() -> None:
    policy = load_policy({"version": "2.0", "limits": {"max_tool_calls_total": 1}})
    episode = Episode(id="e", events=(ToolCall.of("a"), ToolCall.of("b")))

    assert policy.judge(episode) == policy.judge(episode)


def test_total_is_reached_in_the_fast_loop_as_well() -> None:
    sections = {"limits": {"max_tool_calls_total": 2}, "enforcement": {"unconstrained_tools": "allow"}}

    verdict = judge(sections, *[ToolCall.of("a") for _ in range(4)])

    assert [each.call_index for each in verdict.decisions] == [2, 3]


def test_public_names_of_the_engine_answer_the_protocols() -> None:
    from assay_core.model import CompiledPolicy, PolicySession

    policy = load_policy({"version": "2.0"})

    assert isinstance(policy, Policy)
    assert isinstance(policy, CompiledPolicy)
    assert isinstance(policy.session(), PolicySession)
