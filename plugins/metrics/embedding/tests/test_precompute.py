"""`assay trace precompute-embeddings`, and runs over what it wrote: the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from assay_metric_embedding.precomputing import Job, carry_out

pytest.importorskip("assay_importer_jsonl", reason="traces are read by assay-importer-jsonl, not installed here")

SUITE = """configVersion: 1
suite: s
tests:
  - id: t1
    input: "How long?"
    expected: {type: semantic_similarity_to, text: "Five working days.", min_score: 0.3}
  - id: t2
    input: {match: all}
    expected:
      - {type: semantic_similarity_to, text: "Refunds take five days.", min_score: 0.2}
"""
RECORDS = (
    '{"prompt": "How long?", "response": "Five days.", "big": 12345678901234567890123, "x":1.50 }\r\n'
    '{"prompt": "And now?",  "response": "Refunds take days.", "meta": {"keep": [1, 2.0], "assay": {"judge": {}}}}\n'
    '{"prompt": "Silence", "meta": null}\n'
)
# Ends the process at once, so that no `except` on the way can hide it.
TRAP = """
import os, sys
def watch(event, arguments):
    if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}:
        os._exit(97)
sys.addaudithook(watch)
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "trace.jsonl").write_bytes(RECORDS.encode())
    return tmp_path


