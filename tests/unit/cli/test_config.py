"""`assay config` and `assay schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from assay_core.cli.app import main


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ASSAY_CONFIG", "ASSAY_POLICY", "ASSAY_STRICT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def settings(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["config", "--format", "json"]) == 0
    return {each["name"]: each for each in json.loads(capsys.readouterr().out)["settings"]}


def test_each_value_is_shown_with_its_origin(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text("[tool.assay]\nquiet = true\n[tool.assay.plugins]\ndeny = ['a', 'b']\n")
    (project / "eval.yaml").write_text("version: 1\n")
    monkeypatch.setenv("ASSAY_STRICT", "1")

    found = settings(capsys)

    assert (found["quiet"]["value"], found["quiet"]["origin"]) == (True, f"{project / 'pyproject.toml'}:2")
    assert (found["strict"]["value"], found["strict"]["origin"]) == (True, "ASSAY_STRICT")
    assert (found["config"]["value"], found["config"]["origin"]) == (str(project / "eval.yaml"), "found")
    assert (found["lenient"]["value"], found["lenient"]["origin"]) == (False, "built in")
    assert found["plugins.deny"]["value"] == ["a", "b"]
    assert all(each["description"] for each in found.values())


def test_a_policy_is_found_where_there_is_no_suite(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "policy.yaml").write_text("version: '2.0'\n")

    found = settings(capsys)

    assert (found["config"]["value"], found["policy"]["value"]) == (None, str(project / "policy.yaml"))


def test_the_text_is_a_table(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text('[tool.assay]\nconfig = "a\\u001b[2Jb.yaml"\n')

    assert main(["config"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["config", "a\\x1b[2Jb.yaml", f"{project / 'pyproject.toml'}:2"]
    assert all(line.isprintable() for line in lines)


def test_a_wrong_file_is_an_error_in_one_document(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text("[tool.assay]\nstrcit = true\n")

    assert main(["config", "--format", "json"]) == 2

    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"] == "E_CFG_UNKNOWN_KEY"
    assert "  2 | strcit = true" in captured.err


@pytest.mark.parametrize("name", ["eval", "policy", "run", "summary"])
def test_schema_prints_a_json_schema(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["schema", name]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert main(["schema", name, "--output", str(tmp_path / "s.json")]) == 0

    Draft202012Validator.check_schema(printed)
    assert json.loads((tmp_path / "s.json").read_text()) == printed
    assert capsys.readouterr().out == ""


def test_schema_of_something_else_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "trace"]) == 2
    assert "error[E_INVALID_ARGS]" in capsys.readouterr().err
