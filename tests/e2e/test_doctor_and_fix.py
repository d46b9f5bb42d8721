"""`assay doctor` finds, `assay fix` puts right: through the real command line, on real files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from tests.e2e.command import assay

pytest.importorskip("assay_importer_jsonl", reason="`assay init` writes a suite for it")
pytest.importorskip("assay_metric_standard", reason="`assay init` writes a suite for it")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert assay("init", "--hello-trace", cwd=tmp_path).exit_code == 0
    return tmp_path


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def answered(folder: Path, answers: bytes, *words: str) -> tuple[int, str]:
    """Run `assay` on a terminal that says these answers."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "dumb"}
    process = subprocess.Popen(
        [sys.executable, "-m", "assay_core", *words],
        cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, answers)
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, out.decode()


def test_a_new_project_is_clean(project: Path) -> None:
    before = contents(project)

    done = assay("doctor", cwd=project)

    assert done.exit_code == 0, done
    assert "suite:    eval.yaml (hello, 1 test)" in done.out
    assert "enforcement:" in done.out
    assert done.out.splitlines()[-1].startswith("CLEAN")
    assert contents(project) == before


def test_findings_are_exit_1_and_one_document_in_json(project: Path) -> None:
    spoil(project / "policy.yaml", "limits:", "limts:")

    done = assay("doctor", "--format", "json", cwd=project)

    assert done.exit_code == 1
    assert done.err == ""
    document = json.loads(done.out)
    assert document["schema"] == "assay.doctor_report.v1"
    assert document["landlock"].keys() == {"available", "fs_enforce", "net_enforce", "abi_version"}
    assert document["status"] in ("Ready", "Degraded", "Unsupported")
    finding = next(each for each in document["findings"] if each["code"] == "E_POLICY_PARSE")
    assert (finding["file"], finding["line"], finding["patch"]) == ("policy.yaml", 38, "rename_field:limts:limits")
    assert [each["id"] for each in document["patches"]] == ["rename_field:limts:limits"]
    assert document["summary"]["errors"] == 1


def test_the_report_is_what_its_schema_says(project: Path) -> None:
    spoil(project / "policy.yaml", "  deny: [", "  deny: [read_file, ")
    schema = json.loads(assay("schema", "doctor", cwd=project).out)
    document = json.loads(assay("doctor", "--format", "json", cwd=project).out)

    validator = Draft202012Validator(schema)

    assert validator.is_valid(document)
    assert document["patches"]
    assert not validator.is_valid({**document, "findings": [{"code": 1}]})
    assert not validator.is_valid({key: value for key, value in document.items() if key != "landlock"})


def test_a_baseline_that_was_just_recorded_is_no_finding(project: Path) -> None:
    assert assay("run", "traces/hello.jsonl", "--export-baseline", "baseline.json", cwd=project).exit_code == 0

    done = assay("doctor", cwd=project)

    assert "baseline: baseline.json" in done.out
    assert done.exit_code == 0, done


def test_equal_inputs_give_equal_bytes(project: Path) -> None:
    runs = {
        assay("doctor", "--format", "json", cwd=project, environment={"SOURCE_DATE_EPOCH": "0"}).out for _ in range(2)
    }

    assert len(runs) == 1


def test_a_report_goes_to_a_file_and_never_over_an_input(project: Path) -> None:
    assert assay("doctor", "--format", "json", "-o", "report.json", cwd=project).exit_code == 0
    assert json.loads((project / "report.json").read_text())["ok"] is True

    done = assay("doctor", "--config", "eval.yaml", "-o", "eval.yaml", cwd=project)

    assert done.exit_code == 2
    assert "E_OUTPUT_IS_INPUT" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--config", "gone.yaml"),
        ("doctor", "--yes"),
        ("doctor", "--dry-run"),
        ("doctor", "--fix", "--format", "json"),
        ("fix", "no:such"),
        ("fix", "--only", "no:such"),
        ("fix", "--max-risk", "none"),
    ],
)
def test_what_cannot_be_done_is_exit_2(project: Path, words: tuple[str, ...]) -> None:
    done = assay(*words, cwd=project)

    assert done.exit_code == 2, done
    assert "error[E_" in done.err


def test_fix_without_patches_is_exit_0(project: Path) -> None:
    assert assay("fix", cwd=project).exit_code == 0
    assert assay("fix", "--list", cwd=project).out == ""


def test_patches_are_listed_with_tabs(project: Path) -> None:
    spoil(project / "policy.yaml", "limits:", "limts:")

    done = assay("fix", "--list", cwd=project)

    assert done.out == "rename_field:limts:limits\tLow\tpolicy.yaml\trename the key 'limts' to 'limits'\n"
    assert done.exit_code == 0


def test_an_unknown_id_names_the_nearest(project: Path) -> None:
    spoil(project / "policy.yaml", "limits:", "limts:")

    done = assay("fix", "rename_field:limts:limit", "--yes", cwd=project)

    assert done.exit_code == 2
    assert "did you mean 'rename_field:limts:limits'?" in done.err


@pytest.mark.parametrize("words", [("fix",), ("doctor", "--fix"), ("fix", "rename_field:limts:limits")])
def test_without_a_terminal_and_without_yes_nothing_happens(project: Path, words: tuple[str, ...]) -> None:
    spoil(project / "policy.yaml", "limits:", "limts:")
    before = contents(project)

    done = assay(*words, cwd=project)

    assert done.exit_code == 2
    assert "--yes" in done.err
    assert contents(project) == before


