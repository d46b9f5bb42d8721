"""Runs with plugins that misbehave: what the user sees, and that nobody else suffers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay_core.testing import fake_dist
from tests.e2e.command import Finished, assay

FAKES = Path(__file__).parents[1] / "fakes"
SUITE = """\
configVersion: 1
suite: shop
policy: null
tests:
  - id: polite
    input: hello
    expected: [{type: must_contain, must_contain: [thank]}%s]
"""
TRACE = '{"prompt":"hello","response":"thank you","tool":"refund","args":{"amount":5}}\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "eval.yaml").write_text(SUITE % "")
    (tmp_path / "trace.jsonl").write_text(TRACE)
    return tmp_path


def run(project: Path, *words: str, cases: tuple[str | Path, ...] = (), metric: str = "") -> Finished:
    """Run the suite with fakes on the path, one of their metrics named beside the suite's own."""
    if metric:
        (project / "eval.yaml").write_text(SUITE % f", {{type: {metric}}}")
    path = os.pathsep.join(str(FAKES / case) for case in cases)
    return assay("run", "trace.jsonl", *words, cwd=project, environment={"PYTHONPATH": path})


def document(project: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((project / "run.json").read_bytes())
    return loaded


def test_a_name_with_its_distribution_runs_where_names_collide(project: Path) -> None:
    done = run(project, cases=("colliding",), metric="acme.clash@acme-two")

    assert done.exit_code == 0, done.err
    assert document(project)["reason_code"] == ""


def test_colliding_names_tell_how_to_choose(project: Path) -> None:
    done = run(project, cases=("colliding",), metric="acme.clash")

    assert done.exit_code == 2
    assert "acme.clash@acme-one or acme.clash@acme-two" in done.err


@pytest.mark.parametrize("metric", ["acme.exiting", "acme.at-import"])
def test_a_plugin_that_ends_the_process_is_no_pass(project: Path, metric: str) -> None:
    done = run(project, cases=("exiting",), metric=metric)

    assert done.exit_code == 2
    assert "acme-exiting 1.0" in done.err
    assert document(project)["exit_code"] == 2


def test_a_denied_plugin_is_refused_naming_the_rule(project: Path) -> None:
    (project / "eval.yaml").write_text(SUITE % "" + "plugins: {deny: [assay-metric-standard]}\n")

    denied = run(project)

    assert (denied.exit_code, document(project)["reason_code"]) == (2, "E_PLUGIN_DENIED")
    assert "plugins.deny" in denied.err


@pytest.mark.parametrize("command", ["run", "validate", "plugins"])
def test_nothing_imports_a_plugin_that_is_not_named(project: Path, command: str) -> None:
    words = [command, *(["trace.jsonl"] if command != "plugins" else ["list"])]
    path = os.pathsep.join(str(FAKES / case) for case in ("slow", "broken", "heavy", "commands", "exiting"))

    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "assay_core", *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path, "ASSAY_PLUGINS": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    imported = [line for line in done.stderr.splitlines() if line.startswith("import time:") and "acme_" in line]
    assert imported == []


def test_a_failing_listener_changes_no_verdict_and_is_told(project: Path) -> None:
    quiet, loud = run(project), run(project, cases=("listeners",))

    assert (quiet.exit_code, loud.exit_code) == (0, 0)
    assert "acme-bomb 1.0" not in quiet.err
    assert "W_HOOK_FAILED" in loud.err
    assert "acme-bomb 1.0" in loud.err


def test_a_failing_reporter_turns_a_pass_into_3_and_the_others_are_written(project: Path) -> None:
    source = (
        "class Reporter:\n"
        "    default_output = 'broken.txt'\n"
        "    appends = False\n"
        "    def report(self, run, outputs):\n"
        "        with outputs.open() as sink:\n"
        "            sink.write(b'half')\n"
        "            raise ZeroDivisionError\n"
    )
    site = fake_dist(
        project / "site", "acme-torn", {"assay.reporters": {"acme.torn": "torn:Reporter"}}, {"torn": source}
    )

    done = run(project, "--report", "acme.torn", "--report", "junit", cases=(site,))

    assert done.exit_code == 3
    assert "acme-torn 1.0" in done.err
    assert document(project)["reason_code"] == "E_REPORT_FAILED"
    assert (project / "junit.xml").is_file()
    assert not (project / "broken.txt").exists()


def test_a_failing_reporter_hides_no_failed_test(project: Path) -> None:
    (project / "trace.jsonl").write_text(TRACE.replace("thank you", "no"))
    source = (
        "class Reporter:\n"
        "    default_output = 'x'\n"
        "    appends = False\n"
        "    def report(self, run, outputs): raise OSError\n"
    )
    site = fake_dist(
        project / "site", "acme-torn", {"assay.reporters": {"acme.torn": "torn:Reporter"}}, {"torn": source}
    )

    assert run(project, "--report", "acme.torn", cases=(site,)).exit_code == 1


def test_a_fault_of_a_check_plugin_denies_and_names_it(project: Path) -> None:
    source = """
class Check:
    keys = {"acme.words": None}
    codes = ()
    def compile(self, section, context):
        raise IndexError("no words")
"""
    site = fake_dist(project / "site", "acme-words", {"assay.checks": {"acme.words": "words:Check"}}, {"words": source})
    (project / "policy.yaml").write_text('version: "2.0"\nname: p\ntools: {deny: [x]}\nacme.words: [a]\n')
    (project / "eval.yaml").write_text((SUITE % "").replace("policy: null", "policy: policy.yaml"))

    done = run(project, cases=(site,))

    assert (done.exit_code, document(project)["reason_code"]) == (2, "E_PLUGIN_FAULT"), done.err
    assert "acme-words 1.0" in done.err


def test_a_policy_key_whose_plugin_is_missing_is_refused(project: Path) -> None:
    (project / "policy.yaml").write_text('version: "2.0"\nname: p\ntools: {deny: [x]}\nacme.words: [a]\n')
    (project / "eval.yaml").write_text((SUITE % "").replace("policy: null", "policy: policy.yaml"))

    done = run(project)

    assert done.exit_code == 2
    assert "acme.words" in done.err
