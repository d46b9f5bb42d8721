"""The policies of the vectors over recorded and made-up calls: the engine and the reference interpreter agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from assay_core.errors import AssayError
from assay_core.policy import Policy, load_policy
from tests.reference.interpreter import interpret
from tests.reference.test_engine_agrees import as_judged, step_by_step, to_episode
from tests.vectors import vectors_dir

FOLDERS = (
    "crates/assay-cli/packs",
    "crates/assay-cli/tests/golden",
    "demo/fixtures",
    "examples/demo",
    "examples/mcp-quickstart",
    "scripts/ci/fixtures",
    "tests/fixtures/mcp",
    "tests/security_audit/policies",
)
REFUSED = ("tests/security_audit/policies/constraints.yaml", "tests/security_audit/policies/claude_production.yaml")
ENVIRONMENT = {"HOME": "/home/u", "CWD": "/w", "TMPDIR": "/tmp", "USER": "u"}
ARGUMENTS: tuple[Any, ...] = (
    {},
    {"path": "/srv/a.txt"},
    {"path": "/etc/passwd"},
    {"path": "/workspace/../etc/passwd", "content": "x"},
    {"percent": 30, "reason": "loyalty"},
    {"percent": 99},
    {"command": "rm -rf /", "code": 1},
    {"code": "1"},
    {"url": "https://example.com", "query": "x"},
    [1],
)


def policies() -> Iterator[tuple[str, Policy]]:
    root = vectors_dir() / "upstream"
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.yaml")):
            try:
                yield str(path.relative_to(root)), load_policy(path, environment=ENVIRONMENT)
            except AssayError:
                continue  # suites and other files stand beside the policies


def recorded_calls() -> list[dict[str, Any]]:
    """Every object of a trace that names a tool, read with nothing but a JSON decoder."""
    calls: list[dict[str, Any]] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            name = value.get("tool_name", value.get("tool"))
            if isinstance(name, str):
                args = value.get("args", value.get("arguments", {}))
                calls.append({"tool": name, "args": {} if args is None else args, "outcome": "ok"})
            for each in value.values():
                collect(each)
        elif isinstance(value, list):
            for each in value:
                collect(each)

    for path in sorted((vectors_dir() / "upstream").rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                collect(json.loads(line))
            except json.JSONDecodeError:
                continue
    return calls


def made_up_calls(policy: Policy) -> list[dict[str, Any]]:
    """Calls of every name that the policy knows, and of names made from its patterns."""
    form = policy.form
    lists = (form.tools.allow or (), form.tools.deny, form.tools.approval_required)
    names = [rule.name for rules in lists for rule in rules] + list(form.schemas) + list(form.tool_classes)
    for rule in form.sequences:
        operands = (rule.tool, rule.first, rule.then, rule.trigger, rule.forbidden, *rule.tools)
        names += [each.tool for each in operands if each] + ([rule.pattern] if rule.pattern else [])
    names += [name.replace("*", "x").replace("?", "y") for name in names] + ["unknown_tool"]
    return [
        {"tool": name, "args": args, "outcome": ("ok", "denied", "error")[(place + turn) % 3]}
        for turn, args in enumerate(ARGUMENTS)
        for place, name in enumerate(sorted(set(names)))
    ]


def test_engine_and_interpreter_agree_on_the_vectors() -> None:
    recorded, decided, denied = recorded_calls(), 0, 0
    assert recorded

    for name, policy in policies():
        for calls in (recorded, made_up_calls(policy), made_up_calls(policy)[::-1]):
            for complete in (True, False):
                plain = {"calls": calls, "complete": complete, "definitions": None}
                expected, episode = interpret(policy.normalised(), plain), to_episode(plain)
                judged = as_judged(policy, policy.judge(episode))

                traced = {rule.id for rule in policy.rules if rule.decided_by == "trace"}
                assert judged.calls == expected.calls, name
                assert judged.closing == expected.closing, name
                assert {rule: state for rule, state in judged.states.items() if rule in traced} == expected.states, name
                decided += len(calls)
                denied += sum(verdict == "deny" for verdict, _ in judged.calls)

    assert decided > 1000
    assert 0 < denied < decided


def test_step_by_step_and_whole_agree_on_the_vectors() -> None:
    for name, policy in policies():
        episode = to_episode({"calls": made_up_calls(policy)[:60], "complete": True, "definitions": None})

        assert step_by_step(policy, episode) == as_judged(policy, policy.judge(episode)), name


@pytest.mark.parametrize("name", REFUSED)
def test_policy_of_an_unsupported_form_is_refused(name: str) -> None:
    with pytest.raises(AssayError) as caught:
        load_policy(vectors_dir() / "upstream" / name)

    assert caught.value.exit_code == 2
