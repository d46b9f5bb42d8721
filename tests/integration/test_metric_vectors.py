"""Verdict tables that others wrote, decided by the metrics and by the engine, whole and step by step.

Where a verdict differs on purpose, the difference is listed here with its reason; nothing else may differ.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from assay_core.config import load_suite
from assay_core.contracts import Metric
from assay_core.documents import read_document
from assay_core.errors import InputError
from assay_core.model import MetricResult, Outcome, Suite, ToolCall
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers, load
from assay_core.policy import Policy, load_policy
from assay_core.testing import expectation_of, make_context, make_episode
from tests.vectors import vectors_dir

pytest.importorskip("assay_metric_standard", reason="assay-metric-standard is not installed here")

# Case of parity_suite.yaml: what is decided here, and why.
DIVERGENCES = {
    "edge_empty_blocklist": ("error", "a check that can never fail is refused"),
    "edge_null_in_args": ("fail", "JSON Schema: null is not a string"),
}


def upstream(name: str) -> Path:
    return vectors_dir() / "upstream" / "tests" / name


def cases(name: str) -> list[dict[str, Any]]:
    document = cast("dict[str, Any]", read_document(upstream(name)).value)
    return cast("list[dict[str, Any]]", document["tests"])


def case_names() -> list[str]:
    try:
        return [case["id"] for case in cases("parity_suite.yaml")]
    except pytest.skip.Exception:
        return ["absent"]


def assertion_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return the case as an assertion that brings its own calls."""
    given, kind = case["input"], case["check_type"]
    data = {
        "args_valid": {"tool": given.get("tool_name"), "test_args": given.get("args")},
        "sequence_valid": {"test_trace": given.get("trace")},
        "tool_blocklist": {"test_tool_calls": [given["tool_name"]] if given.get("tool_name") else None},
    }
    return {"type": f"assert.{kind}", "policy": case["policy"], **data[kind]}


def measured(raw: Mapping[str, Any]) -> str:
    metric = cast("Metric", load("assay.metrics", raw["type"]))
    try:
        (result,) = metric.prepare(expectation_of(metric, raw), make_context()).measure(())
    except InputError as error:
        return "error" if error.code == "E_CFG_VACUOUS" else error.code
    return {Outcome.HELD: "pass", Outcome.VIOLATED: "fail"}[result.outcome]


def policy_of(case: Mapping[str, Any]) -> Policy:
    """Return the case as a policy."""
    written, tool = case["policy"], case["input"].get("tool_name")
    sections: dict[str, dict[str, Any]] = {
        "args_valid": {"schemas": {tool: written.get("schema")}},
        "sequence_valid": {"sequences": written.get("rules")},
        "tool_blocklist": {"tools": {"deny": written.get("blocked")}},
    }
    settings: dict[str, Any] = {"version": "2.0", "enforcement": {"unconstrained_tools": "allow"}}
    return load_policy({**settings, **sections[case["check_type"]]})


def calls_of(case: Mapping[str, Any]) -> list[ToolCall]:
    given = case["input"]
    trace = given["trace"] if "trace" in given else [given] if given.get("tool_name") else []
    return [ToolCall.of(call["tool_name"], call.get("args"), index=at) for at, call in enumerate(trace or ())]


def whole(policy: Policy, calls: list[ToolCall]) -> str:
    verdict = policy.judge(make_episode(*calls))
    return "fail" if verdict.denied or any(each.severity == "deny" for each in verdict.closing) else "pass"


def step_by_step(policy: Policy, calls: list[ToolCall]) -> str:
    session = policy.session()
    denied = False
    for call in calls:
        decision = policy.decide(call, session)
        denied |= decision.verdict == "deny"
        session.commit(call, decision)
    return "fail" if denied or any(each.severity == "deny" for each in session.finish().violations) else "pass"


@pytest.mark.parametrize("name", case_names())
def test_parity_suite_is_decided_alike_by_metric_and_engine_whole_and_step_by_step(name: str) -> None:
    (case,) = [case for case in cases("parity_suite.yaml") if case["id"] == name]
    expected = DIVERGENCES.get(name, (case["expected"]["outcome"], ""))[0]

    assert measured(assertion_of(case)) == expected
    if expected != "error":  # without data there is nothing that an engine could decide
        policy, calls = policy_of(case), calls_of(case)
        assert whole(policy, calls) == step_by_step(policy, calls) == expected


def test_every_listed_divergence_is_one() -> None:
    expected = {case["id"]: case["expected"]["outcome"] for case in cases("parity_suite.yaml")}

    assert {name: outcome for name, (outcome, _) in DIVERGENCES.items() if expected[name] == outcome} == {}
    assert set(DIVERGENCES) <= set(expected)


def suite_of(path: Path) -> Suite:
    return load_suite(path, drivers=Drivers(Catalogue.scan()))


def results(suite: Suite) -> dict[str, MetricResult]:
    found = {}
    for case in suite.tests:
        (expectation,) = case.expectations
        metric = cast("Metric", load("assay.metrics", expectation.type))
        (found[case.id],) = metric.prepare(expectation, make_context()).measure(())
    return found


def test_every_test_of_the_false_positive_suite_holds() -> None:
    outcomes = {name: result.outcome for name, result in results(suite_of(upstream("fp_suite.yaml"))).items()}

    assert len(outcomes) == len(cases("fp_suite.yaml"))
    assert set(outcomes.values()) == {Outcome.HELD}


def test_no_test_of_the_false_positive_suite_holds_with_its_expectation_turned_round(tmp_path: Path) -> None:
    text = upstream("fp_suite.yaml").read_text(encoding="utf-8")
    turned = tmp_path / "eval.yaml"
    turned.write_text(
        text.replace("expect: pass", "expect: X")
        .replace("expect: fail", "expect: pass")
        .replace("expect: X", "expect: fail"),
        encoding="utf-8",
    )

    assert {result.outcome for result in results(suite_of(turned)).values()} == {Outcome.VIOLATED}


def validate(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assay_core", "validate", str(path)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_false_positive_suite_passes_on_the_command_line_without_a_trace(tmp_path: Path) -> None:
    done = validate(upstream("fp_suite.yaml"), tmp_path)

    assert done.returncode == 0, done.stderr


def test_an_expression_that_is_not_linear_is_a_configuration_error_with_its_line(tmp_path: Path) -> None:
    done = validate(upstream("regex_compatibility.yaml"), tmp_path)

    assert done.returncode == 2
    assert "regex_compatibility.yaml:9:9: error[E_REGEX_INVALID]" in done.stderr
    assert "iban_negative_lookahead" in done.stderr
    assert "iban_supported" not in done.stderr


def test_the_linear_expression_of_that_suite_compiles_and_decides(tmp_path: Path) -> None:
    (case,) = [case for case in cases("regex_compatibility.yaml") if case["id"] == "iban_supported"]
    (assertion,) = case["assertions"]
    raw = {**assertion, "type": "assert.sequence_valid"}

    assert measured(raw) == "fail"  # the name of its one call is no IBAN
    assert measured({**raw, "expect": "fail"}) == "pass"
    assert measured({**raw, "test_trace_raw": ["DE12 3456 7890 1234 56"]}) == "pass"
