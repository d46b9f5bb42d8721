"""A disk that is full: the run says so and ends with 3; what was kept before stays whole."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.command import Finished, assay

SUITE = """configVersion: 1
suite: s
policy: policy.yaml
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"only root may mount a small file system: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "eval.yaml").write_text(SUITE)
    (tmp_path / "policy.yaml").write_text('version: "2.0"\ntools: {deny: ["delete_*"]}\n')
    calls = "".join(f'{{"prompt":"p{at}","tool":"search","args":{{"q":"{"x" * 200}"}}}}\n' for at in range(400))
    (tmp_path / "trace.jsonl").write_text(calls)
    return tmp_path


def run(project: Path, disk: Path, *words: str) -> Finished:
    return assay("run", "eval.yaml", "trace.jsonl", "--db", disk / "assay.db", *words, cwd=project)


def fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while ballast.write(b"\0" * 4096) == 4096:
                pass
        except OSError:
            pass


def check(disk: Path) -> list[tuple[int, str]]:
    """Return number and status of every run of a store that has to be whole."""
    with closing(sqlite3.connect(disk / "assay.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        return database.execute("SELECT id, status FROM runs ORDER BY id").fetchall()


def test_a_full_disk_is_exit_3_and_loses_nothing(project: Path, disk: Path) -> None:
    assert run(project, disk, "--store", "results").exit_code == 0
    fill(disk)

    full = run(project, disk, "--store", "episodes")

    assert full.exit_code == 3, full.out + full.err
    assert "error[E_STORE_FAILED]" in full.err
    assert "full" in full.err
    assert "Traceback" not in full.err
    assert json.loads((project / "run.json").read_bytes())["reason_code"] == "E_STORE_FAILED"
    (disk / "ballast").unlink()
    kept = check(disk)
    assert kept[0] == (1, "passed")
    assert [status for _, status in kept[1:]] in ([], ["running"])
    shown = assay("runs", "show", "1", "--db", disk / "assay.db", "--format", "json", cwd=project)
    assert len(json.loads(shown.out)["results"]) == 400
    again = run(project, disk, "--store", "none")
    assert again.exit_code == 0


def test_a_disk_that_fills_up_during_a_run_keeps_the_runs_before(project: Path, disk: Path) -> None:
    codes = [run(project, disk, "--store", "episodes").exit_code for _ in range(5)]

    assert codes[0] == 0
    assert codes[-1] == 3, "512 KiB hold no five runs"
    kept = check(disk)
    assert [status for _, status in kept].count("passed") == codes.count(0)


def test_pruning_makes_room_with_a_little_to_work_with(project: Path, disk: Path) -> None:
    (disk / "ballast").write_bytes(b"\0" * 96 * 1024)
    lines = (project / "trace.jsonl").read_text().splitlines(keepends=True)
    (project / "trace.jsonl").write_text("".join(lines[:60]))
    for _ in range(20):
        if run(project, disk, "--store", "results").exit_code != 0:
            break
    before = [status for _, status in check(disk)].count("passed")
    assert before > 1
    (disk / "ballast").unlink()

    pruned = assay("runs", "prune", "--keep", "1", "--db", disk / "assay.db", cwd=project)

    assert pruned.exit_code == 0, pruned.err
    assert "removed" in pruned.out
    assert run(project, disk, "--store", "results").exit_code == 0
    check(disk)


def test_a_disk_without_room_for_a_store_is_exit_3(project: Path, disk: Path) -> None:
    fill(disk)

    full = run(project, disk)

    assert full.exit_code == 3, full.out + full.err
    assert "error[E_STORE_FAILED]" in full.err
