"""`assay explain CODE`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_core.cli.app import main
from assay_core.errors import known_codes

FAKES = Path(__file__).parents[2] / "fakes"


@pytest.fixture
def _guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("ASSAY_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(str(FAKES / "checks"))
    yield
    sys.modules.pop("acme_guard", None)


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["explain", *words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)["codes"]


@pytest.mark.parametrize("code", sorted({row.code for row in known_codes()}))
def test_every_code_of_the_core_is_explained(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code]) == 0

    out = capsys.readouterr().out
    for row in known_codes():
        if row.code == code:
            assert row.cause in out
            assert row.remedy in out
            assert f"exit:   {row.exit_code}" in out


def test_a_code_of_two_scopes_is_explained_in_both(capsys: pytest.CaptureFixture[str]) -> None:
    rows = explained(capsys, "E_RATE_LIMIT")

    assert [(row["scope"], row["exit_code"]) for row in rows] == [("run", 3), ("decision", 1)]


def test_case_does_not_matter(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(capsys, "e_cfg_parse")[0]["code"] == "E_CFG_PARSE"


def test_an_unknown_code_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E_CFG_PARS", "--format", "json"]) == 2

    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"] == "E_UNKNOWN_CODE"
    assert "did you mean E_CFG_PARSE?" in captured.err


@pytest.mark.parametrize("words", [[], ["E_CFG_PARSE", "--list"]])
def test_one_code_or_the_list(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *words]) == 2
    assert "E_INVALID_ARGS" in capsys.readouterr().err


def test_the_list_has_every_code_once_per_scope(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_PLUGINS", "none")

    rows = explained(capsys, "--list")

    assert {(row["scope"], row["code"]) for row in rows} == {(row.scope, row.code) for row in known_codes()}
    assert len(rows) == len(known_codes())
    assert main(["explain", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rows)


@pytest.mark.usefixtures("_guard")
def test_codes_of_installed_checks_are_explained_and_shown_harmlessly(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E_ACME_WORD"]) == 0

    captured = capsys.readouterr()
    assert captured.out == (
        "E_ACME_WORD (decision)\n"
        "  cause:  a word that acme \\x1b[31mforbids\n"
        "  remedy: use another word\n"
        "  exit:   1\n"
        "  from:   acme-guard 2.0\n"
    )


@pytest.mark.usefixtures("_guard")
def test_a_plugin_cannot_change_what_a_code_of_the_core_means(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = explained(capsys, "E_TOOL_DENIED")

    assert (row["exit_code"], row["distribution"]) == (1, "assay-core")


@pytest.mark.usefixtures("_guard")
def test_a_check_that_cannot_be_loaded_is_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E_TOOL_DENIED"]) == 0

    assert "warning[W_PLUGIN_SKIPPED]: codes of 'acme.gone' are unknown" in capsys.readouterr().err
