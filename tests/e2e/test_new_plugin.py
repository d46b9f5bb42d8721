"""`make new-plugin` makes a plugin of each kind that passes its tests, format and lint as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def run(words: list[str], folder: Path, path: list[Path], *, expect: int = 0) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_", "ASSAY_"))}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == expect, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The parts of a checkout that a new plugin touches or needs."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("assay_core", "plugins/new_plugin"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignore)
    for name in ("pyproject.toml", "requirements/dev.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("kind", ["importer", "metric", "check", "reporter", "enforcer"])
def test_new_plugin_passes_its_tests_as_it_is(repository: Path, kind: str) -> None:
    run(["plugins/new_plugin", kind, "loop-depth"], repository, [])

    folder = f"plugins/{kind}s/loop-depth"
    assert f"-e {folder}\n" in (repository / "requirements" / "dev.txt").read_text()
    site = repository / "site"
    pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    run([*pip, "--target", str(site), str(repository / folder)], repository, [])
    printed = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", f"{folder}/tests"], repository, [repository, site])
    assert " passed" in printed
    run(["-m", "ruff", "check", folder, "assay_core/plugins"], repository, [])
    run(["-m", "ruff", "format", "--check", folder], repository, [])


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [("sink", "a", "KIND is one of"), ("metric", "../a", "lower-case words"), ("metric", "A", "lower-case words")],
)
def test_new_plugin_refuses_kinds_and_names_that_cannot_be(
    repository: Path, kind: str, name: str, message: str
) -> None:
    before = sorted(repository.rglob("*"))

    assert message in run(["plugins/new_plugin", kind, name], repository, [], expect=1)

    assert [path for path in sorted(repository.rglob("*")) if "__pycache__" not in path.parts] == before


def test_new_plugin_leaves_an_existing_folder_alone(repository: Path) -> None:
    run(["plugins/new_plugin", "metric", "mine"], repository, [])

    assert "exists already" in run(["plugins/new_plugin", "metric", "mine"], repository, [], expect=1)
