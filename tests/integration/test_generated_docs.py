"""The reference pages are made from the code, and a page that is not is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.first_party import FIRST_PARTY
from docs import generate


@pytest.fixture(autouse=True)
def _all_plugins() -> None:
    catalogue = Catalogue.scan()
    for group in ("assay.metrics", "assay.checks"):
        here = {each.name for each in catalogue.records(group)}
        if missing := FIRST_PARTY[group].keys() - here:
            pytest.skip(
                f"the pages describe every plugin of the repository; not installed: {', '.join(sorted(missing))}"
            )


def test_a_page_is_written_once_and_then_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"reference/a.md": lambda: "# A\n"}
    monkeypatch.setattr(generate, "pages", lambda: made)
    monkeypatch.setattr(generate, "DOCS", tmp_path)

    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0

    assert (tmp_path / "reference" / "a.md").read_text() == "# A\n"
    assert "run `make docs`" in capsys.readouterr().err


def test_a_page_that_was_changed_by_hand_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "pages", lambda: {"a.md": lambda: "one\n"})
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    (tmp_path / "a.md").write_text("two\n")

    assert generate.main(["--check"]) == 1

    assert "-two" in capsys.readouterr().err
    assert (tmp_path / "a.md").read_text() == "two\n"


def test_wrong_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["reference/eval-yaml.md", "reference/reason-codes.md", "reference/settings.md"])
def test_a_page_of_this_repository_is_fresh(name: str) -> None:
    made = generate.pages()[name]()

    assert (generate.DOCS / name).read_text() == made, "run `make docs`"


def test_every_key_of_the_page_about_suites_has_a_meaning() -> None:
    page = generate.pages()["reference/eval-yaml.md"]()

    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert all(cells[0] for cells in rows)
