"""Each distribution from its wheel, in an environment with nothing but what it declares.

`.ci/run` builds the wheels and names their folder in ASSAY_WHEELS; without it everything here is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path.parent for path in REPOSITORY.glob("plugins/*/*/pyproject.toml"))
WHEELS = os.environ.get("ASSAY_WHEELS", "")

pytestmark = pytest.mark.skipif(not WHEELS, reason="ASSAY_WHEELS is unset: `.ci/run` builds the wheels and tests them")


class Environment:
    """A virtual environment that is filled from the built wheels alone."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"
        run([sys.executable, "-m", "venv", "--without-pip", str(folder)])

    def install(self, *requirements: str) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet", "--no-index"]
        run([*pip, "--only-binary", ":all:", "--find-links", WHEELS, *requirements])

    def tool(self, name: str) -> str:
        return str(self.python.parent / name)

    def distributions(self) -> list[str]:
        listed = run([sys.executable, "-m", "pip", "--python", str(self.python), "list", "--format", "json"])
        return sorted(each["name"] for each in json.loads(listed))

    def test(self, *folders: Path) -> str:
        """Run pytest there, without xdist's workers and without this process's settings; return what it printed."""
        words = [self.tool("pytest"), "-q", "-p", "no:cacheprovider", *map(str, folders)]
        return run(words, cwd=REPOSITORY)


def run(words: list[str], *, cwd: Path | None = None, expect: int = 0) -> str:
    dropped = ("PYTEST_", "COV_", "ASSAY_", "PYTHONPATH")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == expect, f"{words}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


def project(folder: Path) -> dict[str, object]:
    return dict(tomllib.loads((folder / "pyproject.toml").read_text())["project"])


@pytest.mark.parametrize("plugin", PLUGINS, ids=[folder.name for folder in PLUGINS])
def test_plugin_passes_its_own_suite_where_only_the_core_and_itself_are(plugin: Path, environment: Environment) -> None:
    declared = project(plugin)
    extras = "[test]" if "test" in dict(declared.get("optional-dependencies", {})) else ""  # type: ignore[call-overload]  # a table
    environment.install(f"{declared['name']}{extras}", "assay-core[testing]")

    printed = environment.test(plugin / "tests")

    assert " passed" in printed
    needed = {name for name in environment.distributions() if name.startswith("assay-")}
    allowed = {str(each).split(">")[0].split("[")[0] for each in declared["dependencies"]}  # type: ignore[attr-defined]  # a list
    assert needed <= {str(declared["name"]), *allowed}


def test_sdk_brings_the_default_plugins_and_passes_its_own_suite(environment: Environment) -> None:
    declared = project(REPOSITORY / "sdk")
    environment.install("assay[test]", "assay-core[testing]")

    printed = environment.test(REPOSITORY / "sdk" / "tests")

    assert " passed" in printed
    defaults = {str(each).split(">")[0].split("[")[0] for each in declared["dependencies"]}  # type: ignore[attr-defined]  # a list
    ours = {name for name in environment.distributions() if name.startswith("assay")}
    assert ours == {"assay", *(name for name in defaults if name.startswith("assay-"))}
    assert run([environment.tool("assay"), "version"]).startswith("assay ")


def test_core_passes_its_own_suite_where_no_plugin_is(environment: Environment) -> None:
    environment.install("assay-core[testing]", "-r", str(REPOSITORY / "requirements" / "test.txt"))

    printed = environment.test(REPOSITORY / "tests" / "unit", REPOSITORY / "tests" / "integration")

    assert " passed" in printed
    assert [name for name in environment.distributions() if name.startswith("assay-")] == ["assay-core"]


def test_core_alone_is_small(environment: Environment) -> None:
    environment.install("assay-core")

    installed = environment.distributions()
    packages = next((environment.python.parent.parent / "lib").glob("python3.*")) / "site-packages"
    size = sum(path.lstat().st_size for path in packages.rglob("*") if path.is_file())

    assert "assay-core" in installed
    assert len(installed) <= 14, installed
    assert size <= 60_000_000
    assert run([environment.tool("assay"), "version"]).startswith("assay ")


def test_four_distributions_validate_a_real_trace(environment: Environment, tmp_path: Path) -> None:
    wanted = ["assay-core", "assay-importer-jsonl", "assay-metric-standard", "assay-reporter-sarif"]
    environment.install(*wanted)
    traces = REPOSITORY / "docs" / "examples" / "demo" / "traces"
    assay = environment.tool("assay")

    run([assay, "init", "--from-trace", str(traces / "careful.jsonl")], cwd=tmp_path)

    assert [name for name in environment.distributions() if name.startswith("assay-")] == wanted
    run([assay, "validate", str(traces / "careful.jsonl")], cwd=tmp_path)
    run([assay, "validate", str(traces / "careless.jsonl")], cwd=tmp_path, expect=1)
    run([assay, "ci", str(traces / "careless.jsonl"), "--sarif", "out.sarif"], cwd=tmp_path, expect=1)
    assert json.loads((tmp_path / "out.sarif").read_text())["runs"][0]["results"]
    run([assay, "ci", str(traces / "careful.jsonl"), "--junit", "out.xml"], cwd=tmp_path, expect=2)
