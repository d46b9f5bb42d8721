"""The whole command line where sockets are forbidden: nothing touches the network unless a service on it is named."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from assay_core.cli.table import CORE_COMMANDS
from tests.e2e.command import assay

pytest.importorskip("assay_importer_jsonl", reason="assay-importer-jsonl is not installed here")

# Ends the process at once, so that no `except` on the way can hide it.
TRAP = """
import os, sys
def watch(event, arguments):
    # A library of wordllama binds a port of ::1 while it is imported, to learn whether there is IPv6: not a network.
    if event == "socket.bind" and arguments[1][0] == "::1":
        return
    if event in {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}:
        os.write(2, f"the network was touched: {event} {arguments!r}".encode())
        os._exit(97)
sys.addaudithook(watch)
"""
SUITE = """configVersion: 1
suite: s
tests:
  - id: t
    input: "How long?"
    expected: {type: must_contain, must_contain: ["days"]}
"""
MEANING = SUITE.replace(
    'must_contain, must_contain: ["days"]', 'semantic_similarity_to, text: "Five days.", min_score: 0.5'
)
COMMANDS = {
    "init": ["init", "--help"],
    "validate": ["validate", "eval.yaml", "trace.jsonl"],
    "run": ["run", "eval.yaml", "trace.jsonl"],
    "ci": ["ci", "eval.yaml", "trace.jsonl"],
    "import": ["import", "trace.jsonl", "--out-trace", "imported.jsonl"],
    "trace": ["trace", "stats", "trace.jsonl"],
    "watch": ["watch", "--help"],
    "coverage": ["coverage", "policy.yaml", "trace.jsonl"],
    "generate": ["generate", "trace.jsonl", "--output", "learned.yaml"],
    "profile": ["profile", "--help"],
    "baseline": ["baseline", "record", "eval.yaml", "trace.jsonl"],
    "migrate": ["migrate", "eval.yaml", "--check"],
    "doctor": ["doctor"],
    "fix": ["fix", "--dry-run"],
    "runs": ["runs", "list"],
    "quarantine": ["quarantine", "list"],
    "policy": ["policy", "validate", "policy.yaml"],
    "explain": ["explain", "E_RATE_LIMIT"],
    "schema": ["schema", "eval"],
    "config": ["config"],
    "plugins": ["plugins", "check"],
    "version": ["version"],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "sitecustomize.py").write_text(TRAP)
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "meaning.yaml").write_text(MEANING)
    (tmp_path / "policy.yaml").write_text('version: "2.0"\ntools: {deny: ["delete_*"]}\n')
    (tmp_path / "trace.jsonl").write_text(
        '{"prompt": "How long?", "response": "Five days.", "tool": "t", "args": {}}\n'
    )
    return tmp_path


def test_every_command_of_the_core_is_tried() -> None:
    assert set(CORE_COMMANDS) <= set(COMMANDS), "add a line for the new command"


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_touches_the_network(name: str, folder: Path) -> None:
    if name not in CORE_COMMANDS:
        pytest.skip(f"this release has no command {name}")
    trapped = {"PYTHONPATH": str(folder / "trap")}

    done = assay(*COMMANDS[name], cwd=folder, environment=trapped)

    assert done.exit_code != 97, done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("embedder", ["hashing", "local"])
def test_embedders_that_work_here_touch_no_network(embedder: str, folder: Path) -> None:
    pytest.importorskip("assay_metric_embedding", reason="assay-metric-embedding is not installed here")
    if embedder == "local" and importlib.util.find_spec("wordllama") is None:
        pytest.skip("wordllama, the extra [local], is not installed here")
    trapped = {"PYTHONPATH": str(folder / "trap")}

    run = assay("run", "meaning.yaml", "trace.jsonl", "--embedder", embedder, cwd=folder, environment=trapped)
    words = ("trace.jsonl", "--config", "meaning.yaml", "--embedder", embedder, "--output", "out.jsonl")
    record = assay("trace", "precompute-embeddings", *words, cwd=folder, environment=trapped)
    replay = assay("ci", "meaning.yaml", "out.jsonl", "--replay-strict", cwd=folder, environment=trapped)

    assert [each.exit_code for each in (run, record, replay)] == [0, 0, 0], run.err + record.err + replay.err


def test_the_trap_snaps_where_the_network_is_named(folder: Path) -> None:
    pytest.importorskip("assay_metric_embedding", reason="assay-metric-embedding is not installed here")
    environment = {
        "PYTHONPATH": str(folder / "trap"),
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }

    done = assay("run", "meaning.yaml", "trace.jsonl", "--embedder", "openai", cwd=folder, environment=environment)

    assert done.exit_code == 97, done.out + done.err


def test_the_trap_snaps_at_all(folder: Path) -> None:
    script = "import socket; socket.create_connection(('127.0.0.1', 9))"

    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(folder / "trap")}, capture_output=True, check=False
    )

    assert done.returncode == 97
