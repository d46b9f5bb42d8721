"""The list of the project's own plugins."""

import pytest

from assay_core.plugins import first_party
from assay_core.plugins.first_party import FIRST_PARTY, first_party_distributions, offered_by
from assay_core.plugins.record import GROUPS


def test_every_group_of_the_list_exists() -> None:
    assert set(FIRST_PARTY) <= set(GROUPS)


def test_offered_by_names_the_distribution() -> None:
    assert offered_by("assay.reporters", "sarif") == "assay-reporter-sarif"
    assert offered_by("assay.reporters", "no-such") is None
    assert offered_by("assay.no-such", "sarif") is None


def test_a_command_is_found_by_its_first_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(first_party.FIRST_PARTY, "assay.commands", {"evidence explore": "assay-command-evidence"})

    assert offered_by("assay.commands", "evidence") == "assay-command-evidence"
    assert offered_by("assay.commands", "evi") is None


def test_names_of_first_party_plugins_have_no_dot_but_in_assert() -> None:
    names = [name.removeprefix("assert.") for each in FIRST_PARTY.values() for name in each]

    assert not [name for name in names if "." in name]
    assert "assay-metric-standard" in first_party_distributions()
