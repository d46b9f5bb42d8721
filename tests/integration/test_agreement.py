"""One engine: explain, coverage, validate, run and the SDK say the same of every trace, and the oracle agrees."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

from assay_core.analysis.coverage import cover
from assay_core.analysis.explanation import explain
from assay_core.cli.app import main
from assay_core.errors import AssayError, InputError
from assay_core.model import Episode, RuleSummary
from assay_core.policy import Policy, load_policy
from assay_core.run.conductor import conduct
from assay_core.run.opened import open_trace, project_drivers
from assay_core.run.request import Command, RunRequest
from assay_core.trace import write_episodes
from tests.integration.test_policy_vectors import FOLDERS, made_up_calls
from tests.reference import generate
from tests.reference.interpreter import Judged, interpret
from tests.reference.test_engine_agrees import to_episode
from tests.vectors import vectors_dir

pytest.importorskip("assay_importer_jsonl", reason="assay-importer-jsonl is not installed here")
sdk = pytest.importorskip("assay", reason="the SDK is not installed here")

GENERATED = 2_000 if os.environ.get("ASSAY_NIGHTLY") == "1" else 100
EVERY = 1 if os.environ.get("ASSAY_NIGHTLY") == "1" else 80  # one pair in so many is decided by every command line


@attrs.frozen(kw_only=True)
class Said:
    """What all of them have to agree on."""

    exit_code: int  # 0 kept, 1 broken, 2 nothing to decide
    calls: int
    denied: int
    failing: frozenset[str]  # episodes


@pytest.fixture(autouse=True)
def _quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("ASSAY_", "GITHUB_")) and name != "ASSAY_VECTORS":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_all_agree_on_the_vectors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policies, traces = list(_policies()), list(_traces())
    pairs = [(policy, trace) for policy in policies for trace in traces]
    pairs += [(policy, _made_up(policy[1], tmp_path / f"{number}.jsonl")) for number, policy in enumerate(policies)]
    random.Random(4).shuffle(pairs)
    verdicts = set()

    for number, ((file, policy), (trace, episodes)) in enumerate(pairs):
        oracle = [interpret(policy.normalised(), _plain(episode)) for episode in episodes]
        whole_line = number % EVERY == 0
        verdicts.add(_agree(file, policy, trace, episodes, oracle, capsys if whole_line else None).exit_code)

    assert len(pairs) > 100
    assert verdicts == {0, 1, 2}


@pytest.mark.parametrize("batch", range(GENERATED // 20))
def test_all_agree_on_generated_traces(batch: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for case in range(batch * 20, batch * 20 + 20):
        rng = random.Random(case)
        written = generate.policy(rng)
        plain = [generate.episode(rng) for _ in range(rng.randint(1, 4))]
        for call in (call for each in plain for call in each["calls"] if "ts_ms" in call):
            call["ts_ms"] += 1  # a V2 event at the time 0 has no time
        file, trace = tmp_path / f"{case}.yaml", tmp_path / f"{case}.jsonl"
        file.write_text(json.dumps(written))
        made = [msgspec.structs.replace(to_episode(each), id=f"e{place}") for place, each in enumerate(plain)]
        with trace.open("wb") as sink:
            write_episodes(made, sink)
        episodes = _read(trace)  # those without an end come last
        assert sorted(each.id for each in episodes) == [each.id for each in made]

        oracle = [interpret(written, plain[int(each.id[1:])]) for each in episodes]
        _agree(file, load_policy(file), trace, episodes, oracle, capsys if case % 20 == 0 else None)


def _agree(
    file: Path,
    policy: Policy,
    trace: Path,
    episodes: Sequence[Episode],
    oracle: Sequence[Judged],
    capsys: pytest.CaptureFixture[str] | None,
) -> Said:
    """Ask everybody about one policy and one trace."""
    what = f"{file.name} and {trace.name}"
    expected = _of_oracle(episodes, oracle)
    states = _states(oracle)
    assert _of_explain(policy, episodes, expected) == expected, what
    covered, rules = _of_coverage(policy, episodes)
    assert covered == expected, what
    for command in ("validate", "run"):
        ran, told = _of_run(command, file, trace)
        assert ran == expected, f"{command}: {what}"
        if expected.exit_code < 2:
            assert told == rules, f"{command}: {what}"
    assert states.items() <= _traced(rules, policy).items() or expected.exit_code == 2, what
    _check_sdk(file, trace, episodes, expected)
    if capsys is not None:
        _check_command_line(file, trace, episodes, expected, capsys)
    return expected


def _of_oracle(episodes: Sequence[Episode], judged: Sequence[Judged]) -> Said:
    failing = frozenset(
        episode.id
        for episode, each in zip(episodes, judged, strict=True)
        if any(verdict == "deny" for verdict, _ in each.calls)
        or any(found.severity == "deny" for found in each.closing)
    )
    calls = sum(len(each.calls) for each in judged)
    exercised = any(state != "not_exercised" for each in judged for state in each.states.values())
    return Said(
        exit_code=2 if not calls and not exercised else 1 if failing else 0,
        calls=calls,
        denied=sum(verdict == "deny" for each in judged for verdict, _ in each.calls),
        failing=failing,
    )


def _states(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Count, for each rule, the episodes in each state."""
    found: dict[str, dict[str, int]] = {}
    for each in judged:
        for rule, state in each.states.items():
            counts = found.setdefault(rule, dict.fromkeys(("held", "violated", "open", "not_exercised"), 0))
            counts[state] += 1
    return found


def _traced(rules: Sequence[RuleSummary], policy: Policy) -> dict[str, dict[str, int]]:
    return {
        each.rule: {
            "held": each.held, "violated": each.violated, "open": each.open, "not_exercised": each.not_exercised,
        }
        for each in rules
        if each.decided_by == "trace"
    }  # fmt: skip


