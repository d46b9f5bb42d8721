"""The command line with a judge behind a real server, which behaves or does not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from assay_core.cli.app import main
from assay_core.errors import AssayError
from assay_core.plugins.drivers import load

KEY = "sk-test-0123456789abcdefABCDEF"
YES, NO = '{"passed": true, "rationale": "it is so"}', '{"passed": false, "rationale": "it is not"}'
SUITE = """\
configVersion: 1
suite: judged
settings: {seed: 7, timeout_seconds: 5}
tests:
  - id: faithful
    input: {prompt: "What is the deductible?", context: ["The deductible is 385 euros."]}
    expected: {type: faithfulness}
  - id: polite
    input: {match: all}
    expected: {type: judge_criteria, judge_criteria: "It is polite."}
"""
TRACE = '{"prompt": "What is the deductible?", "response": "It is 385 euros.", "episode_id": "e1"}\n'
Serve = Callable[..., Any]  # a fixture of conftest.py: answers in order, the last one for ever


@attrs.frozen
class Finished:
    code: int
    text: str


Assay = Callable[..., Finished]


@pytest.fixture
def assay(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Assay:
    """Run a command line in this process, with nothing of the surroundings but the key."""
    for name in os.environ:
        if name.startswith(("ASSAY", "OPENAI", "VERDICT", "GITHUB")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def run(*words: str, environment: Mapping[str, str] | None = None) -> Finished:
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        code = main(words)
        captured = capsys.readouterr()
        return Finished(code, captured.out + captured.err)

    return run


@pytest.fixture(autouse=True)
def _needs_the_importer() -> None:
    try:
        load("assay.importers", "jsonl")
    except AssayError:
        pytest.skip("assay-importer-jsonl is not installed here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "trace.jsonl").write_text(TRACE)
    return tmp_path


def summary(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "summary.json").read_text()))


def everything_written(folder: Path) -> str:
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file())


def test_a_judge_that_agrees_lets_the_run_pass(folder: Path, serve: Serve, assay: Assay) -> None:
    endpoint = serve(YES)

    done = assay("run", "trace.jsonl", "--judge", "openai", "--judge-base-url", endpoint.url, "--judge-model", "m-1")

    assert done.code == 0, done.text
    written = summary(folder)
    assert written["judge_metrics"] == {
        "abstain_rate": 0.0, "flip_rate": 0.0, "consensus_rate": 1.0, "unavailable_count": 0
    }  # fmt: skip
    assert written["seeds"]["judge_seed"] == "7"
    assert {each["model"] for each in endpoint.requests} == {"m-1"}
    assert "The deductible is 385 euros." in "".join(endpoint.prompts())
    details = json.loads((folder / "run.json").read_text())["results"][0]["details"]["metrics"]["faithfulness"][
        "details"
    ]
    assert (details["verdict"], details["rationale"]) == ("Pass", "it is so")


def test_the_key_is_sent_and_stands_nowhere(folder: Path, serve: Serve, assay: Assay) -> None:
    endpoint = serve(json.dumps({"passed": False, "rationale": f"the key is {KEY}"}))

    done = assay("run", "trace.jsonl", "--judge", "openai", "-vv", "--judge-base-url", endpoint.url)

    assert done.code == 1
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in done.text + everything_written(folder)


def test_a_judge_that_disagrees_fails_the_run_with_its_rationale(folder: Path, serve: Serve, assay: Assay) -> None:
    done = assay("run", "trace.jsonl", "--judge", "openai", "--judge-base-url", serve(NO).url)

    assert (done.code, summary(folder)["reason_code"]) == (1, "E_TEST_FAILED")
    assert "it is not" in (folder / "run.json").read_text()


def test_a_judge_that_cannot_tell_ends_the_run_with_1(folder: Path, serve: Serve, assay: Assay) -> None:
    endpoint = serve(YES, NO, YES, NO)

    done = assay("run", "trace.jsonl", "--judge", "openai", "--judge-samples", "2", "--judge-base-url", endpoint.url)

    written = summary(folder)
    assert (done.code, written["reason_code"]) == (1, "E_JUDGE_UNCERTAIN")
    assert written["judge_metrics"]["abstain_rate"] == 1.0
    assert written["judge_metrics"]["consensus_rate"] == 0.0


@pytest.mark.parametrize(
    ("planned", "code"),
    [
        ({"status": 429, "headers": (("Retry-After", "60"),)}, "E_RATE_LIMIT"),
        ({"status": 502}, "E_PROVIDER_5XX"),
        ({"status": 401}, "E_JUDGE_UNAVAILABLE"),
        ({"body": b"<html>garbage"}, "E_JUDGE_UNAVAILABLE"),
        ("I would say that it passed.", "E_JUDGE_UNAVAILABLE"),
        ({"closed": True}, "E_NETWORK_ERROR"),
        ({"body": b'{"choices": ', "cut": True}, "E_NETWORK_ERROR"),
        ({"hang": True}, "E_TIMEOUT"),
    ],
)
def test_a_judge_that_does_not_answer_is_exit_3_with_its_reason(
    folder: Path, serve: Serve, assay: Assay, planned: Any, code: str
) -> None:
    suite = folder / "eval.yaml"
    suite.write_text(
        suite.read_text().replace("timeout_seconds: 5", "timeout_seconds: 1.5").partition("  - id: polite")[0]
    )
    url = serve(planned).url

    done = assay("run", "trace.jsonl", "--judge", "openai", "--judge-base-url", url)

    assert (done.code, summary(folder)["reason_code"]) == (3, code), done.text
    assert KEY not in done.text + everything_written(folder)


def test_the_store_keeps_verdicts_for_the_next_run(folder: Path, serve: Serve, assay: Assay) -> None:
    endpoint = serve(YES)
    words = ("run", "trace.jsonl", "--judge", "openai", "--judge-base-url", endpoint.url)

    def asked(*further: str) -> int:
        before = len(endpoint.requests)
        assert assay(*words, *further).code == 0
        return len(endpoint.requests) - before

    assert [asked(), asked(), asked("--replay-strict"), asked("--judge-refresh"), asked("--no-cache")] == [
        4,
        0,
        0,
        4,
        4,
    ]
    assert KEY not in everything_written(folder)


def test_on_error_allow_lets_an_unavailable_judge_through_and_says_so(folder: Path, serve: Serve, assay: Assay) -> None:
    suite = folder / "eval.yaml"
    suite.write_text(suite.read_text().replace("{seed: 7,", "{seed: 7, on_error: allow,"))
    (folder / "trace.jsonl").write_text(TRACE)

    done = assay("run", "trace.jsonl", "--judge", "openai", "--judge-base-url", serve({"status": 401}).url)

    assert "W_ON_ERROR_ALLOW" in done.text


@pytest.mark.parametrize(
    ("words", "environment", "code"),
    [
        ((), {}, "E_JUDGE_MISSING"),
        (("--no-judge",), {"ASSAY_JUDGE": "openai"}, "E_JUDGE_MISSING"),
        (("--judge", "none"), {"VERDICT_JUDGE": "openai"}, "E_JUDGE_MISSING"),
        (("--replay-strict", "--judge", "openai"), {}, "E_REPLAY_STRICT_MISSING"),
        (("--judge", "openai", "--deny", "network"), {}, "E_NEEDS_NETWORK"),
        (("--judge", "openia"), {}, "E_PLUGIN_MISSING"),
        (("--judge", "openai"), {"OPENAI_API_KEY": ""}, "E_CREDENTIAL_MISSING"),
        (("--judge", "openai", "--judge-base-url", "nowhere"), {}, "E_INVALID_ARGS"),
    ],
)
def test_without_verdicts_and_without_a_judge_the_run_ends_with_2(
    folder: Path, assay: Assay, words: tuple[str, ...], environment: dict[str, str], code: str
) -> None:
    done = assay("run", "trace.jsonl", *words, environment=environment)

    assert (done.code, summary(folder)["reason_code"]) == (2, code), done.text


@pytest.mark.parametrize("prefix", ["ASSAY", "VERDICT"])
def test_the_environment_names_judge_and_model(folder: Path, serve: Serve, assay: Assay, prefix: str) -> None:
    endpoint = serve(YES)
    environment = {f"{prefix}_JUDGE": "openai", f"{prefix}_JUDGE_MODEL": "m-2", "OPENAI_BASE_URL": endpoint.url}

    done = assay("ci", "trace.jsonl", environment=environment)

    assert done.code == 0, done.text
    assert {each["model"] for each in endpoint.requests} == {"m-2"}


def test_validate_asks_nobody_and_says_what_it_leaves_out(folder: Path, serve: Serve, assay: Assay) -> None:
    endpoint = serve(NO)

    done = assay("validate", "trace.jsonl", "--judge", "openai", "--judge-base-url", endpoint.url)

    assert done.code == 0, done.text
    assert "W_CHECK_DEFERRED" in done.text
    assert "faithful (faithfulness), polite (judge_criteria)" in done.text
    assert endpoint.requests == []


def test_nothing_connects_anywhere_unless_a_judge_is_named(
    folder: Path, assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    verdict = {"passed": True, "score": 1.0}
    meta = {"assay": {"judge": {"faithfulness": verdict, "custom": verdict}}}
    (folder / "judged.jsonl").write_text(json.dumps({**json.loads(TRACE), "meta": meta}) + "\n")

    assert assay("run", "judged.jsonl").code == 0
    assert assay("validate", "trace.jsonl").code == 0
    assert "E_JUDGE_MISSING" in assay("ci", "trace.jsonl").text


def test_recorded_verdicts_are_evaluated_by_validate_and_run_without_a_judge(
    folder: Path, serve: Serve, assay: Assay
) -> None:
    endpoint = serve(YES)
    before = (folder / "trace.jsonl").read_text()
    words = ("--config", "eval.yaml", "--judge", "openai", "--judge-base-url", endpoint.url)

    wrote = assay("trace", "precompute-judge", "trace.jsonl", *words, "-o", "judged.jsonl")

    assert wrote.code == 0, wrote.text
    assert "2 verdict(s) given, 0 were in the store, 0 in the trace" in wrote.text
    assert "wrote 2 verdict(s): judged.jsonl" in wrote.text
    assert (folder / "trace.jsonl").read_text() == before
    record = json.loads((folder / "judged.jsonl").read_text())
    assert record.pop("meta")["assay"]["judge"]["faithfulness"]["passed"] is True
    assert record == json.loads(before)
    asked = len(endpoint.requests)
    for command in ("validate", "run", "ci"):
        done = assay(command, "eval.yaml", "judged.jsonl", "--replay-strict", "--deny", "network")
        assert done.code == 0, done.text
    again = assay("trace", "precompute-judge", "judged.jsonl", *words[2:])
    assert "0 verdict(s) given, 0 were in the store, 2 in the trace" in again.text
    assert len(endpoint.requests) == asked
    assert KEY not in everything_written(folder)


def test_precompute_keeps_v2_events_and_every_other_byte(folder: Path, serve: Serve, assay: Assay) -> None:
    start = (
        '{"type":"episode_start", "episode_id":"e1","timestamp":1e3,'
        '"input":{"prompt":"What is the deductible?"},"meta":{"big":12345678901234567890}}'
    )
    end = '{"type":"episode_end","episode_id":"e1","timestamp":2,  "final_output":"It is 385 euros."}'
    (folder / "trace.jsonl").write_text(f"{start}\r\n{end}\n")

    done = assay(
        "trace", "precompute-judge", "--trace", "trace.jsonl", "--config", "eval.yaml", "--judge", "openai",
        "--judge-base-url", serve(YES).url, "-q", "-o", "trace.jsonl",
    )  # fmt: skip

    assert (done.code, done.text) == (0, "")
    first, second = (folder / "trace.jsonl").read_bytes().splitlines(keepends=True)
    assert second == f"{end}\n".encode()
    assert first.endswith(b"}\r\n")
    assert b'"timestamp":1e3' in first
    assert b'"big":12345678901234567890' in first
    assert assay("run", "trace.jsonl").code == 0


def test_precompute_leaves_the_trace_when_the_judge_fails(folder: Path, serve: Serve, assay: Assay) -> None:
    before = (folder / "trace.jsonl").read_bytes()

    done = assay(
        "trace", "precompute-judge", "trace.jsonl", "--config", "eval.yaml", "--judge", "openai",
        "--judge-base-url", serve({"status": 401}).url,
    )  # fmt: skip

    assert done.code == 3, done.text
    assert "E_JUDGE_UNAVAILABLE" in done.text
    assert (folder / "trace.jsonl").read_bytes() == before


def test_precomputed_verdicts_are_those_that_a_strict_run_looks_up(
    folder: Path, serve: Serve, assay: Assay, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = serve(YES)
    before = (folder / "trace.jsonl").read_bytes()
    words = ("trace.jsonl", "--judge", "openai", "--judge-base-url", endpoint.url, "--judge-model", "m-1")

    filled = assay("trace", "precompute-judge", *words)
    assert filled.code == 0, filled.text
    assert "2 verdict(s) given, 0 were in the store" in filled.text
    assert (folder / "trace.jsonl").read_bytes() == before
    assert "0 verdict(s) given, 2 were in the store" in assay("trace", "precompute-judge", *words).text
    asked = len(endpoint.requests)

    def forbidden(*_: object) -> None:
        raise AssertionError("a connection was made")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", forbidden)
        for command in ("run", "ci"):
            done = assay(command, *words, "--replay-strict", "--deny", "network")
            assert done.code == 0, done.text
        other = assay("run", *words[:-1], "m-2", "--replay-strict")
        assert (other.code, "E_REPLAY_STRICT_MISSING" in other.text) == (2, True)
    again = assay("trace", "precompute-judge", *words, "--judge-refresh")
    assert "2 verdict(s) given" in again.text
    assert len(endpoint.requests) == 2 * asked
    assert KEY not in everything_written(folder)


def test_a_killed_precompute_loses_no_verdict_that_was_given(folder: Path, serve: Serve, assay: Assay) -> None:
    endpoint = serve(YES, YES, {"hang": True})
    words = ["trace", "precompute-judge", "trace.jsonl", "--judge", "openai", "--judge-base-url", endpoint.url]

    with subprocess.Popen([sys.executable, "-m", "assay_core", *words], cwd=folder, stderr=subprocess.DEVNULL) as job:
        deadline = time.monotonic() + 60
        while len(endpoint.requests) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        job.kill()
    endpoint.plan[:] = [*serve(YES).plan]
    asked = len(endpoint.requests)

    resumed = assay(*words)

    assert "1 verdict(s) given, 1 were in the store" in resumed.text, resumed.text
    assert len(endpoint.requests) - asked == 2
    assert assay("run", *words[2:], "--replay-strict").code == 0


def test_a_store_that_no_run_would_look_into_is_not_filled(folder: Path, serve: Serve, assay: Assay) -> None:
    suite = folder / "eval.yaml"
    suite.write_text(suite.read_text().replace("{seed: 7,", "{seed: 7, cache: false,"))
    words = ("trace", "precompute-judge", "trace.jsonl", "--judge", "openai", "--judge-base-url", serve(YES).url)

    assert "settings.cache" in assay(*words).text
    assert assay(*words, "--out-trace", "judged.jsonl").code == 0
    assert "E_OUTPUT_IS_INPUT" in assay(*words, "--out-trace", "eval.yaml").text
    assert "E_INVALID_ARGS" in assay(*words, "--out-trace", "judged.jsonl", "--format", "mcp").text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--judge", "openai"), "E_INVALID_ARGS"),
        (("gone.jsonl", "--config", "eval.yaml", "--judge", "openai"), "E_PATH_NOT_FOUND"),
        (("trace.jsonl", "--config", "eval.yaml", "--judge", "none"), "E_JUDGE_MISSING"),
        (("trace.jsonl", "--config", "plain.yaml", "--judge", "openai"), "E_NO_CHECKS"),
        (("odd.jsonl", "--config", "eval.yaml", "--judge", "openai", "-o", "out.jsonl"), "E_TRACE_INVALID"),
    ],
)
def test_precompute_refuses_what_it_cannot_use(
    folder: Path, serve: Serve, assay: Assay, words: tuple[str, ...], code: str
) -> None:
    (folder / "plain.yaml").write_text("configVersion: 1\nsuite: s\npolicy: policy.yaml\n")
    (folder / "policy.yaml").write_text('version: "2.0"\n')
    (folder / "odd.jsonl").write_text('{"prompt": "a", "response": "b", "meta": {"assay": {"judge": 3}}}\n')

    done = assay("trace", "precompute-judge", *words, environment={"OPENAI_BASE_URL": serve(YES).url})

    assert done.code == 2, done.text
    assert code in done.text


def test_precompute_needs_a_suite(folder: Path, assay: Assay) -> None:
    (folder / "eval.yaml").unlink()

    done = assay("trace", "precompute-judge", "trace.jsonl", "--judge", "openai")

    assert (done.code, "E_MISSING_CONFIG" in done.text) == (2, True)


def test_precompute_stands_in_the_group_of_traces(assay: Assay) -> None:
    assert "precompute-judge" in assay("trace", "--help").text
