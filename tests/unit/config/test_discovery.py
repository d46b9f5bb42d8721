"""Files are found by what they hold, in the nearest folder that has one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assay_core.config import Found, discover, kind_of
from assay_core.config.discovery import file_kind
from assay_core.documents import parse_document
from assay_core.errors import InputError
from assay_core.policy.reading.forms import LEGACY_KEYS, POLICY_KEYS


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("configVersion: 1", "suite"),
        ("version: 1", "suite"),
        ("version: 0\ntests: []", "suite"),
        ("suite: s\ntests: []", "suite"),
        ("tests: []\nlimits: {}", "suite"),
        ('version: "2.0"', "policy"),
        ("version: 2.0", "policy"),
        ("version: '1'", "policy"),
        ("tools: {allow: [a]}", "policy"),
        ("allow: [a]", "policy"),
        ("version: true", "policy"),
        ("a: 1", "unknown"),
        ("- a", "unknown"),
        ("", "unknown"),
        ("text", "unknown"),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_keys(text: str, kind: str) -> None:
    assert file_kind(parse_document(text, "assay.yaml")) == kind


@pytest.mark.parametrize("key", sorted({*POLICY_KEYS, *LEGACY_KEYS} - {"version", "name"}))
def test_every_key_of_a_policy_gives_it_away(key: str) -> None:
    assert file_kind(parse_document(f"{key}: {{}}", "assay.yaml")) == "policy"


def test_a_mapping_of_tools_to_schemas_is_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("read_file: {type: object}\n")

    assert kind_of(path) == "policy"


@pytest.mark.parametrize("text", ["a: 1\n", "- a\n", ""])
def test_what_is_neither_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)

    with pytest.raises(InputError) as caught:
        kind_of(path)

    assert caught.value.code == "E_CFG_KIND"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder.resolve()


def test_eval_yaml_comes_before_assay_yaml(tmp_path: Path) -> None:
    here = write(tmp_path, eval="version: 1", assay="version: 1", policy="version: '2.0'")

    assert discover(here) == Found(suite=here / "eval.yaml", policy=here / "policy.yaml")


def test_an_assay_yaml_is_what_it_holds(tmp_path: Path) -> None:
    suite = write(tmp_path / "a", assay="version: 1")
    policy = write(tmp_path / "b", assay="version: '2.0'")

    assert discover(suite) == Found(suite=suite / "assay.yaml")
    assert discover(policy) == Found(policy=policy / "assay.yaml")


def test_the_nearest_folder_with_any_of_them_counts(tmp_path: Path) -> None:
    top = write(tmp_path, eval="version: 1", policy="version: '2.0'")
    middle = write(tmp_path / "middle", assay="something: else")
    below = write(tmp_path / "middle" / "below")

    assert discover(below) == discover(middle) == Found(suite=top / "eval.yaml", policy=top / "policy.yaml")


def test_a_broken_assay_yaml_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, eval="version: 1")
    below = write(tmp_path / "below", assay="version: [")

    with pytest.raises(InputError) as caught:
        discover(below)

    assert caught.value.place is not None
    assert caught.value.place.file == str(below / "assay.yaml")


def test_folders_of_these_names_are_no_files(tmp_path: Path) -> None:
    for name in ("eval.yaml", "policy.yaml", "assay.yaml"):
        (tmp_path / "x" / name).mkdir(parents=True)

    assert discover(tmp_path / "x").suite is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_may_not_be_looked_into_has_nothing(tmp_path: Path) -> None:
    here = write(tmp_path / "closed", eval="version: 1")
    here.chmod(0)
    try:
        assert discover(here).suite is None
    finally:
        here.chmod(0o700)