def _of_explain(policy: Policy, episodes: Sequence[Episode], expected: Said) -> Said:
    told = {episode.id: explain(policy, episode) for episode in episodes}
    failing = frozenset(identity for identity, each in told.items() if not each.passed)
    code = 2 if expected.exit_code == 2 else 1 if failing else 0  # an episode without calls is explained all the same
    return Said(
        exit_code=code,
        calls=sum(len(each.steps) for each in told.values()),
        denied=sum(each.blocked for each in told.values()),
        failing=failing,
    )


def _of_coverage(policy: Policy, episodes: Sequence[Episode]) -> tuple[Said, Sequence[RuleSummary]]:
    try:
        report = cover(policy, episodes)
    except InputError:  # of E_NO_CHECKS, its only one: what is read has been read
        return Said(exit_code=2, calls=0, denied=0, failing=frozenset()), ()
    code = 1 if report.violation_count else 0
    failing = frozenset(each.trace_id for each in report.violations)
    assert report.violation_count == len(report.violations)
    return Said(exit_code=code, calls=report.calls, denied=report.denied, failing=failing), report.rule_states


def _of_run(command: Command, file: Path, trace: Path) -> tuple[Said, Sequence[RuleSummary]]:
    conducted = conduct(RunRequest(command=command, policy=file, trace=str(trace)))
    report = conducted.report
    failing = frozenset(row.episode_ids[0] for row in report.rows if row.status == "fail")
    counted = [re.match(r"(\d+) of \d+ tool call", row.message) for row in report.rows if row.status == "fail"]
    said = Said(
        exit_code=report.exit_code,
        calls=report.counts.tool_calls,
        denied=sum(int(each[1]) for each in counted if each),
        failing=failing,
    )
    return said, report.rules


def _check_sdk(file: Path, trace: Path, episodes: Sequence[Episode], expected: Said) -> None:
    if expected.exit_code == 2:
        with pytest.raises(AssayError) as caught:
            sdk.validate(file, trace)
        assert caught.value.code == "E_NO_CHECKS"
        return
    assert sdk.validate(file, trace).passed is (expected.exit_code == 0)
    assert sdk.Coverage(file).analyze(trace, min_coverage=0).passed is (expected.exit_code == 0)
    for episode in episodes:
        assert sdk.Explainer(file).explain(trace, episode=episode.id).passed is (episode.id not in expected.failing)


def _check_command_line(
    file: Path, trace: Path, episodes: Sequence[Episode], expected: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ("coverage", "--policy", file, "--trace-file", trace),
        ("validate", "--policy", file, "--trace-file", trace),
        ("run", "--policy", file, "--trace-file", trace, "--store", "none"),
        ("explain", "--policy", file, "--trace", trace, "--limit", "1"),
    ):
        try:
            code = main([*map(str, words), "--format", "json"])
        except SystemExit as end:
            code = int(end.code or 0)
        document = json.loads(capsys.readouterr().out)
        wanted = (
            expected.exit_code if words[0] != "explain" else expected.exit_code % 2
        )  # it shows that there is nothing
        assert (code, document["exit_code"]) == (wanted, wanted), words
        if words[0] == "coverage" and code < 2:
            assert (document["tool_calls"], document["tool_calls_denied"]) == (expected.calls, expected.denied)
            assert {each["trace_id"] for each in document["policy_violations"]} == expected.failing
            assert document["episodes"] == len(episodes)


def _policies() -> Iterator[tuple[Path, Policy]]:
    root = vectors_dir() / "upstream"
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.yaml")):
            try:
                yield path, load_policy(path)
            except AssayError:
                continue  # suites and other files stand beside the policies


_READ: dict[Path, list[Episode]] = {}


def _traces() -> Iterator[tuple[Path, list[Episode]]]:
    root = vectors_dir() / "upstream"
    for path in sorted(root.rglob("*.jsonl")):
        if path not in _READ:
            try:
                _READ[path] = _read(path)
            except AssayError:
                _READ[path] = []  # other files have this ending too
    without_calls = 0
    for path, episodes in _READ.items():
        without_calls += not any(each.tool_calls for each in episodes)
        if episodes and (any(each.tool_calls for each in episodes) or without_calls <= 4):
            yield path, episodes


def _made_up(policy: Policy, path: Path) -> tuple[Path, list[Episode]]:
    """Write a trace of the tools that a policy knows, and of some that it does not."""
    calls = made_up_calls(policy)
    made = [
        msgspec.structs.replace(
            to_episode({"calls": calls[start : start + 30], "complete": start % 4 != 0, "definitions": None}),
            id=f"part-{start}",
        )
        for start in range(0, min(len(calls), 240), 30)
    ]
    with path.open("wb") as sink:
        write_episodes(made, sink)
    return path, _read(path)


def _read(path: Path) -> list[Episode]:
    return list(open_trace(str(path), None, project_drivers()).read())


def _plain(episode: Episode) -> dict[str, Any]:
    """Return an episode in the interpreter's form."""
    calls = []
    for call in episode.tool_calls:
        plain: dict[str, Any] = {"tool": call.tool, "outcome": call.outcome}
        optional = {"args": None if call.args_json is None else json.loads(call.args_json), "ts_ms": call.ts_ms}
        plain |= {key: value for key, value in optional.items() if value is not None}
        calls.append(plain | ({"server": call.server} if call.server is not None else {}))
    definitions = None
    if episode.tool_definitions is not None:
        definitions = [
            {"name": each.name, "description": each.description, "inputSchema": each.input_schema}
            | ({"server": each.server} if each.server else {})
            for each in episode.tool_definitions
        ]
    return {"calls": calls, "complete": episode.complete, "definitions": definitions}
