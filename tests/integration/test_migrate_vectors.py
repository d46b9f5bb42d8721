"""Old files of the Rust project: each migrates, or is refused with a code at a line; none is half migrated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from assay_core.cli.app import main
from tests.vectors import vectors_dir

for _package in ("assay_importer_jsonl", "assay_metric_standard"):
    pytest.importorskip(_package, reason=f"{_package.replace('_', '-')} is not installed here")

ZOO, OLD = "tests/fixtures/migrate-zoo", "tests/fixtures/migration"
REFUSED = {
    f"{ZOO}/01_anchors_and_aliases.yaml": ("E_CFG_VACUOUS", 7),  # its aliased schema is bare: it names no tool
    f"{ZOO}/02_weird_paths.yaml": ("E_CFG_UNKNOWN_KEY", 10),  # `policies`, which nobody ever evaluated
    f"{ZOO}/03_nulls_and_empty.yaml": ("E_CFG_VACUOUS", 21),
    f"{OLD}/compat_anchors.yaml": ("E_CFG_VACUOUS", 12),
    f"{OLD}/compat_unknown.yaml": ("E_CFG_UNKNOWN_KEY", 4),
    f"{OLD}/complex_expected.yaml": ("E_CFG_VACUOUS", 9),
    f"{OLD}/complex_legacy.yaml": ("E_PATH_NOT_FOUND", 8),  # its paths start in another folder, which this is not
    f"{OLD}/policies/dup_seq.yaml": ("E_CFG_KIND", 1),
    f"{OLD}/policies/empty.yaml": ("E_CFG_KIND", 1),
    f"{OLD}/policies/strict.yaml": ("E_CFG_KIND", 1),
    "examples/demo/assay-safe.yaml": ("E_CFG_VACUOUS", 9),
    "examples/demo/common-mistake/assay.yaml": ("E_CFG_VACUOUS", 12),
    "tests/fixtures/contract/invalid.yaml": ("E_CFG_UNKNOWN_KEY", 4),
    "tests/fixtures/golden/eval_broken.yaml": ("E_CFG_PARSE", 14),
    "tests/fixtures/golden/legacy_eval.yaml": ("E_POLICY_UNSUPPORTED", 1),  # in the file that it names
    "tests/fixtures/mcp/malformed.yaml": ("E_CFG_PARSE", 3),
    "tests/parity_suite.yaml": ("E_CFG_UNKNOWN_KEY", 14),
    "tests/regex_compatibility.yaml": ("E_REGEX_INVALID", 9),
    "tests/security_audit/policies/claude_production.yaml": ("E_CFG_PARSE", 36),
    "tests/security_audit/policies/constraints.yaml": ("E_CFG_PARSE", 13),
}
MIGRATED = (
    f"{ZOO}/04_legacy_syntax.yaml",
    "demo/fixtures/eval.yaml",
    "demo/fixtures/assay.yaml",
    "examples/baseline-gate/eval.yaml",
    "examples/demo/common-mistake/policy.yaml",
    "examples/negation-safety/eval.yaml",
    "tests/fixtures/contract/pass.yaml",
    "tests/fixtures/contract/fail.yaml",
    "tests/fixtures/mcp/policy.yaml",
    "tests/security_audit/policies/allowlist.yaml",
    "crates/assay-cli/packs/default-policy.yaml",
    "crates/assay-cli/packs/dev-policy.yaml",
    "crates/assay-cli/packs/hardened-policy.yaml",
    "crates/assay-cli/tests/golden/entropy/expected.yaml",
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def migrate(*words: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["migrate", "--format", "json", *map(str, words)])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_old_file_that_checks_nothing_or_says_what_nobody_knows_is_refused(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = migrate("--check", vectors_dir() / "upstream" / name, capsys=capsys)

    assert (code, told["error"]["code"], told["error"]["line"]) == (2, *REFUSED[name])


@pytest.mark.parametrize("name", MIGRATED)
def test_an_old_file_is_migrated_once_and_comes_back_byte_for_byte(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = vectors_dir() / "upstream" / name
    folder = tmp_path / "copy"
    shutil.copytree(source.parent, folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    path = folder / source.name

    done = migrate(path, capsys=capsys)
    written = path.read_bytes()
    again = migrate(path, capsys=capsys)
    checked = migrate("--check", path, capsys=capsys)
    back = migrate("--rollback", path, capsys=capsys)

    assert (done[0], done[1]["written"], again[1]["changed"], checked[0], back[0]) == (0, True, False, 0, 0)
    assert done[1]["proof"]["differing"] == 0
    assert written != path.read_bytes() == source.read_bytes()
    lines = [line.strip() for line in source.read_text().splitlines() if line.strip().startswith("#")]
    assert [line for line in lines if line not in written.decode()] == []


def test_paths_that_start_in_the_working_directory_are_followed_as_the_rust_project_did(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(vectors_dir() / "upstream")

    code, told = migrate("--check", f"{OLD}/complex_legacy.yaml", capsys=capsys)

    places = [told["error"]["file"], *(each["file"] for each in told["error"]["others"])]
    assert (code, told["error"]["code"]) == (2, "E_POLICY_UNSUPPORTED"), "two of them are bare schemas"
    assert [Path(place).name for place in places] == ["empty.yaml", "strict.yaml"]


def test_every_file_is_migrated_or_refused_with_a_registered_code(capsys: pytest.CaptureFixture[str]) -> None:
    from assay_core.errors import find_code

    root = vectors_dir() / "upstream"
    outcomes: dict[int, int] = {0: 0, 1: 0, 2: 0}
    for path in sorted(root.rglob("*.yaml")):
        code, told = migrate("--check", path, capsys=capsys)
        outcomes[code] += 1
        if code == 2:
            assert told["error"]["code"] != "E_MIGRATION_LOSSY", path
            assert find_code(told["error"]["code"]), path
            assert told["error"]["line"], path

    assert outcomes[0] >= 15
    assert outcomes[1] >= 25
    assert outcomes[2] >= 30
