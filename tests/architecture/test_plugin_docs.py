"""The pages for plugin authors say what is so: their code is the example's, their tables are the code's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assay_core import errors, model, testing
from assay_core.errors import find_code
from assay_core.plugins.record import GROUPS
from docs.generators import contracts
from docs.generators import model as model_page

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = REPOSITORY / "docs" / "plugin-authors"
EXAMPLE = REPOSITORY / "docs" / "examples" / "assay-metric-example"
LATER = {"assay.executors", "assay.stores", "assay.lint"}


def files_shown() -> dict[str, str]:
    page = (PAGES / "first-metric.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", page, flags=re.M | re.S))


def test_first_metric_shows_the_files_of_the_example() -> None:
    shown = files_shown()

    assert {"pyproject.toml", "src/assay_metric_example/max_repeats.py", "tests/test_max_repeats.py"} <= set(shown)
    assert {name: (EXAMPLE / name).read_text(encoding="utf-8") for name in shown} == shown


@pytest.mark.parametrize(("most", "code"), [(2, 1), (3, 0)])
def test_first_metric_ends_as_the_page_says(tmp_path: Path, most: int, code: int) -> None:
    from assay_core.plugins.catalogue import Catalogue

    if not any(each.name == "example.max_repeats" for each in Catalogue.scan().all):
        pytest.skip("assay-metric-example is not installed here")
    if not any(each.name == "jsonl" for each in Catalogue.scan().all):
        pytest.skip("assay-importer-jsonl is not installed here")
    shutil.copytree(EXAMPLE / "try", tmp_path, dirs_exist_ok=True)
    suite = tmp_path / "eval.yaml"
    suite.write_text(suite.read_text().replace("max: 2", f"max: {most}"))

    done = subprocess.run(
        [sys.executable, "-m", "assay_core", "validate", "trace.jsonl"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == code, done.stdout + done.stderr
    assert ("trace.jsonl:4: " in done.stdout + done.stderr) is (code == 1)


def test_reference_of_contracts_hooks_and_values_is_fresh() -> None:
    for name, make in {**contracts.PAGES, **model_page.PAGES}.items():
        page = REPOSITORY / "docs" / name
        assert page.read_text(encoding="utf-8") == make(), f"{name} is out of step: run `make docs`"


def test_reference_of_values_has_every_public_name() -> None:
    page = (REPOSITORY / "docs" / "reference" / "model.md").read_text(encoding="utf-8")
    told = re.findall(r"^### (\w+)$|^(\w+) = ", page, flags=re.M)
    names = {name for pair in told for name in pair if name}

    assert {*model.__all__, *errors.__all__} - names == {"CODES"}


def test_every_group_is_in_the_table() -> None:
    page = (PAGES / "README.md").read_text(encoding="utf-8")

    assert set(re.findall(r"`(assay\.\w+)`", page)) == set(GROUPS) - LATER


def test_every_code_that_the_pages_name_is_registered() -> None:
    codes = {code for page in PAGES.glob("*.md") for code in re.findall(r"`(E_\w+)`", page.read_text(encoding="utf-8"))}

    assert codes
    assert [code for code in codes if find_code(code) is None] == []


def test_the_page_about_the_kit_names_what_it_exports() -> None:
    page = (PAGES / "conformance-kit.md").read_text(encoding="utf-8")
    plumbing = {"PluginContract", "ClosedOutputs", "expectation_of", "section_of", "deviates"}
    hooks = {name for name in testing.__all__ if name.startswith("pytest_")}

    assert [name for name in testing.__all__ if name not in page and name not in plumbing | hooks] == []
