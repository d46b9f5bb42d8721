"""Patches edit YAML and keep its comments."""

from pathlib import Path

import pytest

from assay_core.analysis.repair.patch import Edit, Patch, patch_diff, patched_text
from assay_core.documents import EditableDocument
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


SECTIONS = """\
tools:
  allow:
    - a  # of a
    # about b
    - b  # of b

  # what is refused
  deny: [x, y]  # both

# forms
schemas:
  t:
    properties:
      p: {type: string}  # last

# the end
limits: {max_tool_calls_total: 3}
"""


@pytest.mark.parametrize(
    ("edit", "gone", "come"),
    [
        (Edit(op="add", path="/tools/allow/-", value="c"), "", "    - b  # of b\n    - c\n\n  # what is refused\n"),
        (
            Edit(op="remove", path="/tools/allow/1"),
            "    - b  # of b\n",
            "    - a  # of a\n    # about b\n\n  # what is refused\n",
        ),
        (Edit(op="remove", path="/tools/allow/0"), "    - a  # of a\n", "  allow:\n    # about b\n    - b  # of b\n"),
        (
            Edit(op="add", path="/schemas/u", value={"required": ["q"]}),
            "",
            "      p: {type: string}  # last\n  u:\n    required: [q]\n\n# the end\n",
        ),
        (Edit(op="remove", path="/schemas/t"), "  t:\n", "# forms\nschemas: {}\n\n# the end\n"),
        (Edit(op="replace", path="/schemas/t", value={"x": 1}), "properties", "  t:\n    x: 1\n\n# the end\n"),
        (Edit(op="move", from_path="/tools", path="/tool"), "tools:\n", "tool:\n  allow:\n    - a  # of a\n"),
    ],
)
def test_comments_stay_where_they_belong(policy: Path, edit: Edit, gone: str, come: str) -> None:
    policy.write_text(SECTIONS)

    text = patched_text(EditableDocument.read(policy), [make_patch(policy, edit)])

    assert come in text
    assert not gone or gone not in text


def test_lines_that_end_in_crlf_stay_so(policy: Path) -> None:
    policy.write_bytes(b"a: 1\r\nb: 2\r\n")

    text = patched_text(EditableDocument.read(policy), [make_patch(policy, Edit(op="replace", path="/b", value=3))])

    assert text == "a: 1\r\nb: 3\r\n"


def test_a_key_is_not_renamed_over_another(policy: Path) -> None:
    policy.write_text("a: 1\nb: 2\n")

    with pytest.raises(InputError) as raised:
        patch_diff([make_patch(policy, Edit(op="move", from_path="/a", path="/b"))])

    assert raised.value.code == "E_PATCH_FAILED"
