"""`assay migrate`, run as users run it: whole projects, hostile files, the proof, and the way back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay_core.cli.app import main
from tests.e2e.command import Finished, assay

for _package in ("assay_importer_jsonl", "assay_metric_standard"):
    pytest.importorskip(_package, reason=f"{_package.replace('_', '-')} is not installed here")

FAKES = Path(__file__).parents[1] / "fakes"
SUITE = """\
# how we test
suite: support   # the name
model: trace
policy: policy.yaml
tests:
  - id: city    # the answer
    input: {prompt: "hello"}
    expected:
      - must_contain: Paris
      - must_not_contain: "London"
  - id: args
    input: hello
    expected: {type: args_valid, policy: policies/tools.yaml}
  - id: order
    input: hello
    expected:
      type: sequence_valid
      policy: policies/order.yaml
"""
POLICY = """\
# version one
version: "1.0"
name: support
allow: &all ["*"]
deny: [exec]   # never
constraints:
  # only data
  - {tool: read_file, params: {path: {matches: "^/data/"}}}
"""
TRACE = {
    "prompt": "hello",
    "response": "Paris it is",
    "tool_calls": [
        {"id": "1", "tool_name": "read_file", "args": {"path": "/data/x"}},
        {"id": "2", "tool_name": "search", "args": {}},
    ],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "traces").mkdir()
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "policies" / "tools.yaml").write_text("# tools\nread_file: {type: object, required: [path]}\n")
    (tmp_path / "policies" / "order.yaml").write_text("- read_file\n- search  # last\n")
    (tmp_path / "traces" / "a.jsonl").write_text(json.dumps(TRACE) + "\n")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def report(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Run in this process; return the exit code and the one JSON document on standard output."""
    code = main(["migrate", *words, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_project_is_migrated_whole_and_loads_without_a_notice_of_old_forms(project: Path) -> None:
    done = assay("migrate", cwd=project)
    checked = assay("validate", "traces/a.jsonl", cwd=project)

    assert (done.exit_code, done.err) == (0, "")
    assert "4 decision(s) on 1 episode(s) and 2 tool call(s): all equal" in done.out
    assert checked.exit_code == 0, checked.err
    assert "W_CFG_LEGACY" not in checked.err
    assert "W_POLICY_MIGRATED" not in checked.err
    suite = (project / "eval.yaml").read_text()
    assert suite.startswith("# how we test\nconfigVersion: 1\nsuite: support   # the name\nmodel: trace\n")
    assert "      sequence:\n        - read_file\n        - search  # last\n" in suite
    policy = (project / "policy.yaml").read_text()
    assert all(text in policy for text in ("# version one", '"2.0"', "# never", "# only data", "&all", "pattern"))
    assert (project / "policies" / "order.yaml").read_text() == "- read_file\n- search  # last\n"


@pytest.mark.parametrize("response", ["Paris it is", "London it is"])
def test_a_run_says_the_same_before_and_after(project: Path, response: str) -> None:
    (project / "traces" / "a.jsonl").write_text(json.dumps(TRACE | {"response": response}) + "\n")
    words = ("run", "traces/a.jsonl", "--store", "none", "--quiet", "--out-dir")

    before = assay(*words, "before", cwd=project)
    assay("migrate", cwd=project)
    after = assay(*words, "after", cwd=project)

    rows = [json.loads((project / name / "run.json").read_bytes())["results"] for name in ("before", "after")]
    kept = [[(each["test_id"], each["status"], each["score"], each["message"]) for each in run] for run in rows]
    assert len(kept[0]) == 4
    assert kept[0] == kept[1]
    assert before.exit_code == after.exit_code == (0 if "Paris" in response else 1)


def test_a_second_run_changes_nothing(project: Path) -> None:
    assay("migrate", cwd=project)
    before = contents(project)

    again = assay("migrate", "--format", "json", cwd=project)

    told = json.loads(again.out)
    assert (again.exit_code, told["changed"], told["written"]) == (0, False, False)
    assert contents(project) == before


@pytest.mark.parametrize("words", [["--check"], ["--dry-run"], ["--check", "--dry-run"]])
def test_check_and_dry_run_show_the_difference_and_write_nothing(project: Path, words: list[str]) -> None:
    before = contents(project)

    done = assay("migrate", *words, cwd=project)

    assert done.exit_code == (1 if "--check" in words else 0)
    assert "+configVersion: 1" in done.out
    assert "nothing was written" in done.out
    assert contents(project) == before


def test_check_passes_once_all_is_migrated(project: Path) -> None:
    assay("migrate", cwd=project)

    assert assay("migrate", "--check", cwd=project).exit_code == 0


def test_a_rollback_restores_every_byte(project: Path) -> None:
    (project / "eval.yaml").write_bytes(b"\xef\xbb\xbf" + SUITE.replace("\n", "\r\n").encode())
    before = contents(project)

    done = assay("migrate", cwd=project)
    shown = assay("migrate", "--rollback", "--dry-run", cwd=project)
    migrated = contents(project)
    back = assay("migrate", "--rollback", cwd=project)
    once_more = assay("migrate", "--rollback", cwd=project)

    assert (done.exit_code, shown.exit_code, back.exit_code, once_more.exit_code) == (0, 0, 0, 2)
    assert migrated["eval.yaml"].startswith(b"\xef\xbb\xbf# how we test\r\nconfigVersion: 1\r\n")
    assert b"\n" not in migrated["eval.yaml"].replace(b"\r\n", b"")
    assert contents(project) == before
    assert "E_ROLLBACK_MISSING" in once_more.err


def test_a_rollback_of_a_file_that_changed_since_is_refused(project: Path) -> None:
    assay("migrate", cwd=project)
    (project / "policy.yaml").write_text('version: "2.0"\ntools: {allow: [a]}\n')
    before = contents(project)

    back = assay("migrate", "--rollback", "--format", "json", cwd=project)

    assert (back.exit_code, json.loads(back.out)["error"]["code"]) == (2, "E_FILE_CHANGED")
    assert contents(project) == before


@pytest.mark.parametrize("words", [["--check"], ["--allow-changes"], ["--trace-file", "t.jsonl"]])
def test_a_rollback_takes_no_words_of_a_migration(
    project: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = report("--rollback", *words, capsys=capsys)

    assert (code, told["error"]["code"]) == (2, "E_INVALID_ARGS")


def test_a_folder_brings_every_suite_and_policy_and_leaves_other_files_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = {
        "compose.yaml": 'version: "3"\nservices: {a: {image: b}}\nenv: 5\n',
        "chart.yaml": "name: c\nversion: 1.2.3\n",
        "broken.yaml": "tests: [\n",
        ".github/workflows/ci.yaml": "suite: hidden\ntests: []\n",
        "node_modules/x/eval.yaml": "suite: vendored\n",
    }
    for name, text in others.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    (project / "second.yaml").write_text(SUITE.replace("support   #", "second   #"))
    (project / "policies" / "alone.yaml").write_text('version: "1.0"\ndeny: [exec]\n')

    code, told = report(".", capsys=capsys)

    assert code == 0
    changed = {each["path"] for each in told["files"] if each["changed"]}
    assert changed == {"eval.yaml", "second.yaml", "policy.yaml", "policies/tools.yaml", "policies/alone.yaml"}
    assert {each["path"] for each in told["skipped"]} >= {"compose.yaml", "broken.yaml"}
    assert {name: (project / name).read_text() for name in others} == others
    assert "policy: policies/order.yaml" in (project / "eval.yaml").read_text(), "two suites name the list"


def test_two_suites_share_a_policy_and_migrating_one_leaves_the_other_right(project: Path) -> None:
    (project / "second.yaml").write_text(SUITE.replace("support   #", "second   #"))

    assay("migrate", "eval.yaml", cwd=project)
    checked = assay("validate", "second.yaml", "traces/a.jsonl", cwd=project)

    assert checked.exit_code == 0, checked.err


def test_a_suite_in_a_folder_of_its_own_brings_its_policies_and_finds_the_traces_here(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "suites").mkdir()
    text = SUITE.replace("policies/", "../policies/").replace("policy: policy", "policy: ../policy")
    (project / "suites" / "mine.yaml").write_text(text)

    code, told = report("suites/mine.yaml", capsys=capsys)
    back, _ = report("--rollback", "suites/mine.yaml", capsys=capsys)

    assert (code, back) == (0, 0)
    assert [each["path"] for each in told["files"]] == ["suites/mine.yaml", "policy.yaml", "policies/tools.yaml"]
    assert [each["trace"] for each in told["proof"]["traces"]] == ["traces/a.jsonl", "traces/a.jsonl"]
    assert (project / "policy.yaml").read_text() == POLICY


@pytest.mark.parametrize(("line", "kinds"), [("", ["suite", "policy"]), ("policy: null\n", ["suite"])])
def test_a_policy_beside_the_suite_comes_along_where_a_run_would_find_it(
    project: Path, line: str, kinds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "eval.yaml").write_text(
        f"suite: s\n{line}tests: [{{id: a, input: hello, expected: {{sequence: [x]}}}}]\n"
    )

    code, told = report(capsys=capsys)

    assert (code, [each["kind"] for each in told["files"]]) == (0, kinds)


def test_one_file_that_is_refused_stops_all(project: Path) -> None:
    (project / "second.yaml").write_text("suite: t\ntests: [{id: a, input: b, expected: {must_contain: []}}]\n")
    before = contents(project)

    done = assay("migrate", ".", cwd=project)

    assert done.exit_code == 2
    assert done.err.startswith("second.yaml:2:37: error[E_CFG_VACUOUS]")
    assert contents(project) == before


def test_the_same_file_by_several_names_is_migrated_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "link.yaml").symlink_to("eval.yaml")

    code, told = report("link.yaml", "eval.yaml", "./eval.yaml", "--config", "eval.yaml", capsys=capsys)

    assert code == 0
    assert [each["kind"] for each in told["files"]] == ["suite", "policy", "policy"]
    assert (project / "link.yaml").is_symlink()
    assert "configVersion: 1" in (project / "eval.yaml").read_text()


def test_without_a_trace_it_says_that_only_the_form_is_proven(project: Path) -> None:
    shutil.rmtree(project / "traces")

    done = assay("migrate", cwd=project)

    assert done.exit_code == 0
    assert "old and new form say the same: 3 test(s) and the policy (sha256:" in done.out
    assert "no trace was decided, so nothing but that is proven" in done.out


def test_tests_that_no_episode_exercised_are_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "traces" / "a.jsonl").write_text(json.dumps(TRACE | {"prompt": "another"}) + "\n")

    code, told = report(capsys=capsys)

    assert code == 0
    assert told["proof"]["not_exercised"] == ["eval.yaml: city", "eval.yaml: args", "eval.yaml: order"]
    assert told["proof"]["equal"] is True


def test_a_named_trace_that_cannot_be_read_stops_all_and_a_found_one_is_told(project: Path) -> None:
    (project / "traces" / "b.jsonl").write_text("{broken\n")
    before = contents(project)

    named = assay("migrate", "--trace-file", "traces/b.jsonl", cwd=project)
    unchanged = contents(project) == before
    missing = assay("migrate", "--trace-file", "nope.jsonl", cwd=project)
    found = assay("migrate", cwd=project)

    assert (named.exit_code, missing.exit_code, found.exit_code) == (2, 2, 0)
    assert unchanged
    assert "E_TRACE_NOT_FOUND" in missing.err
    assert "traces/b.jsonl: cannot be read, so it proves nothing" in found.out
    assert "traces/a.jsonl: 4 decision(s)" in found.out


def placed(project: Path) -> dict[str, str]:
    """Let the verdict of a test depend on its line, which a migration moves."""
    (project / "eval.yaml").write_text(
        "suite: s\npolicy: null\ntests:\n  - id: a\n    input: hello\n    expected: {type: acme.placed}\n"
    )
    return {"PYTHONPATH": str(FAKES / "placed")}


def test_a_decision_that_would_change_refuses_the_migration(project: Path) -> None:
    environment = placed(project)
    before = contents(project)

    done = assay("migrate", cwd=project, environment=environment)
    told = json.loads(assay("migrate", "--format", "json", cwd=project, environment=environment).out)

    assert done.exit_code == 1
    assert "1 DIFFER" in done.out
    assert "a: old fail (ACME_PLACED); new pass" in done.out
    assert "error[E_MIGRATION_DIFFERS]" in done.err
    assert (told["ok"], told["exit_code"], told["proof"]["equal"], told["written"]) == (False, 1, False, False)
    assert contents(project) == before


def test_a_change_that_is_allowed_is_written_and_told(project: Path) -> None:
    done = assay("migrate", "--allow-changes", cwd=project, environment=placed(project))

    assert done.exit_code == 0
    assert "a: old fail (ACME_PLACED); new pass" in done.out
    assert (project / "eval.yaml").read_text().startswith("configVersion: 1\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nope.yaml"], "E_PATH_NOT_FOUND"),
        (["--config", "nope.yaml"], "E_MISSING_CONFIG"),
        (["traces"], "E_MISSING_CONFIG"),
        (["policies/order.yaml"], "E_CFG_KIND"),
        (["--config", "policy.yaml"], "E_CFG_KIND"),
        (["--output", "eval.yaml"], "E_OUTPUT_IS_INPUT"),
    ],
)
def test_what_cannot_be_migrated_is_told(
    project: Path, words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(project)

    exit_code, told = report(*words, capsys=capsys) if words[0] != "--output" else _with_output(words, capsys)

    assert (exit_code, told["error"]["code"]) == (2, code)
    assert contents(project) == before


def _with_output(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["migrate", *words, "--format", "json"])
    written = capsys.readouterr()
    return code, {"error": {"code": "E_OUTPUT_IS_INPUT" if "E_OUTPUT_IS_INPUT" in written.err else written.err}}


def test_a_folder_without_anything_of_ours_is_told(tmp_path: Path) -> None:
    done: Finished = assay("migrate", cwd=tmp_path)

    assert done.exit_code == 2
    assert "E_MISSING_CONFIG" in done.err


BODY = "suite: s\npolicy: null\ntests:\n  - id: a\n    input: hi\n    expected: {must_contain: x}\n"
LEVELS = "".join(f"x-{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(7))
HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "a bomb of aliases": ("x-a: &a [1, 1]\n" + LEVELS + BODY, "E_DOCUMENT_LIMIT"),
    "an alias inside itself": ("x-a: &a {b: *a}\n" + BODY, "E_CFG_PARSE"),
    "an alias of nothing": (BODY + "model: *none\n", "E_CFG_PARSE"),
    "a key twice": (BODY + "suite: t\n", "E_CFG_PARSE"),
    "a tab": (BODY.replace("    input", "\tinput"), "E_CFG_PARSE"),
    "yes for true": (BODY + "thresholds: {block_on_warn: yes}\n", "E_CFG_PARSE"),
    "a merge of a number": (BODY + "<<: 5\n", "E_CFG_PARSE"),
    "two merges": (BODY + "x-a: &a {b: 1}\nx-b:\n  <<: *a\n  <<: *a\n", "E_CFG_PARSE"),
    "a number of 5000 digits": (BODY.replace("id: a", "id: " + "9" * 5000), "E_CFG_PARSE"),
    "more than 10 MiB": (BODY + "model: " + "m" * (10 << 20) + "\n", "E_DOCUMENT_LIMIT"),
    "200 levels": ("x-a: " + "[" * 200 + "]" * 200 + "\n" + BODY, "E_DOCUMENT_LIMIT"),
    "U+2028": (BODY.replace("id: a", 'id: "a\u2028b"'), "E_CFG_PARSE"),
    "U+0085": (BODY.replace("id: a", "id: a\u0085    on_error: allow"), "E_CFG_PARSE"),
    "a mark inside": (BODY.replace("id: a", "id: \ufeffa"), "E_CFG_PARSE"),
    "another encoding": (BODY.replace("id: a", "id: é").encode("latin-1"), "E_CFG_PARSE"),
    "UTF-16": (BODY.encode("utf-16"), "E_CFG_PARSE"),
    "two documents": (BODY + "---\n" + BODY, "E_CFG_PARSE"),
    "a tag": (BODY.replace("id: a", "id: !!python/object:os.system a"), "E_CFG_PARSE"),
    "YAML 1.1": ("%YAML 1.1\n---\n" + BODY, "E_CFG_PARSE"),
    "a list as a key": ("? [a]\n: 1\n" + BODY, "E_CFG_PARSE"),
    "a zero byte": (BODY.replace("id: a", "id: a\0"), "E_CFG_PARSE"),
    "an escape sequence": (BODY.replace("id: a", "id: a\x1b[31m"), "E_CFG_PARSE"),
    "version 2": ("version: 2\n" + BODY, "E_CFG_VERSION"),
    "a version of text": ('configVersion: "1"\n' + BODY, "E_CFG_PARSE"),
    "a policy of 5000 characters": (BODY.replace("null", "p" * 5000), "E_CFG_REF"),
    "two old forms at once": (BODY.replace("must_contain: x", "must_contain: x, sequence: [a]"), "E_CFG_PARSE"),
    "nothing expected": (BODY.replace("{must_contain: x}", "[]"), "E_CFG_VACUOUS"),
    "an empty text": (BODY.replace("must_contain: x", "must_contain: ''"), "E_CFG_VACUOUS"),
    "a bare schema": (BODY.replace("must_contain: x", "schema: {type: object}"), "E_CFG_VACUOUS"),
    "an unknown key": (BODY.replace("input: hi", "input: hi\n    rules: []"), "E_CFG_UNKNOWN_KEY"),
    "a file that names itself": (BODY.replace("must_contain: x", "$ref: eval.yaml"), "E_CFG_REF"),
    "an empty file": ("", "E_CFG_PARSE"),
    "a list": ("- a\n", "E_CFG_KIND"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_suite_is_refused_at_its_place_and_left_as_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text, code = HOSTILE[name]
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "eval.yaml").write_bytes(data)

    exit_code, told = report("--config", "eval.yaml", capsys=capsys)

    assert (exit_code, told["error"]["code"]) == (2, code)
    assert told["error"]["file"] == "eval.yaml"
    assert told["error"]["line"] or name == "more than 10 MiB"
    assert contents(tmp_path) == {"eval.yaml": data}


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv, to obey permissions as root, too")
def test_a_folder_that_cannot_be_written_to_is_told_and_nothing_changes(project: Path) -> None:
    before = contents(project)
    project.chmod(0o555)
    obeying = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*obeying, sys.executable, "-m", "assay_core", "migrate"]

    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    checked = subprocess.run([*command, "--check"], cwd=project, capture_output=True, text=True, check=False)

    project.chmod(0o755)
    assert (done.returncode, checked.returncode) == (3, 1), done.stderr
    assert "error[E_IO]: cannot make a backup of 'eval.yaml'" in done.stderr
    assert contents(project) == before


def test_hostile_names_reach_the_terminal_harmlessly(project: Path) -> None:
    name = "\x1b[31m\u202eevil.yaml"
    (project / name).write_text('version: "1.0"\ndeny: [exec]\n')

    done = assay("migrate", name, cwd=project)

    assert done.exit_code == 0
    assert not set("\x1b\u202e") & set(done.out + done.err)
