"""Folder, distribution, package, group and list: one name, derived, for every plugin."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from assay_core import API_VERSION, __version__
from assay_core.plugins.first_party import FIRST_PARTY
from assay_core.plugins.metadata import admits_api
from assay_core.plugins.record import DRIVER_GROUPS, GROUPS

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in REPOSITORY.glob("plugins/*/*/pyproject.toml"))
DISTRIBUTIONS = [
    REPOSITORY,
    *FOLDERS,
    *(path.parent for path in REPOSITORY.glob("sdk/pyproject.toml")),
    *(path.parent for path in REPOSITORY.glob("docs/examples/*/pyproject.toml")),
]


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())  # a TOML document


def name_of(folder: Path) -> str:
    return "/".join(folder.relative_to(REPOSITORY).parts) or "."


def test_there_are_plugins_to_look_at() -> None:
    assert len(FOLDERS) >= 7


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_folder_gives_distribution_package_and_group(folder: Path) -> None:
    _, kinds, name = folder.relative_to(REPOSITORY).parts
    kind = kinds.removesuffix("s")
    distribution = f"assay-{kind}-{name}"
    package = distribution.replace("-", "_")
    found = project(folder)

    assert kinds in ("importers", "metrics", "checks", "reporters", "enforcers")
    assert found["project"]["name"] == distribution
    assert found["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [f"src/{package}"]
    assert (folder / "src" / package / "__init__.py").is_file()
    assert (folder / "src" / package / "py.typed").is_file()
    groups = found["project"]["entry-points"]
    assert f"assay.{kinds}" in groups
    assert set(groups) <= set(GROUPS)
    targets = [target for entries in groups.values() for target in entries.values()]
    assert [target for target in targets if target.partition(":")[0].partition(".")[0] != package] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_plugin_needs_the_core_capped_on_the_api_alone(folder: Path) -> None:
    (need,) = [
        each.removeprefix("assay-core") for each in project(folder)["project"]["dependencies"] if "assay-core" in each
    ]

    assert need == f">={__version__},<{API_VERSION + 1}"
    assert admits_api(need, API_VERSION)


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=name_of)
def test_all_distributions_have_one_version(folder: Path) -> None:
    if name_of(folder).startswith("docs/"):
        pytest.skip("an example of a third party has a version of its own")
    assert project(folder)["project"]["version"] == __version__


def test_the_core_ships_the_list_of_exactly_these_plugins() -> None:
    offered: dict[str, dict[str, str]] = {}
    for folder in FOLDERS:
        found = project(folder)["project"]
        for group, entries in found["entry-points"].items():
            for name in entries:
                offered.setdefault(group, {})[name] = found["name"]

    assert {group: names for group, names in FIRST_PARTY.items() if names} == offered


def test_every_group_of_drivers_has_a_contract_or_is_for_later() -> None:
    from assay_core.plugins.contract import PROTOCOLS

    later = {"assay.executors", "assay.stores", "assay.lint"}

    assert set(DRIVER_GROUPS) - set(PROTOCOLS) == later


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_every_plugin_inherits_the_contract_of_its_kind(folder: Path) -> None:
    kind = folder.parent.name.removesuffix("s")
    contract = {"check": "PolicyCheck"}.get(kind, kind.capitalize()) + "Contract"

    tests = [path.read_text() for path in (folder / "tests").rglob("test_*.py")]

    assert any(f"({contract})" in text for text in tests), f"no test class of {folder.name} inherits {contract}"
