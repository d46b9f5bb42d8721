"""Policies and suites made from what a trace shows."""

from __future__ import annotations

from assay_core.config.starter import StarterTask, learnt_policy, learnt_suite
from assay_core.documents import parse_document
from assay_core.policy import load_policy


def parsed(text: str) -> dict[str, object]:
    value = parse_document(text, "x.yaml").value
    assert isinstance(value, dict)
    return value


def test_learnt_policy_lists_tools_with_their_schemas_and_closes_the_rest() -> None:
    schema = {"type": "object", "additionalProperties": False, "properties": {}}

    value = parsed(learnt_policy("t.jsonl", {"now": schema}, episodes=1, most_calls=3))

    assert value["tools"] == {"allow": ["now"]}
    assert value["schemas"] == {"now": schema}
    assert value["limits"] == {"max_tool_calls_total": 20}
    assert value["enforcement"] == {"unconstrained_tools": "deny"}
    assert load_policy(value).rules  # type: ignore[arg-type]  # JSON values


def test_learnt_policy_only_warns_of_tools_whose_arguments_have_no_form() -> None:
    value = parsed(learnt_policy("t.jsonl", {"odd": None}, episodes=1, most_calls=30))

    assert value["enforcement"] == {"unconstrained_tools": "warn"}
    assert value["limits"] == {"max_tool_calls_total": 60}
    assert "schemas" not in value


def test_learnt_policy_quotes_hostile_names() -> None:
    name = 'a"]\ndeny: ["*'

    value = parsed(learnt_policy("t\n{{allow}}: x", {name: None}, episodes=1, most_calls=1))

    assert value["tools"] == {"allow": [name]}
    assert "deny" not in value


def test_learnt_suite_has_a_test_of_its_own_id_per_task() -> None:
    tasks = [StarterTask(prompt=prompt, episode="e", tools=("b", "a")) for prompt in ("Do it!", "Do it?", "☃", "{{x}}")]

    value = parsed(learnt_suite(tasks))

    tests = value["tests"]
    assert isinstance(tests, list)
    assert [test["id"] for test in tests] == ["do-it", "do-it-2", "task", "x"]
    assert [test["input"] for test in tests] == [{"prompt": each} for each in ("Do it!", "Do it?", "☃", "{{x}}")]
    assert tests[0]["assertions"] == [{"type": "trace_must_call_tool", "tool": tool} for tool in ("b", "a")]


def test_learnt_suite_without_tasks_names_only_the_policy() -> None:
    value = parsed(learnt_suite([]))

    assert value["policy"] == "policy.yaml"
    assert "tests" not in value


def test_learnt_suite_selects_an_episode_where_there_is_no_prompt() -> None:
    value = parsed(learnt_suite([StarterTask(prompt=None, episode="run 7", tools=("a",))]))

    tests = value["tests"]
    assert isinstance(tests, list)
    assert tests[0]["input"] == {"episode": "run 7"}
