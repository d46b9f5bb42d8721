"""Discovery: what is installed is read from metadata, whatever the metadata says."""

import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from assay_core.errors import PluginFault, UsageError
from assay_core.model import PluginRules
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.record import PluginRecord
from tests.unit.plugins.conftest import FAKES

Fakes = Callable[..., Catalogue]


def states(catalogue: Catalogue) -> dict[str, str]:
    return {each.name: each.state for each in catalogue.all}


def test_record_tells_what_the_metadata_says(fakes: Fakes) -> None:
    (record,) = fakes("good").records("assay.metrics")

    assert (record.group, record.name, record.dist, record.version) == (
        "assay.metrics",
        "acme.latency",
        "acme-latency",
        "1.2",
    )
    assert (record.state, record.reason, record.target) == ("ready", "", "acme_latency:Latency")
    assert record.requires_core == ">=1.0.0a1,<2"  # not the line in the body of METADATA
    assert record.summary == "A fake plugin for the tests of assay"
    assert record.location == str(FAKES / "good")


def test_scan_imports_nothing(fakes: Fakes) -> None:
    before = set(sys.modules)

    fakes("good", "broken", "slow", "heavy", "exiting", "commands", "listeners")

    assert not [name for name in set(sys.modules) - before if name.startswith("acme_")]


def test_scan_reads_the_disk_once_for_the_same_path(tmp_path: Path) -> None:
    first = Catalogue.scan([str(tmp_path)])
    shutil.copytree(FAKES / "good", tmp_path, dirs_exist_ok=True)

    assert Catalogue.scan([str(tmp_path)]) is first


def test_scan_keeps_nothing_on_disk(tmp_path: Path) -> None:
    shutil.copytree(FAKES / "good", tmp_path, dirs_exist_ok=True)
    before = sorted(map(str, tmp_path.rglob("*")))

    Catalogue.scan([str(tmp_path)])

    assert sorted(map(str, tmp_path.rglob("*"))) == before


def test_records_are_sorted_by_group_name_and_distribution(fakes: Fakes) -> None:
    forwards = fakes("colliding", "good", "listeners", "commands").all
    backwards = fakes("commands", "listeners", "good", "colliding").all

    assert forwards == backwards
    assert list(forwards) == sorted(forwards, key=lambda each: (each.group, each.name, each.dist))


def test_two_distributions_claiming_a_name_collide_and_neither_is_given(fakes: Fakes) -> None:
    catalogue = fakes("colliding")

    assert [each.state for each in catalogue.all] == ["colliding", "colliding"]
    with pytest.raises(UsageError) as caught:
        catalogue.find("assay.metrics", "acme.clash")
    assert caught.value.code == "E_PLUGIN_AMBIGUOUS"
    assert "acme-one 1.0" in caught.value.message
    assert "acme-two 2.0" in caught.value.message
    assert "acme.clash@acme-one or acme.clash@acme-two" in caught.value.remedy


@pytest.mark.parametrize("dist", ["acme-one", "acme-two", "Acme.Two"])
def test_a_name_with_its_distribution_chooses_among_colliding_ones(fakes: Fakes, dist: str) -> None:
    record = fakes("colliding").find("assay.metrics", f"acme.clash@{dist}")

    assert record.dist == dist.lower().replace(".", "-")


def test_denying_one_of_two_ends_the_collision(fakes: Fakes) -> None:
    catalogue = fakes("colliding").under(PluginRules(deny=("acme-one",)))

    assert catalogue.find("assay.metrics", "acme.clash").dist == "acme-two"
    assert [(each.dist, each.state) for each in catalogue.all] == [("acme-one", "denied"), ("acme-two", "ready")]


def test_a_plugin_for_another_api_is_incompatible(fakes: Fakes) -> None:
    catalogue = fakes("old_api")

    with pytest.raises(PluginFault) as caught:
        catalogue.find("assay.metrics", "acme.old")
    assert caught.value.code == "E_PLUGIN_INCOMPATIBLE"
    assert caught.value.distribution == "acme-old 0.9"
    assert "<1,>=0.3" in caught.value.message


