"""`assay init` where no plugin is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay_core.cli.app import main
from assay_core.config.starter import PRESETS

WRITTEN = ["eval.yaml", "policy.yaml", ".assay/schemas/eval.schema.json", ".assay/schemas/policy.schema.json"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_init_writes_suite_policy_and_their_schemas(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0

    assert files_of(project) == set(WRITTEN)
    printed = capsys.readouterr().out.splitlines()
    assert printed == [*(f"Created {name}" for name in WRITTEN), "Next: assay validate"]


def test_init_names_a_schema_in_the_first_line_that_lies_beside_the_file(project: Path) -> None:
    main(["init"])

    for name in ("eval.yaml", "policy.yaml"):
        head, _, schema = (project / name).read_text().splitlines()[0].partition("$schema=")
        assert head == "# yaml-language-server: "
        assert json.loads((project / schema).read_text())["$schema"]


def test_init_skips_and_names_files_that_exist(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "policy.yaml").write_text("mine\n")

    assert main(["init", "--gitignore"]) == 0

    assert (project / "policy.yaml").read_text() == "mine\n"
    assert "Skipped policy.yaml (exists)" in capsys.readouterr().out
    assert (project / ".gitignore").is_file()


def test_init_twice_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", "--hello-trace"])
    before = {name: (project / name).read_bytes() for name in files_of(project)}

    assert main(["init", "--hello-trace", "--preset", "dev"]) == 0

    assert {name: (project / name).read_bytes() for name in files_of(project)} == before
    assert "Created" not in capsys.readouterr().out.partition("Next:")[2]


@pytest.mark.parametrize("preset", PRESETS)
def test_init_writes_the_preset_that_was_named(project: Path, preset: str) -> None:
    assert main(["init", "--preset", preset.upper()]) == 0

    assert f"name: starter-{preset}" in (project / "policy.yaml").read_text()


def test_init_refuses_an_unknown_preset_and_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--preset", "hardend"]) == 2

    assert "did you mean 'hardened'" in capsys.readouterr().err
    assert files_of(project) == set()


def test_init_lists_presets_and_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--list-presets"]) == 0

    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == list(PRESETS)
    assert files_of(project) == set()


def test_init_reports_in_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "package.json").write_text("{}")
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"f": {"command": "npx", "args": ["server-fetch"]}}}))
    (project / "eval.yaml").write_text("")

    assert main(["init", "--format", "json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert report["languages"] == ["node"]
    assert [(each["name"], each["program"]) for each in report["mcp_servers"]] == [("f", "npx")]
    assert {each["path"]: each["status"] for each in report["files"]} == {
        "eval.yaml": "skipped",
        **dict.fromkeys(WRITTEN[1:], "created"),
    }
    assert "fetch reaches any address" in (project / "policy.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "name"), [(["--ci"], ".github/workflows/assay.yml"), (["--ci", "gitlab"], ".gitlab-ci.yml")]
)
def test_init_writes_a_ci_job(project: Path, words: list[str], name: str) -> None:
    assert main(["init", "--hello-trace", *words]) == 0

    assert "assay ci traces/hello.jsonl --sarif=assay.sarif --junit=junit.xml" in (project / name).read_text()


def test_init_works_in_a_folder_that_is_not_there_yet(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--dir", "new/agent"]) == 0

    assert files_of(project / "new" / "agent") == set(WRITTEN)
    assert capsys.readouterr().out.splitlines()[-1] == "Next: cd new/agent && assay validate"


@pytest.mark.parametrize("other", [["--hello-trace"], ["--preset", "dev"]])
def test_init_refuses_to_learn_and_to_use_something_else(project: Path, other: list[str]) -> None:
    (project / "t.jsonl").write_text("")

    assert main(["init", "--from-trace", "t.jsonl", *other]) == 2

    assert files_of(project) == {"t.jsonl"}


def test_init_names_a_trace_that_does_not_exist(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--from-trace", "none.jsonl"]) == 2

    assert "E_TRACE_NOT_FOUND" in capsys.readouterr().err
    assert files_of(project) == set()


def test_init_says_what_it_cannot_write(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "file").write_text("")

    assert main(["init", "--dir", "file"]) == 3

    assert "E_IO" in capsys.readouterr().err
