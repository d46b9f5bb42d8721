from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from assay_core.analysis.explanation import explain
from assay_core.commandline.explanations import explanation_text
from assay_core.model import Episode, ToolCall, ToolDefinition
from assay_core.policy import load_policy

POLICY = load_policy(
    {
        "version": "2.0",
        "name": "p",
        "tools": {"allow": ["a", "b", "d"], "deny": [{"tool": "c", "reason": "it deletes"}]},
        "schemas": {"a": {"type": "object", "required": ["x"]}},
        "limits": {"per_tool": {"b": 2}},
        "sequences": [
            {"type": "before", "first": "a", "then": "b"},
            {"type": "after", "trigger": "b", "then": "d", "within": 2},
            {"type": "require", "tool": "a", "id": "look"},
        ],
    }
)


def episode_of(*tools: str, complete: bool = True) -> Episode:
    calls = tuple(ToolCall.of(tool, {"x": 1}, index=place) for place, tool in enumerate(tools))
    return Episode(id="e", events=calls, complete=complete)


def test_each_step_tells_what_broke_and_what_looked_at_it_and_held() -> None:
    told = explain(POLICY, episode_of("b", "a", "c"))

    document = told.document()

    assert [step.verdict for step in told.steps] == ["blocked", "allowed", "blocked"]
    assert (document["total_steps"], document["blocked_steps"], document["first_block_index"]) == (3, 2, 0)
    assert document["steps"][0]["rules_evaluated"][0]["rule_type"] == "enforcement"  # type: ignore[index, call-overload]  # a list of objects
    broken = [each.rule_id for step in told.steps for each in step.evaluations if not each.passed]
    assert broken == ["enforcement.unconstrained_tools", "before:a->b", "tools.deny:c"]
    held = [(each.rule_id, each.rule_type) for each in told.steps[1].evaluations if each.passed]
    assert held == [
        ("tools.allow", "tools.allow"),
        ("schemas:a", "schemas"),
        ("before:a->b", "before"),
        ("look", "require"),
    ]


def test_what_is_unmet_at_the_end_fails_the_explanation_and_is_listed() -> None:
    told = explain(POLICY, episode_of("a", "b"))

    assert (told.blocked, told.unmet, told.passed) == (0, 1, False)
    assert told.document()["blocking_rules"] == ["after:b->d@2"]
    assert [each["context"]["armed_by"] for each in told.document()["end_of_trace"]] == ["1"]  # type: ignore[index, union-attr]  # a list of objects


def test_an_episode_without_an_end_says_so_and_owes_nothing_yet() -> None:
    told = explain(POLICY, episode_of("a", "b", complete=False))

    assert told.passed
    assert "no end" in explanation_text(told)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("abcde"), max_size=8), st.booleans())
def test_the_verdicts_are_those_of_judge(tools: list[str], complete: bool) -> None:
    episode = episode_of(*tools, complete=complete)

    told, verdict = explain(POLICY, episode), POLICY.judge(episode)

    assert told.blocked == verdict.denied
    assert [each.rule_id for each in told.closing] == [each.rule for each in verdict.closing]
    judged = {entry.call_index: entry.decision.verdict for entry in verdict.decisions}
    names = {"allowed": "allow", "warning": "warn", "blocked": "deny"}
    assert [names[step.verdict] for step in told.steps] == [judged.get(place, "allow") for place in range(len(tools))]


def test_pins_are_explained_where_definitions_were_recorded() -> None:
    digest = "0" * 64
    pin = {"server_id": "s", "tool_name": "t", "schema_hash": digest, "meta_hash": digest}
    policy = load_policy({"version": "2.0", "tool_pins": {"t": pin}})
    definition = ToolDefinition(name="t", description="other", server="s")
    episode = Episode(id="e", events=(ToolCall.of("t"),), tool_definitions=(definition,))

    told = explain(policy, episode)

    assert [each.code for each in told.steps[0].evaluations if each.severity == "deny"] == ["E_TOOL_DRIFT"]


def test_the_text_shows_reasons_and_makes_hostile_text_harmless() -> None:
    calls = (ToolCall.of("c", {"p": "\x1b[31m\u202e"}), ToolCall.of("a\nb", None), ToolCall.of("a", ["x"] * 99))
    told = explain(POLICY, Episode(id="e", events=calls))

    text = explanation_text(told)

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[1] a\\nb() BLOCKED" in text
    assert "E_TOOL_DENIED tools.deny:c: 'c' is denied by name (c)\n      reason: it deletes" in text
    assert max(map(len, text.splitlines())) < 700


def test_the_text_can_be_cut_to_what_is_blocked_and_to_so_many_steps() -> None:
    told = explain(POLICY, episode_of("a", "c", "c", "c"))

    text = explanation_text(told, blocked_only=True, max_steps=2)

    assert "[0]" not in text
    assert "[2]" in text
    assert "… and 1 more" in text


def test_arguments_that_are_no_json_are_shown_as_text() -> None:
    told = explain(POLICY, Episode(id="e", events=(ToolCall(index=0, tool="a", args_json=b"{nope"),)))

    assert told.document()["steps"][0]["args"] == "{nope"  # type: ignore[index, call-overload]  # a list of objects
    assert "arguments that are no JSON" in explanation_text(told)