@pytest.mark.parametrize(
    "words", [("fix", "--dry-run"), ("doctor", "--fix", "--dry-run"), ("fix", "--dry-run", "--yes")]
)
def test_a_dry_run_shows_the_diff_and_changes_nothing(project: Path, words: tuple[str, ...]) -> None:
    spoil(project / "policy.yaml", "limits:", "limts:")
    before = contents(project)

    done = assay(*words, cwd=project)

    assert done.exit_code == 0
    assert "-limts:\n+limits:\n" in done.out
    assert contents(project) == before


@pytest.mark.parametrize("words", [("fix", "--yes"), ("doctor", "--fix", "--yes"), ("fix", "-y", "--max-risk", "low")])
def test_yes_applies_and_keeps_everything_else(project: Path, words: tuple[str, ...]) -> None:
    policy = project / "policy.yaml"
    before = policy.read_text()
    spoil(policy, "limits:", "limts:")

    done = assay(*words, cwd=project)

    assert done.exit_code == 0, done
    assert policy.read_text() == before
    assert assay("doctor", cwd=project).exit_code == 0


def test_several_files_are_put_right_at_once(project: Path) -> None:
    before = contents(project)
    spoil(project / "policy.yaml", "limits:", "limts:")
    spoil(project / "eval.yaml", "assertions:", "asertions:")

    done = assay("fix", "--yes", cwd=project)

    assert done.exit_code == 0, done
    assert contents(project) == before


def test_a_person_is_asked_about_every_patch_and_no_is_the_default(project: Path) -> None:
    spoil(project / "policy.yaml", "limits:", "limts:")
    spoil(project / "eval.yaml", "assertions:", "asertions:")

    code, out = answered(project, b"\ny\n", "fix")

    assert out.count("apply this patch? [y/N]") == 2
    assert code == 2  # an error is left
    spelt = ["limts:" in (project / "policy.yaml").read_text(), "asertions:" in (project / "eval.yaml").read_text()]
    assert sorted(spelt) == [False, True]  # one was answered with a mere return, the other with yes
    assert out.count("applied rename_field:") == 1


def test_a_person_who_says_no_changes_nothing(project: Path) -> None:
    spoil(project / "policy.yaml", "limits:", "limts:")
    before = contents(project)

    code, out = answered(project, b"n\n", "doctor", "--fix")

    assert code == 0
    assert "nothing was changed" in out
    assert contents(project) == before


def test_a_loosening_patch_says_what_else_it_allows_and_is_no_low_risk(project: Path) -> None:
    spoil(project / "policy.yaml", "  deny: [", "  deny: [read_file, ")

    low = assay("fix", "--yes", "--max-risk", "low", cwd=project)
    shown = assay("fix", "--dry-run", cwd=project)
    done = assay("fix", "--yes", cwd=project)

    assert low.exit_code == 0
    assert "left out" in low.err
    assert "also allows: no other recorded call" in shown.out
    assert "= risk: high" in shown.out
    assert done.exit_code == 0, done
    assert assay("validate", "traces/hello.jsonl", cwd=project).exit_code == 0


def test_a_patch_that_makes_things_worse_is_undone_byte_for_byte(project: Path) -> None:
    """Once x_a is let through it uses up the limit that x_b shares with it."""
    (project / "policy.yaml").write_bytes(
        b'version: "2.0"\r\ntools:\r\n  allow: [x_b]   # only this\r\nenforcement: {unconstrained_tools: allow}\r\n'
        b"limits: {per_tool: {x_*: {max: 1}}}\r\n"
    )
    (project / "eval.yaml").write_text("configVersion: 1\npolicy: policy.yaml\n")
    records = [{"tool": "x_a", "args": {}}, {"tool": "x_b", "args": {}}]
    (project / "traces/hello.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    before = contents(project)

    done = assay("fix", "allow_tool:x_a", "--yes", cwd=project)

    assert done.exit_code == 2, done
    assert "error[E_PATCH_FAILED]: the project would be worse after allow_tool:x_a" in done.err
    assert contents(project) == before


def test_links_and_read_only_files_are_refused(project: Path) -> None:
    spoil(project / "policy.yaml", "limits:", "limts:")
    (project / "policy.yaml").chmod(0o444)

    read_only = assay("fix", "--yes", cwd=project)
    (project / "policy.yaml").rename(project / "real.yaml")
    (project / "policy.yaml").symlink_to("real.yaml")
    link = assay("fix", "--yes", cwd=project)

    assert read_only.exit_code == link.exit_code == 2
    assert "read-only" in read_only.err
    assert "symbolic link" in link.err
    assert "limts:" in (project / "real.yaml").read_text()


HOSTILE = "\x1b[31m\u202ename\n<script>"


def test_hostile_names_are_harmless_in_every_output(project: Path) -> None:
    spoil(project / "eval.yaml", "id: hello", f"id: {json.dumps(HOSTILE)}")
    spoil(project / "eval.yaml", "whoever the note names", "whoever the notes name")
    record = {"tool": HOSTILE, "args": {HOSTILE: HOSTILE}}
    with (project / "traces/hello.jsonl").open("a") as stream:
        stream.write(json.dumps({**record, "episode_id": "x"}) + "\n")

    outputs = [assay(*words, cwd=project) for words in (("doctor",), ("fix", "--list"), ("fix", "--dry-run"))]

    for done in outputs:
        assert done.exit_code in (0, 1), done
        for sign in ("\x1b", "\u202e"):
            assert sign not in done.out + done.err
    for line in outputs[1].out.splitlines():
        assert len(line.split("\t")) == 4
        assert set(line.split("\t")[0]) <= set(map(chr, range(33, 127))) - set("$`;|&<>()*?[]{}'\"\\!#~")
    assert outputs[1].out