def test_an_incompatible_plugin_still_claims_its_name(tmp_path: Path) -> None:
    shutil.copytree(FAKES / "old_api", tmp_path, dirs_exist_ok=True)
    rival = tmp_path / "acme_rival-1.dist-info"
    rival.mkdir()
    (rival / "METADATA").write_text("Name: acme-rival\nVersion: 1\n\n")
    (rival / "entry_points.txt").write_text("[assay.metrics]\nacme.old = rival:Old\n")

    with pytest.raises(UsageError) as caught:
        Catalogue.scan([str(tmp_path)]).find("assay.metrics", "acme.old")

    assert caught.value.code == "E_PLUGIN_AMBIGUOUS"


def test_malformed_metadata_gives_records_that_say_why(fakes: Fakes) -> None:
    reasons = {each.name: each.reason for each in fakes("malformed").all if each.state != "ready"}

    expected = {
        "acme.nometa": "acme_nometa-1.0.dist-info has no readable METADATA",
        "acme.noversion": "no Name or no Version",
        "acme.impostor": "is that of 'assay-metric-standard'",
        "acme.noequals": "has no `=`",
        "acme.badtarget": "is not of the form module:attribute",
        "acme.noattribute": "names no attribute",
        "acme.twice": "twice",
        "": "has no name",
        "acme.at@dist": "letters, digits",
        "acme.\x1b[31mred": "letters, digits",
        "acme.group": "no plugin group 'assay.metric'",
        "acme.\ufffd\ufffd": "letters, digits",
        "must_contain": "'acme.must_contain'",
        "assert.mine": "'acme.mine'",
        "version": "'acme.version'",
        "acme.specifier": "it needs assay-core >=banana",
    }
    assert set(reasons) == set(expected)
    assert not {name: reasons[name] for name, part in expected.items() if part not in reasons[name]}


def test_a_name_offered_twice_by_one_distribution_is_not_given(fakes: Fakes) -> None:
    with pytest.raises(PluginFault) as caught:
        fakes("malformed").find("assay.metrics", "acme.twice")

    assert caught.value.code == "E_PLUGIN_BROKEN"


def test_a_broken_line_does_not_spoil_its_neighbours(fakes: Fakes) -> None:
    assert fakes("malformed").find("assay.metrics", "acme.fine").dist == "acme-lines"


def test_an_interrupted_installation_and_other_programs_are_no_plugins(fakes: Fakes) -> None:
    assert not {"acme.leftover", "other", "acme"} & set(states(fakes("malformed")))


def test_asking_for_a_broken_record_names_the_distribution(fakes: Fakes) -> None:
    with pytest.raises(PluginFault) as caught:
        fakes("malformed").find("assay.metrics", "acme.nometa")

    assert caught.value.code == "E_PLUGIN_BROKEN"
    assert caught.value.distribution == "acme-nometa"


def test_two_versions_in_one_folder_are_broken(tmp_path: Path) -> None:
    shutil.copytree(FAKES / "good", tmp_path, dirs_exist_ok=True)
    shutil.copytree(FAKES / "good/acme_latency-1.2.dist-info", tmp_path / "acme_latency-1.1.dist-info")

    (record,) = Catalogue.scan([str(tmp_path)]).all

    assert record.state == "broken"
    assert "acme_latency-1.1.dist-info and acme_latency-1.2.dist-info" in record.reason


def test_the_first_path_entry_wins_as_it_does_for_imports(tmp_path: Path) -> None:
    for version in ("1", "2"):
        folder = tmp_path / version / f"acme_latency-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: acme-latency\nVersion: {version}\n\n")
        (folder / "entry_points.txt").write_text("[assay.metrics]\nacme.latency = acme_latency:Latency\n")

    (record,) = Catalogue.scan([str(tmp_path / "2"), str(tmp_path / "1")]).all

    assert (record.version, record.state) == ("2", "ready")


def test_a_zip_file_on_the_path_is_read(tmp_path: Path) -> None:
    archive = tmp_path / "plugins.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted((FAKES / "good").rglob("*")):
            if path.is_file():
                target.write(path, path.relative_to(FAKES / "good"))

    (record,) = Catalogue.scan([str(archive)]).all

    assert (record.name, record.version, record.state) == ("acme.latency", "1.2", "ready")


