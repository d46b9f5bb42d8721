"""The store as users meet it: real processes, real files, parallel runs, kills, damage."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import Finished, assay

FAKES = Path(__file__).parents[1] / "fakes"
POLICY = """\
version: "2.0"
tools: {deny: ["delete_*"]}
enforcement: {unconstrained_tools: allow}
"""
SUITE = """\
configVersion: 1
suite: shop
policy: policy.yaml
tests:
  - id: polite
    input: hello
    expected: {type: must_contain, must_contain: [thank]}
  - id: shaped
    input: data
    expected: {type: json_schema, schema_file: shape.json}
"""
TRACE = (
    '{"prompt":"hello","response":"thank you","tool":"refund","args":{"amount":5}}\n{"prompt":"data","response":"{}"}\n'
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "shape.json").write_text('{"type": "object"}')
    (tmp_path / "t.jsonl").write_text(TRACE)
    return tmp_path


def run(project: Path, *words: str | Path, **environment: str) -> Finished:
    return assay("run", "t.jsonl", *words, cwd=project, environment=environment)


def document(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "run.json").read_bytes())
    return loaded


def statuses(folder: Path) -> dict[str, str]:
    return {
        row["test_id"]: row["status"] for row in document(folder)["results"] if not row["test_id"].startswith("policy:")
    }


def kept(project: Path, *words: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(assay("runs", "list", "--format", "json", *words, cwd=project).out)["runs"]
    return runs


def fail(project: Path) -> None:
    (project / "t.jsonl").write_text(TRACE.replace("thank", "no"))


class TestKeeping:
    def test_each_run_gets_the_next_number_and_is_listed_and_shown(self, project: Path) -> None:
        run(project)
        assert document(project)["run_id"] == 1
        fail(project)
        run(project)
        assert document(project)["run_id"] == 2

        assert [(each["id"], each["status"], each["reason_code"]) for each in kept(project)] == [
            (2, "failed", "E_TEST_FAILED"),
            (1, "passed", ""),
        ]
        shown = assay("runs", "show", cwd=project)
        assert "run 2: failed E_TEST_FAILED: 1 test(s) failed" in shown.out
        assert "fail     polite 0.00  failed: must_contain" in shown.out
        first, second = (
            json.loads(assay("runs", "show", at, "--format", "json", cwd=project).out)["results"] for at in "12"
        )
        assert [row["test_id"] for row in first] == ["policy:line-1", "policy:line-2", "polite", "shaped"]
        assert first[2]["fingerprint"] != second[2]["fingerprint"]
        assert first[3]["fingerprint"] == second[3]["fingerprint"]

    def test_runs_that_are_not_there_are_told(self, project: Path) -> None:
        nothing = assay("runs", "list", cwd=project)
        assert (nothing.exit_code, "E_PATH_NOT_FOUND" in nothing.err) == (2, True)
        run(project)
        for word in ("9", "x", "\u0663"):
            missing = assay("runs", "show", word, cwd=project)
            assert (missing.exit_code, "E_UNKNOWN_CODE" in missing.err) == (2, True)

    def test_equal_inputs_give_equal_bytes_under_a_source_date(self, project: Path) -> None:
        documents = []
        for _ in range(2):
            run(project, SOURCE_DATE_EPOCH="0")
            documents.append((project / "run.json").read_bytes())

        assert documents[0] == documents[1]
        assert document(project)["run_id"] == 0
        assert [each["started_at"] for each in kept(project)] == ["1970-01-01T00:00:00.000Z"] * 2

    def test_validate_and_store_none_keep_nothing(self, project: Path) -> None:
        assay("validate", "t.jsonl", cwd=project)
        run(project, "--store", "none")

        assert not (project / ".assay").exists()
        assert document(project)["run_id"] == 0

    def test_the_store_lies_beside_the_suite_from_every_folder_below(self, project: Path) -> None:
        below = project / "a" / "b"
        below.mkdir(parents=True)

        done = assay("run", "../../t.jsonl", cwd=below)

        assert done.exit_code == 0, done.err
        assert (project / ".assay" / "assay.db").exists()
        assert len(kept(below)) == 1

    def test_episodes_are_kept_when_asked_for(self, project: Path) -> None:
        run(project)
        run(project, "--store", "episodes")

        shown = [json.loads(assay("runs", "show", str(at), "--format", "json", cwd=project).out) for at in (1, 2)]
        assert [each["episodes"] for each in shown] == [[], ["line-1", "line-2"]]

    def test_pyproject_and_environment_name_the_store(self, project: Path) -> None:
        (project / "pyproject.toml").write_text('[tool.assay]\ndb = "kept/here.db"\n')
        run(project)
        assert (project / "kept" / "here.db").exists()

        run(project, ASSAY_DB="there.db")
        assert (project / "there.db").exists()
        assert not (project / ".assay").exists()

    def test_an_error_after_the_suite_was_read_is_kept_as_one(self, project: Path) -> None:
        (project / "t.jsonl").write_text("{broken\n")

        done = run(project)

        assert done.exit_code == 2
        assert [(each["status"], each["reason_code"]) for each in kept(project)] == [("error", "E_TRACE_FORMAT")]

    def test_a_report_that_cannot_be_written_corrects_the_kept_verdict(self, project: Path) -> None:
        done = run(project, "--out-dir", "t.jsonl/out")

        assert done.exit_code == 3
        assert [(each["status"], each["reason_code"]) for each in kept(project)] == [("error", "E_REPORT_FAILED")]

    @pytest.mark.parametrize("words", [["--incremental"], ["--quarantine-mode", "strict"]])
    def test_what_needs_the_store_is_refused_without_one(self, project: Path, words: list[str]) -> None:
        done = run(project, "--store", "none", *words)

        assert (done.exit_code, document(project)["reason_code"]) == (2, "E_INVALID_ARGS")

    @pytest.mark.parametrize("words", [["--no-cache", "--refresh-cache"], ["--db", ":memory:"]])
    def test_words_that_contradict_are_refused(self, project: Path, words: list[str]) -> None:
        assert (run(project, *words).exit_code, document(project)["reason_code"]) == (2, "E_INVALID_ARGS")

    def test_a_listener_that_cannot_redact_keeps_every_record_out(self, project: Path) -> None:
        done = run(project, "--store", "episodes", PYTHONPATH=str(FAKES / "failing_redactor"))

        assert "record(s) of this run are not in the store" in done.err
        shown = json.loads(assay("runs", "show", "--format", "json", cwd=project).out)
        assert (shown["results"], shown["episodes"]) == ([], [])
        assert b"thank" not in (project / ".assay" / "assay.db").read_bytes()


class TestTrouble:
    def damage(self, project: Path) -> bytes:
        (project / ".assay").mkdir(exist_ok=True)
        (project / ".assay" / "assay.db").write_bytes(b"precious, and no database")
        return (project / ".assay" / "assay.db").read_bytes()

    def test_a_store_that_is_none_turns_a_pass_into_3_and_is_left_alone(self, project: Path) -> None:
        before = self.damage(project)

        done = run(project)

        assert (done.exit_code, document(project)["reason_code"]) == (3, "E_STORE_INVALID")
        assert "error[E_STORE_INVALID]" in done.err
        assert set(statuses(project).values()) == {"pass"}
        assert (project / ".assay" / "assay.db").read_bytes() == before

    def test_a_failure_stays_one_and_the_store_is_named_all_the_same(self, project: Path) -> None:
        self.damage(project)
        fail(project)

        done = run(project)

        assert (done.exit_code, document(project)["reason_code"]) == (1, "E_TEST_FAILED")
        assert "error[E_STORE_INVALID]" in done.err

    def test_a_named_place_that_cannot_be_written_is_3(self, project: Path) -> None:
        done = run(project, "--db", "t.jsonl/assay.db")

        assert (done.exit_code, document(project)["reason_code"]) == (3, "E_STORE_FAILED")

    def test_a_default_place_that_cannot_be_made_is_said_and_no_error(self, project: Path) -> None:
        (project / ".assay").write_text("a file where the folder would be")

        done = run(project)

        assert (done.exit_code, document(project)["run_id"]) == (0, 0)
        assert "W_STORE_UNAVAILABLE" in done.err

    def test_a_trace_is_never_taken_for_a_store(self, project: Path) -> None:
        done = run(project, "--db", "t.jsonl")

        assert done.exit_code == 3
        assert (project / "t.jsonl").read_text() == TRACE

    def test_a_store_of_a_newer_assay_is_3(self, project: Path) -> None:
        run(project)
        with closing(sqlite3.connect(project / ".assay" / "assay.db")) as database:
            database.execute("PRAGMA user_version = 99")

        assert (run(project).exit_code, document(project)["reason_code"]) == (3, "E_STORE_VERSION")

    def test_parallel_runs_are_all_kept(self, project: Path) -> None:
        command = [sys.executable, "-m", "assay_core", "run", "t.jsonl", "-q", "--store", "episodes", "--out-dir"]
        started = [
            subprocess.Popen([*command, f"out{at}"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for at in range(5)
        ]
        ended = [(process.communicate()[0], process.returncode) for process in started]

        assert [code for _, code in ended] == [0] * 5, ended
        numbers = sorted(document(project / f"out{at}")["run_id"] for at in range(5))
        assert numbers == [1, 2, 3, 4, 5]
        assert {each["status"] for each in kept(project)} == {"passed"}

    def test_runs_killed_at_any_moment_lose_nothing_that_was_reported(self, project: Path) -> None:
        rng = random.Random(3)
        (project / "t.jsonl").write_text(
            TRACE + "".join(f'{{"prompt":"p{at}","response":"r","tool":"t","args":{{}}}}\n' for at in range(3_000))
        )
        reported = set()
        for turn in range(30 if os.environ.get("ASSAY_NIGHTLY") else 6):
            folder = project / f"out{turn}"
            command = [sys.executable, "-m", "assay_core", "run", "t.jsonl", "-q", "--store", "episodes"]
            process = subprocess.Popen(
                [*command, "--out-dir", folder.name], cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(rng.uniform(0.2, 0.9))
            process.kill()
            process.wait()
            if (folder / "run.json").exists():
                reported.add(document(folder)["run_id"])
            if (project / ".assay" / "assay.db").exists():
                with closing(sqlite3.connect(project / ".assay" / "assay.db")) as database:
                    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        done = run(project, "-q")

        assert done.exit_code == 0, done.err
        finished = {each["id"]: each["counts"]["total"] for each in kept(project) if each["status"] == "passed"}
        assert reported | {document(project)["run_id"]} <= set(finished)
        assert set(finished.values()) == {3_004}


class TestIncremental:
    def test_a_test_that_passed_with_the_same_inputs_is_skipped_and_announced(self, project: Path) -> None:
        run(project)

        done = run(project, "--incremental")

        assert done.exit_code == 0
        assert statuses(project) == {"polite": "skipped", "shaped": "skipped"}
        assert "W_INCREMENTAL: 2 of 2" in str(document(project)["warnings"])
        skip = next(row for row in document(project)["results"] if row["test_id"] == "polite")
        assert skip["message"] == "skipped: fingerprint match"
        assert (skip["details"]["skip"]["previous_run_id"], skip["details"]["skip"]["previous_score"]) == (1, 1.0)

    def test_a_run_in_which_all_is_skipped_is_no_run_without_checks(self, project: Path) -> None:
        (project / "eval.yaml").write_text(SUITE.replace("policy: policy.yaml", "policy: null"))
        run(project)

        assert (run(project, "--incremental").exit_code, document(project)["reason_code"]) == (0, "")

    def test_refreshing_the_cache_skips_nothing(self, project: Path) -> None:
        run(project)

        run(project, "--incremental", "--refresh-cache")

        assert set(statuses(project).values()) == {"pass"}

    def test_a_failure_is_measured_again(self, project: Path) -> None:
        fail(project)
        run(project)

        assert run(project, "--incremental").exit_code == 1
        assert statuses(project) == {"polite": "fail", "shaped": "skipped"}

    @pytest.mark.parametrize(
        ("change", "again"),
        [
            (lambda p: _edit(p / "t.jsonl", '"amount":5', '"amount":6'), {"polite"}),
            (lambda p: _edit(p / "t.jsonl", '"tool":"refund"', '"tool":"refund2"'), {"polite"}),
            (lambda p: _edit(p / "t.jsonl", "thank you", "thank you!"), {"polite"}),
            (lambda p: _edit(p / "eval.yaml", "[thank]", "[you]"), {"polite"}),
            (lambda p: (p / "shape.json").touch(), set()),
            (lambda p: _edit(p / "shape.json", '{"type"', '{"minProperties": 0, "type"'), {"shaped"}),
            (lambda p: _edit(p / "policy.yaml", "delete_*", "drop_*"), {"polite", "shaped"}),
            (lambda p: _edit(p / "eval.yaml", "tests:", "thresholds: {min_score: 0.1}\ntests:"), {"polite", "shaped"}),
            (lambda p: _edit(p / "eval.yaml", "suite: shop", "suite: shop2"), {"polite", "shaped"}),
        ],
        ids=["argument", "tool", "response", "option", "nothing", "file", "policy", "threshold", "suite"],
    )
    def test_whatever_can_change_a_verdict_has_it_measured_again(
        self, project: Path, change: Callable[[Path], None], again: set[str]
    ) -> None:
        run(project)
        change(project)

        run(project, "--incremental")

        assert {test for test, status in statuses(project).items() if status == "pass"} == again

    def test_another_version_of_a_plugin_has_its_tests_measured_again(self, project: Path, tmp_path: Path) -> None:
        path = tmp_path / "site"
        _fake_metric(path, "1.0")
        (project / "eval.yaml").write_text(SUITE + "  - {id: own, input: hello, expected: {type: acme.fine}}\n")
        assert run(project, PYTHONPATH=str(path)).exit_code == 0

        for version, status in (("1.0", "skipped"), ("1.1", "pass")):
            _fake_metric(path, version)
            run(project, "--incremental", PYTHONPATH=str(path))
            assert statuses(project)["own"] == status
            assert statuses(project)["polite"] == "skipped"


class TestCache:
    def computed(self, project: Path, path: Path, *words: str) -> int:
        """Run once and return how often the metric computed anew."""
        (project / "counted").unlink(missing_ok=True)
        done = run(project, *words, PYTHONPATH=str(path))
        assert done.exit_code == 0, done.err
        return len((project / "counted").read_text()) if (project / "counted").exists() else 0

    def test_what_costs_something_is_kept_until_it_is_refreshed_or_switched_off(
        self, project: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "site"
        _fake_metric(path, "1.0")
        (project / "eval.yaml").write_text(SUITE + "  - {id: own, input: hello, expected: {type: acme.fine}}\n")

        counts = [self.computed(project, path, *words) for words in ([], [], ["--no-cache"], ["--refresh-cache"], [])]
        assert counts == [1, 0, 1, 1, 0]
        _edit(project / "eval.yaml", "policy: policy.yaml", "policy: policy.yaml\nsettings: {cache: false}")
        assert self.computed(project, path) == 1

    def test_a_metric_that_varies_is_measured_again_and_around_the_cache(self, project: Path, tmp_path: Path) -> None:
        path = tmp_path / "site"
        _fake_metric(path, "1.0")
        (project / "eval.yaml").write_text(SUITE + "  - {id: own, input: hello, expected: {type: acme.moody}}\n")

        assert run(project, PYTHONPATH=str(path)).exit_code == 1
        (project / "counted").unlink()
        done = run(project, "--rerun-failures", "2", "--no-cache", PYTHONPATH=str(path))

        assert (done.exit_code, statuses(project)["own"]) == (0, "flaky")


class TestQuarantine:
    def test_a_quarantined_failure_warns_until_it_is_released(self, project: Path) -> None:
        fail(project)
        words = ("--reason", "the greeting varies", "--owner", "ada", "--expires", "2999-01-01")
        added = assay("quarantine", "add", "polite", *words, cwd=project)
        assert (added.exit_code, "quarantined polite of suite shop until 2999-01-01" in added.out) == (0, True)

        done = run(project)

        assert (done.exit_code, statuses(project)["polite"]) == (0, "warn")
        assert "W_QUARANTINE_APPLIED" in done.err
        row = next(row for row in document(project)["results"] if row["test_id"] == "polite")
        assert row["message"].startswith("quarantined: the greeting varies (today, ada, until 2999-01-01); was fail")
        assert run(project, "--quarantine-mode", "off").exit_code == 1
        assert assay("quarantine", "remove", "polite", cwd=project).exit_code == 0
        assert run(project).exit_code == 1

    def test_strict_fails_a_quarantined_test_that_passes(self, project: Path) -> None:
        assay("quarantine", "add", "polite", "--reason", "r", cwd=project)

        done = run(project, "--quarantine-mode", "strict")

        assert (done.exit_code, statuses(project)["polite"]) == (1, "fail")
        assert "E_QUARANTINED" in (project / "run.json").read_text()

    def test_the_list_tells_age_and_expiry(self, project: Path) -> None:
        assert assay("quarantine", "list", cwd=project).out == "nothing is quarantined\n"
        assay(
            "quarantine",
            "add",
            "polite",
            "--reason",
            "r",
            "--expires",
            "1970-01-03",
            cwd=project,
            environment={"SOURCE_DATE_EPOCH": "0"},
        )

        listed = json.loads(assay("quarantine", "list", "--format", "json", cwd=project).out)["quarantine"]
        assert [(each["test_id"], each["expired"], each["age_days"] > 20_000) for each in listed] == [
            ("polite", True, True)
        ]
        assert "EXPIRED 1970-01-03" in assay("quarantine", "list", cwd=project).out
        assert "W_QUARANTINE_EXPIRED" in run(project).err

    def test_a_test_that_left_the_suite_is_reported(self, project: Path) -> None:
        assay("quarantine", "add", "polite", "--reason", "r", cwd=project)
        _edit(project / "eval.yaml", "id: polite", "id: kind")

        assert "W_QUARANTINE_UNKNOWN" in run(project).err

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["add", "polit", "--reason", "r"], "E_UNKNOWN_CODE"),
            (["add", "policy:line-1", "--reason", "r"], "E_INVALID_ARGS"),
            (["add", "polite", "--reason", " "], "E_INVALID_ARGS"),
            (["add", "polite", "--reason", "r", "--expires", "tomorrow"], "E_INVALID_ARGS"),
            (["add", "polite", "--reason", "r", "--expires", "2001-01-01"], "E_INVALID_ARGS"),
            (["remove", "polite"], "E_UNKNOWN_CODE"),
            (["add", "polite", "--reason", "r", "--config", "none.yaml"], "E_MISSING_CONFIG"),
        ],
    )
    def test_words_that_make_no_sense_are_refused_and_nothing_is_made(
        self, project: Path, words: list[str], code: str
    ) -> None:
        done = assay("quarantine", *words, cwd=project)

        assert (done.exit_code, code in done.err) == (2, True), done.err
        assert not (project / ".assay").exists()


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _fake_metric(folder: Path, version: str) -> None:
    """Install two metrics: one that computes through the cache, one that fails every other time."""
    for old in folder.glob("*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = folder / f"acme_fine-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: acme-fine\nVersion: {version}\nRequires-Dist: assay-core<2,>=1.0.0a1\n"
    )
    (info / "entry_points.txt").write_text(
        "[assay.metrics]\nacme.fine = acme_fine:Fine\nacme.moody = acme_fine:Moody\n"
    )
    (folder / "acme_fine.py").write_text("""
