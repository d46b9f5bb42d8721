"""What `assay init` writes passes `assay validate` at once, through the real command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay_core.config.starter import PRESETS

DEMO_TRACES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "demo" / "traces"


def assay(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assay_core", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def shown(done: subprocess.CompletedProcess[str]) -> str:
    return f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("preset", PRESETS)
def test_starter_is_valid_without_a_trace(tmp_path: Path, preset: str) -> None:
    assay(tmp_path, "init", "--preset", preset)

    done = assay(tmp_path, "validate")

    assert done.returncode == 0, shown(done)


@pytest.mark.parametrize("preset", PRESETS)
def test_hello_trace_is_valid_under_every_preset(tmp_path: Path, preset: str) -> None:
    assay(tmp_path, "init", "--preset", preset, "--hello-trace")

    done = assay(tmp_path, "validate", "traces/hello.jsonl")

    assert done.returncode == 0, shown(done)
    assert "warning" not in done.stderr, shown(done)


def test_learnt_files_pass_the_trace_they_come_from_and_refuse_another_agent(tmp_path: Path) -> None:
    assay(tmp_path, "init", "--from-trace", str(DEMO_TRACES / "careful.jsonl"))

    good = assay(tmp_path, "validate", str(DEMO_TRACES / "careful.jsonl"))
    bad = assay(tmp_path, "validate", str(DEMO_TRACES / "careless.jsonl"), "--format", "json")

    assert good.returncode == 0, shown(good)
    assert bad.returncode == 1, shown(bad)
    codes = {each["code"] for each in json.loads(bad.stdout)["diagnostics"]}
    assert {"E_TOOL_NOT_ALLOWED", "E_ARG_SCHEMA"} <= codes


def test_hostile_trace_is_learnt_without_becoming_syntax(tmp_path: Path) -> None:
    records = [
        {"tool": 'a"] #  deny: [b', "args": {"k\n: x": "/p/a", "\u202e": "#"}},
        {"tool": "*", "args": {}},
        {"tool": "read_file", "args": {"path": "/p/(a|b)/x.md"}},
        {"tool": 'a"]\n  deny: [b', "args": {}},
        {"tool": "r\u0435ad_file", "args": {}},
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))

    made = assay(tmp_path, "init", "--from-trace", "t.jsonl")
    done = assay(tmp_path, "validate", "t.jsonl", "--format", "json")

    assert "Left out the tool '*'" in made.stdout, shown(made)
    assert r"Left out the tool 'r\u0435ad_file': its name is not printable ASCII" in made.stdout, shown(made)
    refused = {
        each["context"]["line"] for each in json.loads(done.stdout)["diagnostics"] if each["severity"] == "error"
    }
    assert refused == {2, 4, 5}, shown(done)  # only the calls of the tools that could not be listed


def test_learning_from_a_broken_trace_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"tool": "a", "args": {}}\n{"tool": \n')

    done = assay(tmp_path, "init", "--from-trace", "t.jsonl")

    assert done.returncode == 2
    assert "t.jsonl:2" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["t.jsonl"]