def test_path_entries_that_are_nothing_or_no_archive_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    (tmp_path / "damaged.zip").write_bytes(b"PK\x03\x04" + os.urandom(64))

    catalogue = Catalogue.scan([str(tmp_path / "text"), str(tmp_path / "damaged.zip"), str(tmp_path / "no"), "a\0b"])

    assert catalogue.all == ()


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop"])
def test_an_entry_points_file_that_is_no_file_neither_blocks_nor_raises(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "acme_odd-1.dist-info"
    folder.mkdir()
    odd = folder / "entry_points.txt"
    if kind == "fifo":
        os.mkfifo(odd)
    elif kind == "folder":
        odd.mkdir()
    else:
        odd.symlink_to(odd)

    assert Catalogue.scan([str(tmp_path)]).all == ()


def test_an_oversized_entry_points_file_is_broken(tmp_path: Path) -> None:
    folder = tmp_path / "acme_large-1.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_text("[assay.metrics]\n" + "# padding\n" * 120_000)

    (record,) = Catalogue.scan([str(tmp_path)]).all

    assert (record.dist, record.state, record.reason) == (
        "acme-large",
        "broken",
        "entry_points.txt is larger than 1 MiB",
    )


def test_assay_plugins_none_denies_everything(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_PLUGINS", "none")

    catalogue = fakes("good", "colliding")

    assert set(states(catalogue).values()) == {"denied"}
    with pytest.raises(UsageError) as caught:
        catalogue.find("assay.metrics", "acme.latency")
    assert (caught.value.code, caught.value.remedy) == ("E_PLUGIN_DENIED", "unset ASSAY_PLUGINS")


def test_another_word_in_assay_plugins_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_PLUGINS", "nnoe")

    with pytest.raises(UsageError) as caught:
        Catalogue.scan([])

    assert caught.value.code == "E_INVALID_ARGS"


@pytest.mark.parametrize("word", ["acme-latency", "Acme_Latency", "acme.latency", "acme.latency@acme-latency"])
def test_deny_takes_distributions_and_names(fakes: Fakes, word: str) -> None:
    catalogue = fakes("good").under(PluginRules(deny=(word,)))

    with pytest.raises(UsageError) as caught:
        catalogue.find("assay.metrics", "acme.latency")
    assert caught.value.code == "E_PLUGIN_DENIED"
    assert repr(word) in caught.value.message


def test_allow_is_exclusive(fakes: Fakes) -> None:
    catalogue = fakes("good", "listeners").under(PluginRules(allow=("acme.latency",)))

    assert {each.name for each in catalogue.all if each.state == "ready"} == {"acme.latency"}
    with pytest.raises(UsageError) as caught:
        catalogue.find("assay.hooks", "acme.ears")
    assert caught.value.code == "E_PLUGIN_DENIED"


def test_an_empty_allow_list_allows_nothing(fakes: Fakes) -> None:
    assert states(fakes("good").under(PluginRules(allow=()))) == {"acme.latency": "denied"}


def test_later_rules_narrow_and_never_widen(fakes: Fakes) -> None:
    narrow = fakes("good").under(PluginRules(deny=("acme-latency",))).under(PluginRules(allow=("acme-latency",)))

    assert states(narrow) == {"acme.latency": "denied"}


def test_a_missing_first_party_name_names_the_distribution_to_install(fakes: Fakes) -> None:
    with pytest.raises(UsageError) as caught:
        fakes("good").find("assay.metrics", "must_contain")

    assert (caught.value.code, caught.value.remedy) == ("E_PLUGIN_MISSING", "pip install assay-metric-standard")


def test_a_misspelt_name_is_answered_with_the_nearest(fakes: Fakes) -> None:
    with pytest.raises(UsageError) as caught:
        fakes("good").find("assay.metrics", "acme.latenzy")

    assert caught.value.code == "E_PLUGIN_MISSING"
    assert "did you mean 'acme.latency'?" in caught.value.remedy


def test_a_name_of_another_distribution_than_the_one_chosen_is_missing(fakes: Fakes) -> None:
    with pytest.raises(UsageError) as caught:
        fakes("good").find("assay.metrics", "acme.latency@acme-other")

    assert caught.value.code == "E_PLUGIN_MISSING"
    assert "pip install acme-other" in caught.value.remedy


def test_record_is_frozen_and_survives_a_process_border(fakes: Fakes) -> None:
    import pickle

    (record,) = fakes("good").all

    with pytest.raises(AttributeError):
        record.state = "denied"
    copied = pickle.loads(pickle.dumps(record))
    assert copied == record
    assert hash(copied) == hash(record)
    assert isinstance(copied, PluginRecord)
