"""Baselines as users meet them: recorded, compared, and not crying wolf."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.e2e.command import Finished, assay
from tests.vectors import vectors_dir

pytest.importorskip("assay_metric_standard", reason="the suites here use its checks")

SUITE = """\
configVersion: 1
suite: shop
policy: null
tests:
  - id: parcel
    input: where
    expected: {type: must_contain, must_contain: [Utrecht]}
  - id: polite
    input: hello
    expected: {type: must_contain, must_contain: [welcome]}
"""
FIXED = {"SOURCE_DATE_EPOCH": "1700000000"}
Calls = Sequence[tuple[str, dict[str, Any]]]


def record(prompt: str, response: str, calls: Calls = ()) -> str:
    body: dict[str, Any] = {"prompt": prompt, "response": response}
    if calls:
        body["tool_calls"] = [{"tool_name": tool, "args": args} for tool, args in calls]
    return json.dumps(body) + "\n"


def trace(folder: Path, name: str, good: int, bad: int, calls: Calls = (("lookup", {"id": "1"}),)) -> str:
    lines = [record("where", "in Utrecht", calls)] * good + [record("where", "who knows", calls)] * bad
    (folder / name).write_text("".join([*lines, record("hello", "welcome")]))
    return name


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with traces, one run in its store, and the baseline of that run."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "eval.yaml").write_text(SUITE)
    trace(folder, "good.jsonl", 10, 0)
    trace(folder, "shaky.jsonl", 9, 1)
    trace(folder, "worse.jsonl", 4, 6)
    exported(folder)
    return folder


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "project")


def run(project: Path, *words: str | Path, **environment: str) -> Finished:
    return assay("run", *words, cwd=project, environment=environment)


def document(folder: Path, name: str = "run.json") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / name).read_bytes())
    return loaded


def exported(project: Path, *words: str) -> Path:
    done = run(project, *(words or ("good.jsonl",)), "--export-baseline", "base.json")
    assert done.exit_code == 0, done.err
    return project / "base.json"


def test_a_baseline_is_the_same_bytes_for_the_same_run(project: Path) -> None:
    for name in ("one.json", "two.json"):
        assert run(project, "good.jsonl", "--export-baseline", name, **FIXED).exit_code == 0

    assert (project / "one.json").read_bytes() == (project / "two.json").read_bytes()
    assert document(project, "one.json")["created_at"] == "2023-11-14T22:13:20+00:00"


def test_rows_of_the_policy_are_no_part_of_a_baseline(project: Path) -> None:
    (project / "policy.yaml").write_text('version: "2.0"\ntools: {deny: [refund]}\n')
    (project / "eval.yaml").write_text(SUITE.replace("policy: null", "policy: policy.yaml"))
    run(project, "good.jsonl", "--export-baseline", "base.json")

    assert any(row["test_id"].startswith("policy:") for row in document(project)["results"])
    body = document(project, "base.json")
    assert {each["test_id"] for each in body["entries"]} == {"parcel", "polite"} == {*body["x-assay"]["tests"]}


def test_an_unchanged_run_passes(project: Path) -> None:

    done = run(project, "good.jsonl", "--baseline", "base.json", "--strict")

    assert (done.exit_code, "W_" in done.err) == (0, False)
    assert document(project)["baseline"]["compared"] == 2
    assert document(project, "summary.json")["provenance"]["baseline_digest"].startswith("sha256:")


def test_a_regression_is_exit_1_with_a_table_and_findings_everywhere(project: Path) -> None:

    done = run(
        project, "worse.jsonl", "--baseline", "base.json", "--sarif", "--junit", "--report", "markdown=report.md"
    )

    assert done.exit_code == 1
    assert "before   after    delta" in done.out
    assert " 1.000   0.400   -0.600  regression" in done.out
    assert "FAIL E_BASELINE_REGRESSION: 1 test(s) fell below the baseline" in done.out
    summary = document(project, "summary.json")
    assert (summary["reason_code"], summary["baseline"]["regressions"]) == ("E_BASELINE_REGRESSION", 1)
    (fell,) = document(project)["baseline"]["regressions"]
    assert (fell["test_id"], fell["metric"], fell["delta"]) == ("parcel", "must_contain", pytest.approx(-0.6))
    assert fell["statistics"]["candidate"] == {
        "passed": 4, "attempts": 10, "interval_95": [0.121552, 0.737622], "pass_k": pytest.approx(1 / 210, abs=1e-6),
    }  # fmt: skip
    assert "E_BASELINE_REGRESSION" in (project / "sarif.json").read_text()
    assert 'type="E_BASELINE_REGRESSION"' in (project / "junit.xml").read_text()
    assert "| `parcel` | `must_contain` | 1.000 | 0.400 | -0.600 | ❌ regression |" in (
        project / "report.md"
    ).read_text(encoding="utf-8")


def test_a_drop_that_may_be_chance_is_exit_0_with_a_notice_and_1_under_strict(project: Path) -> None:

    done = run(project, "shaky.jsonl", "--baseline", "base.json")
    strict = run(project, "shaky.jsonl", "--baseline", "base.json", "--strict")

    assert done.exit_code == 0
    assert "W_BASELINE_INCONCLUSIVE" in done.err
    assert "about 45 attempts on each side would settle it" in done.out
    assert (strict.exit_code, "E_STRICT" in strict.out) == (1, True)
    assert run(project, "shaky.jsonl").exit_code == 1  # without a baseline attempts that disagree block


def test_a_shaky_test_that_stays_as_shaky_passes(project: Path) -> None:
    shaky = run(project, "shaky.jsonl", "--export-baseline", "base.json")

    done = run(project, "shaky.jsonl", "--baseline", "base.json")

    assert (shaky.exit_code, "W_BASELINE_WRITTEN" in shaky.err) == (1, True)
    assert (done.exit_code, document(project)["baseline"]["inconclusive"]) == (0, [])


def test_another_behaviour_is_told_and_fails_under_strict_alone(project: Path) -> None:
    trace(project, "other.jsonl", 10, 0, [("refund", {"amount": 5}), ("lookup", {"id": 1, "why": "x"})])

    done = run(project, "other.jsonl", "--baseline", "base.json")
    strict = run(project, "other.jsonl", "--baseline", "base.json", "--strict")

    assert (done.exit_code, strict.exit_code) == (0, 1)
    kinds = [(each["kind"], each["tool"]) for each in document(project)["baseline"]["behaviour"]]
    assert kinds == [("tool_new", "refund"), ("arguments", "lookup")]
    for code in ("W_BEHAVIOUR_TOOLS", "W_BEHAVIOUR_ARGUMENTS"):
        assert code in done.out


def test_another_order_of_calls_is_told(project: Path) -> None:
    trace(project, "ab.jsonl", 1, 0, [("lookup", {}), ("refund", {})])
    trace(project, "ba.jsonl", 1, 0, [("refund", {}), ("lookup", {})])
    exported(project, "ab.jsonl")

    done = run(project, "ba.jsonl", "--baseline", "base.json")

    assert (done.exit_code, "W_BEHAVIOUR_ORDER" in done.out) == (0, True)


def test_new_missing_and_renamed_tests_are_told(project: Path) -> None:
    suite = SUITE.replace("id: parcel", "id: where-is-it").replace("id: polite", "id: thanks").replace("hello", "where")
    (project / "eval.yaml").write_text(suite.replace("[welcome]", "[in]"))

    done = run(project, "good.jsonl", "--baseline", "base.json")

    assert done.exit_code == 0
    found = document(project)["baseline"]
    assert found["renamed_tests"] == [{"before": "parcel", "after": "where-is-it"}]
    assert found["new_tests"] == ["thanks (metric: must_contain)"]
    assert found["missing_tests"] == ["polite (metric: must_contain)"]
    assert "W_BASELINE_TESTS" in done.err
    assert "W_BASELINE_STALE" in done.err  # the suite's file is another one now


def scored(project: Path, name: str, similarity: float) -> str:
    other = (1 - similarity * similarity) ** 0.5
    vectors = {"model": "m", "response": [similarity, other], "reference": [1.0, 0.0]}
    body = {"prompt": "hello", "response": "hi", "meta": {"assay": {"embeddings": vectors}}}
    (project / name).write_text(json.dumps(body) + "\n")
    return name


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    pytest.importorskip("assay_metric_embedding", reason="the suite here uses its check")
    write_scores(tmp_path)
    scored(tmp_path, "high.jsonl", 0.95)
    scored(tmp_path, "low.jsonl", 0.85)
    exported(tmp_path, "high.jsonl")
    return tmp_path


def write_scores(folder: Path, *, check: str = "", test: str = "", settings: str = "{}") -> None:
    (folder / "eval.yaml").write_text(
        f"configVersion: 1\nsuite: scores\npolicy: null\nsettings: {settings}\ntests:\n"
        "  - id: greets\n    input: hello\n"
        f"{test}    expected: {{type: semantic_similarity_to, semantic_similarity_to: hi, min_score: 0.5{check}}}\n"
    )


@pytest.mark.parametrize(
    ("written", "words", "code"),
    [
        ({}, (), 1),  # 0.05 by default
        ({}, ("--max-drop", "0.2"), 0),
        ({"settings": "{thresholding: {max_drop: 0.2}}"}, (), 0),
        ({"settings": "{thresholding: {max_drop: 0.2}}"}, ("--max-drop", "0.01"), 1),
        ({"settings": "{thresholding: {max_drop: 0.01}}", "test": "    thresholding: {max_drop: 0.2}\n"}, (), 0),
        ({"test": "    thresholding: {max_drop: 0.01}\n", "check": ", thresholding: {max_drop: 0.2}"}, (), 0),
        ({"check": ", thresholding: {max_drop: 0.2}"}, ("--max-drop", "0.01"), 0),  # the nearest says
        ({"settings": "{thresholding: {mode: absolute}}"}, (), 0),
        ({"settings": "{thresholding: {mode: absolute}}"}, ("--max-drop", "0.05"), 1),
    ],
)  # fmt: skip
def test_the_nearest_max_drop_counts(scores: Path, written: dict[str, str], words: tuple[str, ...], code: int) -> None:
    write_scores(scores, **written)

    done = run(scores, "low.jsonl", "--baseline", "base.json", *words)

    assert done.exit_code == code, done.out + done.err
    absolute = "absolute" in written.get("settings", "") and not words
    assert ("W_BASELINE_ABSOLUTE" in done.err) is absolute
    checked = assay("baseline", "check", "base.json", *words, cwd=scores)
    assert checked.exit_code == code, checked.out + checked.err


def test_a_floor_holds_with_and_without_a_baseline(scores: Path) -> None:
    for written in ({"settings": "{thresholding: {min_floor: 0.9}}"}, {"check": ", thresholding: {min_floor: 0.9}"}):
        write_scores(scores, **written)
        low = run(scores, "low.jsonl")
        assert (low.exit_code, "E_SCORE_FLOOR" in low.out) == (1, True)
        assert assay("validate", "low.jsonl", cwd=scores).exit_code == 1
        assert run(scores, "high.jsonl").exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settings: {thresholding: {mode: sometimes}}", "mode"),
        ("settings: {thresholding: {max_drop: 2}}", "at most 1"),
        ("settings: {thresholding: {min_floor: -1}}", "at least 0"),
    ],
)
def test_a_threshold_that_cannot_be_is_an_error(project: Path, text: str, message: str) -> None:
    (project / "eval.yaml").write_text(SUITE + text + "\n")

    done = run(project, "good.jsonl")

    assert (done.exit_code, message in done.err, "eval.yaml:11" in done.err) == (2, True, True), done.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--baseline", "base.json", "--export-baseline", "new.json"), "E_INVALID_ARGS"),
        (("--baseline", "nothing.json"), "E_PATH_NOT_FOUND"),
        (("--baseline", "good.jsonl"), "E_BASELINE_INVALID"),
        (("--baseline", "."), "E_PATH_NOT_FOUND"),
        (("--baseline", "base.json", "--incremental"), "E_INVALID_ARGS"),
        (("--export-baseline", "new.json", "--incremental"), "E_INVALID_ARGS"),
        (("--export-baseline", "good.jsonl"), "E_OUTPUT_IS_INPUT"),
        (("--export-baseline", "notes.txt"), "E_FILE_EXISTS"),
        (("--export-baseline", "new.json", "--report", "junit=new.json"), "E_INVALID_ARGS"),
        (("--baseline", "base.json", "--sarif", "base.json"), "E_OUTPUT_IS_INPUT"),
        (("--max-drop", "0.1"), "E_INVALID_ARGS"),
        (("--baseline", "base.json", "--max-drop", "nan"), "E_INVALID_ARGS"),
        (("--baseline", "other.json"), "E_BASE_MISMATCH"),
        (("--baseline", "empty.json"), "E_BASE_MISMATCH"),
    ],
)
def test_what_cannot_be_is_exit_2_and_changes_no_file(project: Path, words: tuple[str, ...], code: str) -> None:
    base = project / "base.json"
    (project / "notes.txt").write_text("mine")
    (project / "other.json").write_text(base.read_text().replace('"suite": "shop"', '"suite": "other"'))
    (project / "empty.json").write_text('{"schema_version": 1, "suite": "shop", "entries": []}')
    names = ("base.json", "good.jsonl", "notes.txt", "eval.yaml")
    before = [(project / name).read_bytes() for name in names]

    done = run(project, "good.jsonl", *words, "--format", "json")

    assert done.exit_code == 2
    assert json.loads(done.out)["reason_code"] == code
    assert f"error[{code}]" in done.err
    assert [(project / name).read_bytes() for name in names] == before
    assert "--report" in words or not (project / "new.json").exists()


def test_validate_compares_nothing_and_checks_the_file_and_its_suite(project: Path) -> None:
    base = project / "base.json"
    (project / "other.json").write_text(base.read_text().replace('"suite": "shop"', '"suite": "other"'))

    fine = assay("validate", "good.jsonl", "--baseline", "base.json", "--format", "json", cwd=project)
    other = assay("validate", "good.jsonl", "--baseline", "other.json", "--format", "json", cwd=project)

    assert (fine.exit_code, json.loads(fine.out)["command"]["baseline_file"]) == (0, "base.json")
    assert (other.exit_code, json.loads(other.out)["reason_code"]) == (2, "E_BASE_MISMATCH")


def test_nothing_is_recorded_of_a_run_that_could_not_be_evaluated(project: Path) -> None:
    (project / "part.jsonl").write_text(record("where", "in Utrecht"))

    before = (project / "base.json").read_bytes()

    done = run(project, "part.jsonl", "--export-baseline", "base.json")

    assert (done.exit_code, "was not written" in done.err) == (2, True)
    assert (project / "base.json").read_bytes() == before


def test_a_quarantined_regression_is_a_warning(project: Path) -> None:
    assert assay("quarantine", "add", "parcel", "--reason", "known", cwd=project).exit_code == 0

    done = run(project, "worse.jsonl", "--baseline", "base.json")

    assert (done.exit_code, "W_QUARANTINE_APPLIED" in done.err) == (0, True)


def test_stored_runs_are_recorded_and_checked(project: Path) -> None:
    (project / "base.json").unlink()
    for name in ("worse.jsonl", "shaky.jsonl"):
        run(project, name)
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q"), ("add", "eval.yaml"), (*identity, "commit", "-qm", "first")):
        subprocess.run(["git", *words], cwd=project, check=True)

    recorded = assay("baseline", "record", "1", cwd=project)

    assert (recorded.exit_code, recorded.out) == (
        0, "recorded 2 score(s) of 2 test(s) of run 1 in assay-baseline.json\n",
    )  # fmt: skip
    body = document(project, "assay-baseline.json")
    assert (body["git_info"]["author"], body["git_info"]["dirty"]) == ("Ada", False)
    assert body["config_fingerprint"].startswith("md5:")
    assert body["x-assay"]["tests"]["parcel"]["behaviour"]["tools"] == {"lookup": 10}
    latest = assay("baseline", "check", cwd=project)
    assert (latest.exit_code, "PASS: no regression in 2 score(s), 1 inconclusive" in latest.out) == (0, True)
    assert assay("baseline", "check", "--strict", cwd=project).exit_code == 1
    worse = assay("baseline", "check", "assay-baseline.json", "--run-id", "2", "--format", "json", cwd=project)
    found = json.loads(worse.out)
    assert (worse.exit_code, found["reason_code"]) == (1, "E_BASELINE_REGRESSION")
    assert {"regressions", "improvements", "new_tests", "missing_tests"} <= {*found}
    markdown = assay("baseline", "check", "--run-id", "2", "--format", "markdown", "--fail-on-regression", cwd=project)
    assert (markdown.exit_code, "| `parcel` | `must_contain` |" in markdown.out) == (1, True)
    again = run(project, "good.jsonl", "--baseline", "assay-baseline.json")
    assert again.exit_code == 0


def test_runs_that_skipped_unchanged_tests_count_with_what_they_scored(project: Path) -> None:
    run(project, "good.jsonl", "--incremental")
    assert assay("baseline", "record", "2", cwd=project).exit_code == 0

    assert [each["score"] for each in document(project, "assay-baseline.json")["entries"]] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("record", "7"), "E_RUN_NOT_FOUND"),
        (("record", "seven"), "E_INVALID_ARGS"),
        (("record", "1", "--run-id", "2"), "E_INVALID_ARGS"),
        (("record", "--suite", "other"), "E_RUN_NOT_FOUND"),
        (("record", "--db", "nothing.db"), "E_PATH_NOT_FOUND"),
        (("record", "--config", "nothing.yaml"), "E_MISSING_CONFIG"),
        (("record", "--out", "eval.yaml"), "E_OUTPUT_IS_INPUT"),
        (("record", "--out", "good.jsonl"), "E_OUTPUT_IS_INPUT"),
        (("record", "2"), "E_RUN_NOT_FOUND"),
        (("check", "nothing.json"), "E_PATH_NOT_FOUND"),
        (("check", "base.json", "--run-id", "2"), "E_RUN_NOT_FOUND"),
        (("check", "base.json", "--baseline", "other.json"), "E_INVALID_ARGS"),
        (("check", "base.json", "--suite", "other"), "E_BASE_MISMATCH"),
        (("check", "empty.json"), "E_BASE_MISMATCH"),
        (("check", "base.json", "--output", "base.json"), "E_OUTPUT_IS_INPUT"),
        (("report-it",), "E_INVALID_ARGS"),
    ],
)
def test_baseline_commands_refuse_what_cannot_be(project: Path, words: tuple[str, ...], code: str) -> None:
    (project / "empty.json").write_text('{"schema_version": 1, "suite": "shop", "entries": []}')
    (project / "bad.jsonl").write_text("{")
    run(project, "bad.jsonl")
    if words == ("check", "empty.json"):
        words = (*words, "--run-id", "1")

    done = assay("baseline", *words, cwd=project)

    assert (done.exit_code, f"error[{code}]" in done.err) == (2, True), done.err


def test_hostile_names_do_not_get_through(project: Path) -> None:
    suite = SUITE.replace("id: parcel", r'id: "\e[31m<script>|`x`\u202e"')
    (project / "eval.yaml").write_text(suite)
    exported(project)

    done = run(project, "worse.jsonl", "--baseline", "base.json", "--report", "markdown=r.md")
    checked = assay("baseline", "check", "base.json", "--format", "markdown", cwd=project)

    for text in (done.out, done.err, checked.out, (project / "r.md").read_text(encoding="utf-8")):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script>|" not in checked.out


def test_the_vectors_of_the_rust_project_are_compared(tmp_path: Path) -> None:
    vectors = vectors_dir() / "upstream" / "examples"
    for folder, name, code, ignored in (
        ("baseline-gate", "run", 0, 6),
        ("rag-grounding", "good", 0, 18),
        ("rag-grounding", "hallucination", 1, 18),
    ):
        here = vectors / folder
        words = ("run", here / "eval.yaml", here / "traces" / f"{name}.jsonl", "--baseline", here / "baseline.json")
        done = assay(*words, "--store", "none", cwd=tmp_path)
        assert (done.exit_code, document(tmp_path)["baseline"]["ignored_entries"]) == (code, ignored), done.err


def test_what_is_written_fits_its_json_schemas(project: Path) -> None:
    run(project, "worse.jsonl", "--baseline", "base.json")

    for name, file in (("baseline", "base.json"), ("run", "run.json"), ("summary", "summary.json")):
        schema = json.loads(assay("schema", name, cwd=project).out)
        jsonschema.Draft202012Validator(schema).validate(document(project, file))