@pytest.fixture
def assay(tmp_path: Path) -> Run:
    """Return assay(*words): the command, with no setting of this machine."""

    def run(*words: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ASSAY", "OPENAI", "GITHUB"))}
        return subprocess.run(
            [sys.executable, "-m", "assay_core", *words],
            cwd=tmp_path,
            env={**kept, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def job(folder: Path, **fields: Any) -> Job:
    defaults = {
        "trace": folder / "trace.jsonl",
        "target": folder / "out.jsonl",
        "config": folder / "eval.yaml",
        "embedder": "hashing",
        "db": str(folder / "kept.db"),
        "quiet": True,
    }
    return Job(**{**defaults, **fields})  # type: ignore[arg-type]  # fields by name


def embeddings(path: Path, line: int) -> dict[str, Any]:
    record = json.loads(path.read_text().splitlines()[line - 1])
    return dict(record["meta"]["assay"]["embeddings"])


def test_records_that_tests_are_about_get_vectors_and_nothing_else_changes(folder: Path, assay: Run) -> None:
    done = assay("trace", "precompute-embeddings", "trace.jsonl", "--embedder", "hashing", "--output", "trace.jsonl")

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "embedded 4 of 4 texts, 0 were there: .assay/assay.db" in done.stderr
    assert "wrote the vectors of 2 records, 0 had theirs: trace.jsonl" in done.stderr
    written = (folder / "trace.jsonl").read_bytes().split(b"\n")
    assert b'"big":12345678901234567890123,"x":1.50,' in written[0]
    assert written[0].endswith(b"}\r")
    assert b'"keep":[1, 2.0]' in written[1]
    assert b'"judge":{}' in written[1]
    assert written[2] == RECORDS.encode().split(b"\n")[2]
    first = embeddings(folder / "trace.jsonl", 1)
    assert (first["model"], first["source_response"], first["source_reference"]) == (
        "hashing-char-3-5-512-v1",
        "precomputed",
        "precomputed",
    )
    assert len(first["further_references"]) == 1
    assert sorted(path.name for path in folder.iterdir()) == [".assay", "eval.yaml", "trace.jsonl"]


def test_a_run_over_the_written_trace_needs_no_embedder_and_opens_no_socket(folder: Path, assay: Run) -> None:
    carry_out(job(folder))
    (folder / "sitecustomize.py").write_text(TRAP)
    forbidden = {"PYTHONPATH": str(folder)}

    for command in ("validate", "run", "ci"):
        records = (folder / "out.jsonl").read_text().splitlines()
        (folder / "two.jsonl").write_text("\n".join(records[:2]) + "\n")
        done = assay(command, "eval.yaml", "two.jsonl", "--replay-strict", environment=forbidden)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "PASS" in done.stdout
    check = "import socket; socket.create_connection(('127.0.0.1', 9))"
    probe = subprocess.run(
        [sys.executable, "-c", check], env={**os.environ, **forbidden}, capture_output=True, check=False, timeout=60
    )
    assert probe.returncode == 97, "the trap itself has to snap"


def test_without_vectors_run_says_what_to_do_and_validate_leaves_it_to_run(folder: Path, assay: Run) -> None:
    (folder / "eval.yaml").write_text(SUITE.partition("  - id: t2")[0])

    run = assay("run", "eval.yaml", "trace.jsonl")
    validate = assay("validate", "eval.yaml", "trace.jsonl", "--format", "json")

    assert run.returncode == 2
    assert "E_EMBEDDER_MISSING" in run.stderr
    assert "--embedder" in run.stderr
    document = json.loads(validate.stdout)
    assert (validate.returncode, document["reason_code"]) == (0, ""), validate.stdout


def test_an_embedder_that_does_not_exist_is_an_error_even_where_nothing_asks_it(folder: Path, assay: Run) -> None:
    (folder / "policy.yaml").write_text('version: "2.0"\ntools: {deny: [x]}\n')

    done = assay("run", "policy.yaml", "trace.jsonl", "--embedder", "no_such")

    assert done.returncode == 2
    assert "E_PLUGIN_MISSING" in done.stderr


def test_a_service_that_says_nothing_is_given_up_after_the_timeout_of_the_suite(
    folder: Path, assay: Run, service: Any
) -> None:
    suite = SUITE.partition("  - id: t2")[0].replace("suite: s", "suite: s\nsettings: {timeout_seconds: 0.3}")
    (folder / "eval.yaml").write_text(suite)
    service.script = ["silent"]
    environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": service.url}

    done = assay("run", "eval.yaml", "trace.jsonl", "--embedder", "openai", environment=environment)

    assert done.returncode == 3
    written = (folder / "run.json").read_text()
    assert json.loads(written)["reason_code"] == "E_TIMEOUT"
    assert "longer than 0.3 s" in written


def test_keys_that_are_read_and_not_used_are_announced(folder: Path, assay: Run) -> None:
    suite = SUITE.partition("  - id: t2")[0]
    (folder / "eval.yaml").write_text(suite.replace("min_score: 0.3", "min_score: 0.3, model: m"))

    done = assay("run", "eval.yaml", "trace.jsonl", "--embedder", "hashing")

    assert done.returncode == 0
    assert "W_CFG_UNUSED" in done.stderr
    assert "model of semantic_similarity_to" in done.stderr


def test_a_model_without_an_embedder_is_an_error(folder: Path, assay: Run) -> None:
    done = assay("run", "eval.yaml", "trace.jsonl", "--embedding-model", "m")

    assert done.returncode == 2
    assert "E_INVALID_ARGS" in done.stderr


def test_a_service_that_fails_ends_the_run_with_exit_3_and_its_reason(folder: Path, assay: Run, service: Any) -> None:
    (folder / "eval.yaml").write_text(SUITE.partition("  - id: t2")[0])
    service.script = ["busy"]
    key = "sk-secret-of-this-test"
    environment = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": service.url}

    done = assay("run", "eval.yaml", "trace.jsonl", "--embedder", "openai", environment=environment)

    assert done.returncode == 3, done.stderr
    assert json.loads((folder / "run.json").read_bytes())["reason_code"] == "E_RATE_LIMIT"
    everything = (
        done.stdout
        + done.stderr
        + "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())
    )
    assert key not in everything


def test_a_service_that_works_decides_and_its_key_is_stored_nowhere(folder: Path, assay: Run, service: Any) -> None:
    (folder / "eval.yaml").write_text(SUITE.partition("  - id: t2")[0])
    key = "sk-secret-of-this-test"
    environment = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": service.url}

    done = assay(
        "run", "eval.yaml", "trace.jsonl", "--embedder", "openai", "--embedding-model", "m-2", environment=environment
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {body["model"] for _, body in service.requests} == {"m-2"}
    kept = "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())
    assert key not in kept


def test_what_is_there_is_kept_unless_it_is_stale_or_to_be_refreshed(folder: Path) -> None:
    carry_out(job(folder))
    once = (folder / "out.jsonl").read_bytes()
    again = {"trace": folder / "out.jsonl", "target": folder / "again.jsonl"}

    carry_out(job(folder, **again))
    assert (folder / "again.jsonl").read_bytes() == once

    (folder / "out.jsonl").write_bytes(once.replace(b'"response":"Five days."', b'"response":"Never."'))
    carry_out(job(folder, **again))
    assert embeddings(folder / "again.jsonl", 1)["response"] != embeddings(folder / "out.jsonl", 1)["response"]
    assert embeddings(folder / "again.jsonl", 2) == embeddings(folder / "out.jsonl", 2)

    carry_out(job(folder, refresh=True, trace=folder / "again.jsonl"))
    assert (folder / "out.jsonl").read_bytes() == (folder / "again.jsonl").read_bytes()


MANY = """configVersion: 1
suite: many
tests:
  - id: near
    input: {match: all}
    expected: {type: nearest_known_good, references: [good.jsonl], min_score: 0.1}
  - id: like
    input: "How long?"
    expected: {type: semantic_similarity_to, text: "Five working days.", min_score: 0.1}
"""


@pytest.fixture
def served(folder: Path, service: Any) -> dict[str, str]:
    """A suite that needs vectors of a service, and the environment that names it; the texts are five."""
    (folder / "eval.yaml").write_text(MANY)
    (folder / "good.jsonl").write_text('{"prompt": "x", "response": "In five days."}\n')
    records = [("How long?", "Five days."), ("And now?", "Refunds take days."), ("Why?", "Since banks are slow.")]
    (folder / "trace.jsonl").write_text(
        "".join(json.dumps({"prompt": prompt, "response": response}) + "\n" for prompt, response in records)
    )
    return {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": service.url}


def test_a_strict_run_finds_every_vector_that_was_precomputed_and_opens_no_socket(
    folder: Path, assay: Run, service: Any, served: dict[str, str]
) -> None:
    before = (folder / "trace.jsonl").read_bytes()
    words = ("trace.jsonl", "--embedder", "openai", "--embedding-model", "m-3")
    missing = assay("run", *words, "--replay-strict", environment=served)

    filled = assay("trace", "precompute-embeddings", *words, environment=served)
    again = assay("trace", "precompute-embeddings", *words, environment=served)

    assert (missing.returncode, "E_REPLAY_STRICT_MISSING" in missing.stderr) == (2, True)
    assert "embedded 5 of 5 texts, 0 were there" in filled.stderr
    assert "embedded 0 of 5 texts, 5 were there" in again.stderr
    assert sum(len(body["input"]) for _, body in service.requests) == 5
    assert (folder / "trace.jsonl").read_bytes() == before
    (folder / "trap").mkdir()
    (folder / "trap" / "sitecustomize.py").write_text(TRAP)
    trapped = {**served, "PYTHONPATH": str(folder / "trap")}
    for command in ("run", "ci"):
        done = assay(command, *words, "--replay-strict", "--deny", "network", environment=trapped)
        assert done.returncode == 0, done.stdout + done.stderr
    other = assay("run", *words[:-1], "m-4", "--replay-strict", environment=trapped)
    assert (other.returncode, "E_REPLAY_STRICT_MISSING" in other.stderr) == (2, True)
    refreshed = assay("trace", "precompute-embeddings", *words, "--refresh-embeddings", environment=served)
    assert "embedded 5 of 5 texts" in refreshed.stderr


def test_the_summary_says_how_much_the_store_had(folder: Path, assay: Run) -> None:
    words = ("run", "trace.jsonl", "--embedder", "hashing")

    def rate(*further: str, **environment: str) -> float | None:
        assert assay(*words, *further, environment=environment).returncode in (0, 1)
        found: float | None = json.loads((folder / "summary.json").read_bytes())["performance"]["cache_hit_rate"]
        return found

    first, second = rate(), rate()
    text = (folder / "trace.jsonl").read_text()
    (folder / "trace.jsonl").write_text(text.replace("Five days.", "Six days."))
    third = rate()

    assert (first, second) == (0.0, 1.0)
    assert third == 0.75, "three of four texts were there"
    assert rate("--no-cache") == rate("--refresh-cache") == 0.0
    assert rate(SOURCE_DATE_EPOCH="1") is None


def test_a_killed_job_goes_on_where_it_stopped(folder: Path, assay: Run, service: Any, served: dict[str, str]) -> None:
    service.script = ["ok", "ok", "silent"]
    words = ["trace", "precompute-embeddings", "trace.jsonl", "--embedder", "openai", "--batch", "1"]
    environment = {**os.environ, **served}

    with subprocess.Popen(
        [sys.executable, "-m", "assay_core", *words], cwd=folder, env=environment, stderr=subprocess.DEVNULL
    ) as job:
        deadline = time.monotonic() + 60
        while len(service.requests) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        job.kill()
    asked = len(service.requests)
    service.script = ["ok"]

    resumed = assay(*words, environment=served)

    assert asked == 3
    assert "embedded 3 of 5 texts, 2 were there" in resumed.stderr, resumed.stderr
    assert len(service.requests) - asked == 3
    assert assay("run", *words[2:5], "--replay-strict", environment=served).returncode == 0


def test_a_service_that_fails_leaves_what_it_gave_before(
    folder: Path, assay: Run, service: Any, served: dict[str, str]
) -> None:
    service.script = ["ok", "401"]
    words = ("trace", "precompute-embeddings", "trace.jsonl", "--embedder", "openai", "--batch", "2")

    failed = assay(*words, "--out-trace", "out.jsonl", environment=served)
    service.script = ["ok"]
    resumed = assay(*words, environment=served)

    assert (failed.returncode, "E_EMBEDDER_UNAVAILABLE" in failed.stderr) == (3, True)
    assert not (folder / "out.jsonl").exists()
    assert "embedded 3 of 5 texts, 2 were there" in resumed.stderr


def test_a_store_that_no_run_would_look_into_is_not_filled(folder: Path, assay: Run) -> None:
    (folder / "eval.yaml").write_text(SUITE.replace("suite: s", "suite: s\nsettings: {cache: false}"))
    words = ("trace", "precompute-embeddings", "trace.jsonl", "--embedder", "hashing")

    refused = assay(*words)

    assert (refused.returncode, "settings.cache" in refused.stderr) == (2, True)
    assert not (folder / ".assay").exists()
    assert assay(*words, "--out-trace", "out.jsonl").returncode == 0
    assert "E_OUTPUT_IS_INPUT" in assay(*words, "--out-trace", "eval.yaml").stderr
    assert "E_INVALID_ARGS" in assay(*words, "--out-trace", "out.jsonl", "--format", "mcp").stderr


def test_a_store_that_is_none_ends_with_3_and_is_left_as_it_is(folder: Path, assay: Run) -> None:
    (folder / "notes.txt").write_text("mine")

    done = assay("trace", "precompute-embeddings", "trace.jsonl", "--embedder", "hashing", "--db", "notes.txt")

    assert (done.returncode, "E_STORE_INVALID" in done.stderr) == (3, True)
    assert (folder / "notes.txt").read_text() == "mine"


def test_v2_episodes_get_their_vectors_at_their_start(folder: Path, assay: Run) -> None:
    events = [
        {"type": "episode_start", "episode_id": "e", "timestamp": 1, "input": {"prompt": "How long?"}, "meta": None},
        {"type": "episode_end", "episode_id": "e", "timestamp": 2, "outcome": "pass", "final_output": "Five days."},
    ]
    (folder / "trace.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))
    (folder / "eval.yaml").write_text(SUITE.partition("  - id: t2")[0])

    carry_out(job(folder))

    assert embeddings(folder / "out.jsonl", 1)["source_response"] == "precomputed"
    assert assay("run", "eval.yaml", "out.jsonl").returncode == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--config", "eval.yaml", "--embedder", "hashing"], "E_INVALID_ARGS"),
        (["trace.jsonl", "--trace", "trace.jsonl", "--config", "eval.yaml", "--embedder", "hashing"], "E_INVALID_ARGS"),
        (["trace.jsonl", "--config", "none.yaml", "--embedder", "hashing"], "E_PATH_NOT_FOUND"),
        (["none.jsonl", "--config", "eval.yaml", "--embedder", "hashing"], "E_PATH_NOT_FOUND"),
        (["trace.jsonl", "--config", "eval.yaml", "--embedder", "none"], "E_EMBEDDER_MISSING"),
        (["trace.jsonl", "--config", "eval.yaml", "--embedder", "no_such"], "E_PLUGIN_MISSING"),
        (["trace.jsonl", "--config", "other.yaml", "--embedder", "hashing"], "E_NO_CHECKS"),
        (["trace.jsonl", "--config", "eval.yaml", "--embedder", "hashing", "--model", "m"], "E_CFG_UNKNOWN_KEY"),
        (["bad.jsonl", "--config", "eval.yaml", "--embedder", "hashing"], "E_TRACE_INVALID"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    folder: Path, assay: Run, words: list[str], code: str
) -> None:
    (folder / "other.yaml").write_text("configVersion: 1\nsuite: s\npolicy: policy.yaml\n")
    (folder / "policy.yaml").write_text('version: "2.0"\n')
    (folder / "bad.jsonl").write_text('{"prompt": "a", "response": "b", "meta": 7\n')
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    done = assay("trace", "precompute-embeddings", *words, "--out-trace", "out.jsonl")

    assert done.returncode == 2, done.stderr
    assert code in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
