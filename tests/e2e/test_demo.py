"""The demo runs as a stranger runs it, and its traces can be recorded anew."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "docs" / "examples" / "demo"
AGENTS = ("careful", "careless")


def called(trace: Path) -> list[tuple[str, object]]:
    """Return the tools and arguments of a trace, in order."""
    events = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    return [(event["tool_name"], event["args"]) for event in events if event["type"] == "tool_call"]


def test_demo_shows_init_validate_ci_and_import_on_the_bundled_traces(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(DEMO / "demo.py"), str(tmp_path / "demo")],
        env={**os.environ, "ASSAY_DEMO": "bundled"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("[exit code")] == [
        f"[exit code {code}]" for code in (0, 0, 0, 1, 0, 1)
    ]
    assert "Using the bundled traces" in done.stdout
    for agent in AGENTS:
        names = {path.name for path in (tmp_path / "demo" / agent).iterdir()}
        assert names == {"junit.xml", "results.sarif", "run.json", "summary.json"}


def test_recording_anew_gives_the_calls_of_the_bundled_traces(tmp_path: Path) -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node and npm are not here: recording needs the npm server")
    if importlib.util.find_spec("mcp") is None:
        pytest.skip("the package mcp is not here: pip install -r requirements/demo.txt")

    subprocess.run([sys.executable, str(DEMO / "record.py"), str(tmp_path)], check=True, timeout=300)

    for agent in AGENTS:
        assert called(tmp_path / f"{agent}.jsonl") == called(DEMO / "traces" / f"{agent}.jsonl")


def test_bundled_traces_name_no_place_of_the_machine_they_come_from() -> None:
    for agent in AGENTS:
        text = (DEMO / "traces" / f"{agent}.jsonl").read_text(encoding="utf-8")

        assert "/project" in text
        assert "assay-demo" not in text
