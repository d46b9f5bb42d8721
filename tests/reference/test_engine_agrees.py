"""The engine and the reference interpreter agree on generated policies and episodes."""

from __future__ import annotations

import os
import random
from typing import Any

import msgspec
import pytest

from assay_core.model import Decision, Episode, EpisodeVerdict, ToolCall, ToolDefinition
from assay_core.policy import Policy, load_policy
from tests.reference import generate
from tests.reference.interpreter import Found, Judged, interpret

CASES = 10_000 if os.environ.get("ASSAY_NIGHTLY") == "1" else 500
BATCH = 50


def to_episode(plain: dict[str, Any]) -> Episode:
    calls = tuple(
        ToolCall(
            index=index,
            tool=call["tool"],
            args_json=msgspec.json.encode(call["args"]) if "args" in call else None,
            outcome=call["outcome"],
            ts_ms=call.get("ts_ms"),
            server=call.get("server"),
        )
        for index, call in enumerate(plain["calls"])
    )
    definitions = None
    if plain["definitions"] is not None:
        definitions = tuple(
            ToolDefinition(
                name=each["name"],
                description=each["description"],
                input_schema_json=None if each["inputSchema"] is None else msgspec.json.encode(each["inputSchema"]),
                server=each.get("server"),
            )
            for each in plain["definitions"]
        )
    return Episode(id="e", events=calls, complete=plain["complete"], tool_definitions=definitions)


def found_by(decision: Decision) -> list[Found]:
    found = [
        Found(each.code, each.rule, each.severity, each.antecedent, each.pointer, each.keyword)
        for each in decision.violations
    ]
    schema = sorted(each for each in found if each.code == "E_ARG_SCHEMA")
    if not schema:
        return found
    first = next(place for place, each in enumerate(found) if each.code == "E_ARG_SCHEMA")
    return [*found[:first], *sorted(set(schema)), *[each for each in found[first:] if each.code != "E_ARG_SCHEMA"]]


def as_judged(policy: Policy, verdict: EpisodeVerdict) -> Judged:
    calls: list[tuple[str, list[Found]]] = [("allow", []) for _ in range(verdict.decided)]
    for each in verdict.decisions:
        calls[each.call_index] = (each.decision.verdict, found_by(each.decision))
    closing = [Found(each.code, each.rule, each.severity, each.antecedent) for each in verdict.closing]
    return Judged(calls, closing, {each.rule: each.state for each in verdict.outcomes})


def step_by_step(policy: Policy, episode: Episode) -> Judged:
    session = policy.session()
    if episode.tool_definitions is not None:
        session.learn(None, episode.tool_definitions)
    calls = []
    for call in episode.tool_calls:
        decision = policy.decide(call, session)
        assert policy.decide(call, session) == decision  # pure
        twin = session.fork()
        twin.commit(call, decision)
        session.commit(call, decision)
        assert twin.finish() == session.finish()
        calls.append((decision.verdict, found_by(decision)))
    closing, outcomes = session.finish(complete=episode.complete)
    plain = [Found(each.code, each.rule, each.severity, each.antecedent) for each in closing]
    return Judged(calls, plain, {each.rule: each.state for each in outcomes})


@pytest.mark.parametrize("batch", range(CASES // BATCH))
def test_engine_and_interpreter_agree_on_generated_cases(batch: int) -> None:
    for case in range(batch * BATCH, (batch + 1) * BATCH):
        rng = random.Random(case)
        written, plain = generate.policy(rng), generate.episode(rng)
        expected = interpret(written, plain)
        policy, episode = load_policy(written), to_episode(plain)

        verdict = policy.judge(episode)

        judged = as_judged(policy, verdict)
        assert judged == expected, f"case {case}: {written} {plain}"
        assert step_by_step(policy, episode) == expected, f"case {case}: {written} {plain}"
        assert verdict.denied == sum(each == "deny" for each, _ in expected.calls)


def test_generated_cases_reach_every_code_and_every_state() -> None:
    codes, states = set(), set()
    for case in range(300):
        rng = random.Random(case)
        judged = interpret(generate.policy(rng), generate.episode(rng))
        codes |= {each.code for _, found in judged.calls for each in found}
        states |= {(rule.partition(":")[0], state) for rule, state in judged.states.items()}

    assert codes == {
        "E_TOOL_CONFUSABLE", "E_TOOL_DRIFT", "E_RATE_LIMIT", "E_TOOL_DENIED", "E_TOOL_NOT_ALLOWED", "E_ARG_SCHEMA",
        "E_TOOL_UNCONSTRAINED", "E_SEQUENCE_VIOLATION",
    }  # fmt: skip
    for kind in ("after", "sequence"):
        assert {(kind, state) for state in ("held", "violated", "not_exercised", "open")} <= states
    for kind in ("require", "eventually"):
        assert {(kind, state) for state in ("held", "violated", "open")} <= states
    for kind in ("before", "never_after"):
        assert {(kind, state) for state in ("held", "violated", "not_exercised")} <= states
    for kind in ("max_calls", "blocklist"):
        assert {(kind, "held"), (kind, "violated")} <= states
