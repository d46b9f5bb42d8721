"""The how-to about suites leaves no type of assay-metric-standard out; `test_docs.py` runs its examples."""

from __future__ import annotations

from pathlib import Path

from assay_core.plugins.first_party import FIRST_PARTY

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "write-a-suite.md"


def test_the_page_has_an_example_of_every_expected_type_and_assertion() -> None:
    text = PAGE.read_text(encoding="utf-8")
    standard = [name for name, dist in FIRST_PARTY["assay.metrics"].items() if dist == "assay-metric-standard"]
    names = {name.removeprefix("assert.") for name in standard}

    assert {name for name in names if f"type: {name}" not in text} == set()
