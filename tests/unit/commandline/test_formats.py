"""`--format` and `--output` in a command."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from assay_core.commandline import main_guard
from assay_core.commandline.formats import Report, report_options
from assay_core.errors import InputError


@click.command("fake")
@click.option("--fail", is_flag=True)
@report_options("text", "json")
def fake(report: Report, fail: bool) -> None:
    """Do little."""
    if fail:
        raise InputError(code="E_CFG_PARSE", message="wrong")
    if report.format == "json":
        report.write_json({"ok": True})
    else:
        report.write("fine\n")


def run(*words: str) -> int:
    try:
        with main_guard(words):
            return fake.main(list(words), prog_name="fake", standalone_mode=False) or 0
    except SystemExit as end:
        return int(end.code or 0)


def test_text_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert capsys.readouterr().out == "fine\n"
    assert run("--output", "-") == 0
    assert capsys.readouterr().out == "fine\n"


def test_a_report_goes_to_the_file_in_one_piece(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"

    assert run("--format", "json", "-o", str(path)) == 0

    assert json.loads(path.read_text()) == {"ok": True}
    assert capsys.readouterr().out == ""
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_a_failure_in_json_is_one_document_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--format", "json", "--fail") == 2

    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"] == "E_CFG_PARSE"
    assert "error[E_CFG_PARSE]: wrong" in captured.err


def test_a_failure_in_json_is_one_document_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"

    assert run("--format", "json", "-o", str(path), "--fail") == 2

    assert json.loads(path.read_text())["error"]["message"] == "wrong"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "error[E_CFG_PARSE]: wrong" in captured.err


def test_a_failure_in_text_leaves_standard_output_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--fail") == 2
    assert capsys.readouterr().out == ""


def test_a_wrong_format_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--format", "xml") == 2
    assert "error[E_INVALID_ARGS]" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert run("-o", str(tmp_path / "no" / "where")) == 3
