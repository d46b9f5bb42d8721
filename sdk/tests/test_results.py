from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from assay import AssayClient, Coverage, Explainer, Result, TraceError, validate

from assay_core.errors import AssayError, InputError, PolicyError, UsageError
from assay_core.model import Episode, ToolCall
from assay_core.policy import load_policy

GOOD = [{"tool": "a"}, {"tool": "b"}]


def test_the_guides_example_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text('version: "2.0"\nname: guide\ntools: {allow: [filesystem_read]}\n')
    client = AssayClient("traces.jsonl")
    client.record_trace({"tool": "filesystem_read", "args": {"path": "/tmp/file.txt"}})
    traces = "traces.jsonl"
    trace = [{"tool": "filesystem_read", "args": {"path": "/tmp/file.txt"}}]

    coverage = Coverage.analyze(traces, min_coverage=80.0)

    assert (coverage.passed, coverage.score) == (True, 1.0)
    assert str(Explainer("policy.yaml").explain(trace)).startswith("Policy: guide (v2.0)\nTrace: 1 steps (1 allowed")
    assert validate("policy.yaml", traces)["passed"]


def test_both_ways_to_coverage_say_the_same(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(policy.parent)

    found = Coverage.analyze([GOOD])
    given = Coverage(str(policy)).analyze([GOOD], min_coverage=80.0)
    named = Coverage.analyze([GOOD], policy=policy)

    assert found == given == named
    assert found.tool_coverage.coverage_pct == 66.67
    assert (found.passed, found.score) == (True, pytest.approx(5 / 6))


def test_coverage_passes_only_where_the_threshold_is_met_and_nothing_is_broken(policy: Path) -> None:
    coverage = Coverage(policy)

    low = coverage.analyze([GOOD], min_coverage=90)
    broken = coverage.analyze([[*GOOD, {"tool": "c"}]])

    assert (low.meets_threshold, low.passed) == (False, False)
    assert (broken.meets_threshold, broken.passed) == (True, False)
    assert [each.error_code for each in broken.policy_violations] == ["E_TOOL_DENIED"]


@pytest.mark.parametrize("bound", [-1, 101, float("nan"), True])
def test_a_threshold_that_is_no_percentage_is_refused(policy: Path, bound: float) -> None:
    with pytest.raises(ValueError, match="percentage"):
        Coverage(policy).analyze([GOOD], min_coverage=bound)


@pytest.mark.parametrize(
    ("traces", "passed", "score"),
    [
        (GOOD, True, 1.0),
        ([GOOD, GOOD], True, 1.0),
        ([{"tool": "b"}], False, 0.0),
        ([[{"tool": "a"}], [{"tool": "b"}]], False, 0.5),
        ([{"tool": "a"}, {"name": "b"}, {"tool_name": "c", "arguments": {}}], False, 2 / 3),
        ([ToolCall.of("a"), ToolCall.of("b")], True, 1.0),
        ([Episode(id="e", events=(ToolCall.of("c"),))], False, 0.0),
        ([{"prompt": "p", "response": "r", "tool_calls": [{"tool": "c"}]}, {"tool": "a"}], False, 0.5),
    ],
)
def test_validate_decides_every_kind_of_traces(policy: Path, traces: list[object], passed: bool, score: float) -> None:
    result = validate(policy, traces)

    assert (result["passed"], result.score) == (passed, pytest.approx(score))


def test_validate_takes_the_lines_of_a_trace_file_as_records(policy: Path, trace: Path) -> None:
    with AssayClient(trace) as client:
        client.record_trace({"tool": "a"})
        client.record_trace({"tool": "c"})
    lines = [json.loads(line) for line in trace.read_text().splitlines()]

    assert validate(policy, lines).policy_violations == validate(policy, str(trace)).policy_violations
    assert not validate(policy, [trace]).passed


def test_validate_takes_a_policy_as_mapping_or_loaded() -> None:
    policy = {"version": "2.0", "tools": {"deny": ["c"]}}

    assert not validate(policy, [{"tool": "c"}]).passed
    assert not validate(load_policy(policy), [{"tool": "c"}]).passed


@pytest.mark.parametrize("traces", [[], [[]], [[], []]])
def test_no_calls_at_all_prove_nothing(policy: Path, traces: list[object]) -> None:
    for ask in (lambda: validate(policy, traces), lambda: Coverage(policy).analyze(traces)):
        with pytest.raises(InputError) as caught:
            ask()
        assert caught.value.code == "E_NO_CHECKS"


@pytest.mark.parametrize(
    ("traces", "where"),
    [
        (7, "traces are a list"),
        ({"tool": "a"}, "traces are a list"),
        ([1], "traces[0]"),
        ([GOOD, 1], "traces[1]"),
        ([GOOD, ["x"]], "traces[1]"),
        ([{"tool": "a"}, {"colour": "red"}], "traces[1]: the record has neither"),
        ([[{"tool": "a"}], [{"tool": object()}]], "traces[1][0]"),
        ([{"tool": "a", "args": {}, "arguments": {}}], "traces[0]"),
    ],
)
def test_what_is_no_trace_is_refused_at_its_place(policy: Path, traces: object, where: str) -> None:
    with pytest.raises(ValueError, match="Invalid trace format") as caught:
        validate(policy, traces)  # type: ignore[arg-type]  # on purpose

    assert isinstance(caught.value, TraceError)
    assert where in str(caught.value)


def test_a_policy_that_is_missing_broken_or_not_found_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text('version: "2.0"\ntools: {alow: []}\n')

    for kind, ask in (
        (AssayError, lambda: Coverage("none.yaml")),
        (PolicyError, lambda: Explainer("bad.yaml")),
        (UsageError, lambda: Coverage.analyze([GOOD])),
    ):
        with pytest.raises(kind):
            ask()


def test_an_explanation_is_text_and_mapping(policy: Path) -> None:
    told = Explainer(policy).explain([{"tool": "b"}, {"tool": "c", "args": {"x": 1}}, {"tool": "a"}])

    assert (told.total_steps, told["blocked_steps"], told.first_block_index, told.passed) == (3, 2, 0, False)
    assert told.steps[1].rules_evaluated[0].context.reason == "it deletes"
    assert told.blocking_rules == ["before:a->b", "tools.deny:c"]
    assert told.score == pytest.approx(1 / 3)
    assert "[1] c(x=1) BLOCKED\n      E_TOOL_DENIED tools.deny:c" in str(told)


def test_an_explanation_is_about_one_episode(policy: Path, trace: Path) -> None:
    for name in ("one", "two"):
        with AssayClient(trace, episode_id=name) as client:
            client.record_trace({"tool": "a"})
    explainer = Explainer(policy)

    with pytest.raises(TraceError, match="2 episodes"):
        explainer.explain(trace)
    with pytest.raises(TraceError, match="no episode 'three'"):
        explainer.explain(trace, episode="three")
    with pytest.raises(TraceError) as caught:
        explainer.explain([])
    assert caught.value.code == "E_NO_CHECKS"
    assert explainer.explain(trace, episode="two").passed


def test_results_are_dictionaries_with_attributes_that_nobody_overwrites() -> None:
    result = Result({"passed": True, "score": 1.0, "deep": [{"x": {"y": 1}}]})

    assert json.loads(json.dumps(result)) == result
    assert result.deep[0].x.y == 1
    assert copy.deepcopy(result) == result
    with pytest.raises(AttributeError, match="no 'pased'"):
        _ = result.pased
    with pytest.raises(AttributeError, match="not changed by attribute"):
        result.passed = False
