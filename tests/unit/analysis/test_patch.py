"""Patches edit YAML and keep its comments."""

from pathlib import Path

import pytest

from assay_core.analysis.repair.patch import Edit, Patch, patch_diff
from assay_core.errors import InputError


def make_patch(file: Path, *edits: Edit) -> Patch:
    return Patch(id="test:patch", title="change it", risk="low", file=file, edits=edits)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("version: '2.0'  # the format\ntools:\n  allow: [a]  # only this\n  deny:\n    - b\n")
    return path


def test_a_patch_appends_to_a_list_and_keeps_every_comment(policy: Path) -> None:
    diff = patch_diff([make_patch(policy, Edit(op="add", path="/tools/allow/-", value="c"))])

    assert "-  allow: [a]  # only this\n+  allow: [a, c] # only this\n" in diff


def test_a_patch_removes_replaces_and_moves(policy: Path) -> None:
    edits = (
        Edit(op="replace", path="/tools/deny/0", value="z"),
        Edit(op="move", path="/tools/refused", from_path="/tools/deny"),
        Edit(op="remove", path="/tools/allow/0"),
    )

    diff = patch_diff([make_patch(policy, *edits)])

    assert "+  refused:\n" in diff
    assert "+    - z\n" in diff


@pytest.mark.parametrize(
    "edit",
    [
        Edit(op="remove", path="/tools/none"),
        Edit(op="replace", path="/tools/deny/7", value="z"),
        Edit(op="add", path="no pointer", value=1),
        Edit(op="remove", path="/tools/deny/-"),
    ],
)
def test_an_edit_whose_place_is_gone_is_an_error(policy: Path, edit: Edit) -> None:
    with pytest.raises(InputError) as raised:
        patch_diff([make_patch(policy, edit)])

    assert raised.value.code == "E_PATCH_FAILED"