import attrs, pathlib
from assay_core.model import Finding, MetricResult, Outcome

@attrs.frozen(kw_only=True)
class Options:
    pass

def count():
    with pathlib.Path("counted").open("a") as stream:
        stream.write("x")
    return pathlib.Path("counted").stat().st_size

class Fine:
    types = {"acme.fine": Options}
    needs_episode, pure, blocking, needs = True, False, False, frozenset()
    def prepare(self, expectation, context):
        return FineCheck(context.cache)

class FineCheck:
    def __init__(self, cache):
        self.cache = cache
    def measure(self, episodes):
        if self.cache.get("acme") is None:
            count()
            self.cache.put("acme", b"1")
        return [MetricResult(outcome=Outcome.HELD) for _ in episodes]

class Moody:
    types = {"acme.moody": Options}
    needs_episode, pure, blocking, needs = True, False, False, frozenset()
    def prepare(self, expectation, context):
        return MoodyCheck()

class MoodyCheck:
    def measure(self, episodes):
        bad = MetricResult(outcome=Outcome.VIOLATED, findings=(Finding(code="E_TEXT_MISSING", message="moody"),))
        return [MetricResult(outcome=Outcome.HELD) if count() % 2 == 0 else bad for _ in episodes]
""")


def test_prune_removes_old_runs_and_says_so(project: Path) -> None:
    for _ in range(3):
        assert run(project).exit_code == 0
    (project / "report.json").write_text("{}")

    nothing = assay("runs", "prune", cwd=project)
    dry = assay("runs", "prune", "--keep", "1", "--dry-run", cwd=project)
    done = assay("runs", "prune", "--keep", "1", "--format", "json", cwd=project)
    over = assay("runs", "prune", "--keep", "1", "--format", "json", "--output", ".assay/assay.db", cwd=project)

    assert (nothing.exit_code, "E_INVALID_ARGS" in nothing.err) == (2, True)
    assert dry.out.startswith("would remove 2 runs, kept 1\n")
    assert {key: json.loads(done.out)[key] for key in ("removed", "kept", "needed", "dry_run")} == {
        "removed": [1, 2],
        "kept": 1,
        "needed": [],
        "dry_run": False,
    }
    assert "E_OUTPUT_IS_INPUT" in over.err
    assert "3  " in assay("runs", "list", cwd=project).out


def test_prune_of_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    done = assay("runs", "prune", "--keep", "1", cwd=tmp_path)

    assert (done.exit_code, "E_PATH_NOT_FOUND" in done.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
