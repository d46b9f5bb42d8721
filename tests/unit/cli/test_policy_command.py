"""`assay policy validate | fmt | migrate`, run as users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GOOD = 'version: "2.0"\nname: good\ntools: {allow: [a]}\nfiles: {allow: ["${CWD}/"]}\n'
OLD = '# old\nversion: "1.0"\nallow: [a]   # one\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assay(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ASSAY_")}
    return subprocess.run(
        [sys.executable, "-m", "assay_core", "policy", *words],
        capture_output=True,
        text=True,
        env=kept | {"NO_COLOR": "1"} | environment,
        check=False,
    )


def document(result: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(result.stdout)


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return path.name


def test_validate_prints_the_form_the_rules_and_the_digest(folder: Path) -> None:
    result = assay("validate", write(folder / "p.yaml", GOOD))

    assert (result.returncode, result.stderr) == (0, "")
    assert "good" in result.stdout
    assert "digest: sha256:" in result.stdout
    assert "no findings" in result.stdout
    assert "unconstrained_tools: warn" in result.stdout  # a default, written out
    assert "p.yaml:4:1: note[W_POLICY_LATER]" in result.stdout
    assert "files.allow:${CWD}/" in result.stdout


def test_validate_shows_every_finding_with_its_place(folder: Path) -> None:
    result = assay("validate", write(folder / "p.yaml", 'version: "2.0"\ntools: {allow: ["a?b"]}\n'))

    assert result.returncode == 0
    assert "p.yaml:2:17: warning[W_POLICY_WIDENED]" in result.stdout


def test_validate_gives_one_json_document(folder: Path) -> None:
    result = assay("validate", "--format", "json", "-i", write(folder / "p.yaml", GOOD))

    told = document(result)
    assert (result.returncode, told["ok"], told["findings"]) == (0, True, [])
    assert told["policy"]["enforcement"] == {"unconstrained_tools": "warn"}
    assert {row["tier"] for row in told["resources"]} == {"kernel"}
    assert [row["code"] for row in told["enforced_elsewhere"]] == ["W_POLICY_LATER"]
    assert "tools.allow" in {rule["section"] for rule in told["rules"]}


def test_validate_reports_all_errors_and_stays_valid_json(folder: Path) -> None:
    name = write(folder / "p.yaml", 'version: "2.0"\ntoolz: {}\nlimitz: {}\n')

    result = assay("validate", name, "--format", "json")

    error = document(result)["error"]
    assert result.returncode == 2
    assert (error["code"], error["line"], len(error["others"])) == ("E_POLICY_PARSE", 2, 1)
    assert "p.yaml:2:1: error[E_POLICY_PARSE]: unknown key 'toolz'; did you mean 'tools'?" in result.stderr
    assert "  2 | toolz: {}" in result.stderr
    assert "p.yaml:3:1" in result.stderr


def test_validate_writes_its_report_to_a_file(folder: Path) -> None:
    result = assay("validate", write(folder / "p.yaml", GOOD), "--format", "json", "--output", "out.json")

    assert (result.returncode, result.stdout) == (0, "")
    assert json.loads((folder / "out.json").read_text())["ok"] is True


def test_validate_finds_the_policy_upwards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "policy.yaml", GOOD)
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")

    result = assay("validate")

    assert result.returncode == 0
    assert "policy.yaml" in result.stderr


def test_validate_without_any_policy_is_an_error(folder: Path) -> None:
    result = assay("validate")

    assert result.returncode == 2
    assert "E_MISSING_CONFIG" in result.stderr


def test_strict_makes_findings_an_exit_code(folder: Path) -> None:
    name = write(folder / "p.yaml", "tools: {allow: [a]}\n")

    result = assay("validate", name, "--strict", "--format", "json")

    assert (result.returncode, document(result)["ok"]) == (1, False)
    assert "E_STRICT" in result.stderr
    assert assay("validate", name).returncode == 0


@pytest.mark.parametrize("environment", [{}, {"ASSAY_STRICT_DEPRECATIONS": "1"}])
def test_old_forms_can_be_refused(folder: Path, environment: dict[str, str]) -> None:
    name = write(folder / "p.yaml", OLD)
    words = ("validate", name) if environment else ("validate", name, "--deny-deprecations")

    result = assay(*words, **environment)

    assert result.returncode == 2
    assert "E_POLICY_DEPRECATED" in result.stderr
    assert assay("validate", name).returncode == 0


def test_the_printed_form_is_a_policy_that_means_the_same(folder: Path) -> None:
    first = assay("validate", write(folder / "p.yaml", OLD))
    form = first.stdout.partition("normalised form\n\n")[2]

    second = assay("validate", write(folder / "again.yaml", form))

    assert second.returncode == 0
    assert [line for line in second.stdout.splitlines() if "digest" in line] == [
        line for line in first.stdout.splitlines() if "digest" in line
    ]


def test_hostile_names_reach_no_terminal(folder: Path) -> None:
    name = write(folder / "p.yaml", 'version: "2.0"\nname: "\\e[31m\\u202e"\ntools: {deny: ["a\\e]8;;x\\a\\nb"]}\n')

    result = assay("validate", name)

    assert result.returncode == 0
    assert not {"\x1b", "\u202e", "\x07"} & set(result.stdout + result.stderr)


def test_migrate_rewrites_the_file_and_keeps_a_backup(folder: Path) -> None:
    name = write(folder / "p.yaml", OLD)

    result = assay("migrate", name)

    assert result.returncode == 0
    assert (folder / "p.yaml").read_text() == '# old\nversion: "2.0"\ntools:\n  allow: [a] # one\n'
    assert (folder / "p.yaml.bak").read_text() == OLD
    assert "p.yaml.bak" in result.stderr


def test_migrate_never_overwrites_an_earlier_backup(folder: Path) -> None:
    name = write(folder / "p.yaml", OLD)
    write(folder / "p.yaml.bak", "precious")

    assay("migrate", name)

    assert (folder / "p.yaml.bak").read_text() == "precious"
    assert (folder / "p.yaml.bak.1").read_text() == OLD


@pytest.mark.parametrize("command", ["migrate", "fmt"])
def test_check_never_writes_and_exits_1_where_it_would(folder: Path, command: str) -> None:
    text = OLD.replace("[a]", "[  'a'  ]")
    name = write(folder / "p.yaml", text)

    result = assay(command, name, "--check")

    assert result.returncode == 1
    assert "+++ b/p.yaml" in result.stdout
    assert [path.name for path in folder.iterdir()] == ["p.yaml"]
    assert (folder / "p.yaml").read_text() == text


@pytest.mark.parametrize("command", ["migrate", "fmt"])
def test_check_exits_0_where_nothing_would_change(folder: Path, command: str) -> None:
    result = assay(command, write(folder / "p.yaml", GOOD), "--check")

    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("command", ["migrate", "fmt"])
def test_a_file_that_is_right_is_not_touched(folder: Path, command: str) -> None:
    name = write(folder / "p.yaml", GOOD)
    before = (folder / "p.yaml").stat()

    result = assay(command, name)

    after = (folder / "p.yaml").stat()
    assert result.returncode == 0
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert not (folder / "p.yaml.bak").exists()


def test_a_dry_run_prints_and_writes_nothing(folder: Path) -> None:
    name = write(folder / "p.yaml", OLD)

    result = assay("migrate", name, "--dry-run")

    assert result.returncode == 0
    assert result.stdout.startswith('# old\nversion: "2.0"\n')
    assert [path.name for path in folder.iterdir()] == ["p.yaml"]


def test_output_names_another_file_and_leaves_the_first_alone(folder: Path) -> None:
    name = write(folder / "p.yaml", OLD)

    result = assay("migrate", name, "-o", "new.yaml")

    assert result.returncode == 0
    assert (folder / "p.yaml").read_text() == OLD
    assert 'version: "2.0"' in (folder / "new.yaml").read_text()


def test_fmt_lays_out_and_keeps_a_backup(folder: Path) -> None:
    text = "version: '2.0'\ntools:\n    allow:\n    - 'a'   \n"
    name = write(folder / "p.yaml", text)

    result = assay("fmt", name)

    assert result.returncode == 0
    assert (folder / "p.yaml").read_text() == 'version: "2.0"\ntools:\n  allow:\n    - "a"\n'
    assert (folder / "p.yaml.bak").read_text() == text


def test_fmt_keeps_the_permissions_of_the_file(folder: Path) -> None:
    name = write(folder / "p.yaml", "version: '2.0'\n")
    (folder / "p.yaml").chmod(0o640)

    assay("fmt", name)

    assert (folder / "p.yaml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("command", ["migrate", "fmt"])
@pytest.mark.parametrize(
    ("text", "code"),
    [("configVersion: 1\nsuite: s\ntests: []\n", "E_CFG_KIND"), ("a: [\n", "E_POLICY_PARSE")],
)
def test_what_is_no_policy_is_not_rewritten(folder: Path, command: str, text: str, code: str) -> None:
    name = write(folder / "p.yaml", text)

    result = assay(command, name)

    assert result.returncode == 2
    assert code in result.stderr
    assert (folder / "p.yaml").read_text() == text


@pytest.mark.parametrize("words", [("fmt",), ("migrate",), ("validate", "a", "-i", "b"), ("fmt", "a", "-i", "b")])
def test_a_wrong_command_line_is_a_usage_error(folder: Path, words: tuple[str, ...]) -> None:
    result = assay(*words)

    assert result.returncode == 2
    assert "E_INVALID_ARGS" in result.stderr
