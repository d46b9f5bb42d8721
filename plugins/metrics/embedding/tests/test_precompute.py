"""`assay trace precompute-embeddings`, and runs over what it wrote: the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from assay_metric_embedding.precomputing import Job, carry_out

from assay_core.plugins.drivers import load

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
      - {type: some_other_plugins_type, x: 1}
"""
RECORDS = (
    '{"prompt": "How long?", "response": "Five days.", "big": 12345678901234567890123, "x":1.50 }\r\n'
    '{"prompt": "And now?",  "response": "Refunds take days.", "meta": {"keep": [1, 2.0], "assay": {"judge": {}}}}\n'
    '{"prompt": "Silence", "meta": null}\n'
)
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
        "quiet": True,
    }
    return Job(**{**defaults, **fields})  # type: ignore[arg-type]  # fields by name


def embeddings(path: Path, line: int) -> dict[str, Any]:
    record = json.loads(path.read_text().splitlines()[line - 1])
    return dict(record["meta"]["assay"]["embeddings"])


def test_records_that_tests_are_about_get_vectors_and_nothing_else_changes(folder: Path, assay: Run) -> None:
    done = assay("trace", "precompute-embeddings", "trace.jsonl", "--config", "eval.yaml", "--embedder", "hashing")

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "embedded 4 texts for 2 records, 0 had theirs" in done.stderr
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
    assert sorted(path.name for path in folder.iterdir()) == ["eval.yaml", "trace.jsonl"]


def test_a_run_over_the_written_trace_needs_no_embedder_and_opens_no_socket(folder: Path, assay: Run) -> None:
    (folder / "eval.yaml").write_text(SUITE.replace("      - {type: some_other_plugins_type, x: 1}\n", ""))
    carry_out(job(folder))
    (folder / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(*words, **named):\n"
        "    raise SystemExit('a socket was opened')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
    )
    forbidden = {"PYTHONPATH": str(folder)}

    for command in ("validate", "run", "ci"):
        records = (folder / "out.jsonl").read_text().splitlines()
        (folder / "two.jsonl").write_text("\n".join(records[:2]) + "\n")
        done = assay(command, "eval.yaml", "two.jsonl", "--replay-strict", environment=forbidden)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "PASS" in done.stdout
    check = "import socket; socket.socket()"
    probe = subprocess.run(
        [sys.executable, "-c", check], env={**os.environ, **forbidden}, capture_output=True, check=False, timeout=60
    )
    assert probe.returncode == 1, "the trap itself has to snap"


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
    (folder / "eval.yaml").write_text(
        suite.replace("min_score: 0.3", "min_score: 0.3, model: m, thresholding: {max_drop: 0.1}")
    )

    done = assay("run", "eval.yaml", "trace.jsonl", "--embedder", "hashing")

    assert done.returncode == 0
    assert "W_CFG_UNUSED" in done.stderr
    assert "thresholding of semantic_similarity_to" in done.stderr
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


def test_an_interrupted_job_goes_on_where_it_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    hashing: Any = load("assay.embedders", "hashing")

    class Failing:
        id, dims, needs = hashing.id, hashing.dims, hashing.needs
        left = 3

        def embed(self, texts: list[str]) -> list[bytes]:
            Failing.left -= len(texts)
            if Failing.left < 0:
                raise KeyboardInterrupt
            asked.extend(texts)
            return list(hashing.embed(texts))

    def fake(group: str, name: str, options: object = None) -> object:
        return Failing() if group == "assay.embedders" else load(group, name, options)

    monkeypatch.setattr("assay_metric_embedding.precomputing.load", fake)
    with pytest.raises(KeyboardInterrupt):
        carry_out(job(folder, batch=1))
    assert not (folder / "out.jsonl").exists()
    partial = folder / "out.jsonl.embeddings-partial"
    partial.write_bytes(partial.read_bytes() + b'{"embedder": "torn')

    Failing.left = 99
    carry_out(job(folder, batch=1))

    assert len(asked) == len(set(asked)) == 4, "no text is embedded twice"
    assert not partial.exists()
    monkeypatch.undo()
    carry_out(job(folder, target=folder / "whole.jsonl"))
    assert (folder / "whole.jsonl").read_bytes() == (folder / "out.jsonl").read_bytes()


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
        (["trace.jsonl", "--config", "eval.yaml", "--embedder", "openai"], "E_CREDENTIAL_MISSING"),
        (["trace.jsonl", "--config", "eval.yaml", "--embedder", "hashing", "--model", "m"], "E_CFG_UNKNOWN_KEY"),
        (["bad.jsonl", "--config", "eval.yaml", "--embedder", "hashing"], "E_TRACE_INVALID"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    folder: Path, assay: Run, words: list[str], code: str
) -> None:
    (folder / "other.yaml").write_text("configVersion: 1\nsuite: s\ntests: []\n")
    (folder / "bad.jsonl").write_text('{"prompt": "a", "response": "b", "meta": 7\n')
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    done = assay("trace", "precompute-embeddings", *words)

    assert done.returncode == 2, done.stderr
    assert code in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
