"""Patches are written all or none, and put back byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.analysis.repair.apply import plan_changes, written
from assay_core.analysis.repair.ids import patch_id
from assay_core.analysis.repair.patch import Edit, Patch
from assay_core.errors import AssayError, InputError


def make_patch(file: Path, *edits: Edit, name: str = "test:patch") -> Patch:
    return Patch(id=name, title="change it", risk="low", file=file, edits=edits)


def remove(file: Path, pointer: str) -> Patch:
    return make_patch(file, Edit(op="remove", path=pointer), name=f"remove:{pointer}")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"\xef\xbb\xbfdeny:\r\n  - a  # first\r\n  - b\r\n  - c\r\n")
    return path


def test_several_removals_from_one_list_take_what_each_was_made_for(policy: Path) -> None:
    plan = plan_changes([remove(policy, "/deny/0"), remove(policy, "/deny/2")])

    (change,) = plan.changes
    assert change.after == b"\xef\xbb\xbfdeny:\r\n  - b\r\n"
    assert len(plan.applied) == 2


def test_a_removal_waits_for_what_is_appended(policy: Path) -> None:
    add = make_patch(policy, Edit(op="add", path="/deny/-", value="d"))

    (change,) = plan_changes([remove(policy, "/deny/2"), add]).changes

    assert change.after == b"\xef\xbb\xbfdeny:\r\n  - a  # first\r\n  - b\r\n  - d\r\n"


def test_the_second_of_two_contradicting_patches_is_put_off(policy: Path) -> None:
    one = make_patch(policy, Edit(op="replace", path="/deny/0", value="x"), name="one:x")
    other = make_patch(policy, Edit(op="remove", path="/deny"), name="other:y")

    plan = plan_changes([one, other])

    assert plan.applied == (one,)
    assert [patch.id for patch, _ in plan.put_off] == ["other:y"]
    assert "one:x" in plan.put_off[0][1]


def test_files_are_put_back_byte_for_byte_when_the_block_fails(policy: Path, tmp_path: Path) -> None:
    other = tmp_path / "eval.yaml"
    other.write_text("a: 1\n")
    before = policy.read_bytes()
    plan = plan_changes([remove(policy, "/deny/0"), make_patch(other, Edit(op="replace", path="/a", value=2))])

    def interrupted() -> None:
        with written(plan.changes):
            assert policy.read_bytes() != before
            assert other.read_text() == "a: 2\n"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert policy.read_bytes() == before
    assert other.read_text() == "a: 1\n"


def test_what_somebody_else_wrote_meanwhile_is_not_put_back(policy: Path) -> None:
    def interrupted() -> None:
        with written(plan_changes([remove(policy, "/deny/0")]).changes):
            policy.write_text("mine: 1\n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert policy.read_text() == "mine: 1\n"


def test_nothing_is_written_when_one_file_has_changed_meanwhile(policy: Path, tmp_path: Path) -> None:
    other = tmp_path / "eval.yaml"
    other.write_text("a: 1\n")
    plan = plan_changes([remove(policy, "/deny/0"), make_patch(other, Edit(op="replace", path="/a", value=2))])
    policy.write_text("deny: [z]\n")

    with pytest.raises(InputError) as raised, written(plan.changes):
        pytest.fail("the block was entered")

    assert raised.value.code == "E_PATCH_FAILED"
    assert "has changed since" in raised.value.message
    assert (policy.read_text(), other.read_text()) == ("deny: [z]\n", "a: 1\n")


def test_links_folders_missing_and_read_only_files_are_refused(policy: Path, tmp_path: Path) -> None:
    link, folder = tmp_path / "link.yaml", tmp_path / "folder"
    link.symlink_to(policy)
    folder.mkdir()
    policy.chmod(0o444)
    messages = []
    for file in (link, folder, tmp_path / "gone.yaml", policy):
        with pytest.raises(InputError) as raised:
            plan_changes([remove(file, "/deny/0")])
        assert raised.value.code == "E_PATCH_FAILED"
        assert raised.value.remedy
        messages.append(raised.value.message)

    for message, words in zip(
        messages, ("symbolic link", "not a regular file", "no such file", "read-only"), strict=True
    ):
        assert words in message


def test_a_file_that_cannot_be_replaced_leaves_all_as_they_were(
    policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "sub" / "eval.yaml"
    other.parent.mkdir()
    other.write_text("a: 1\n")
    before = policy.read_bytes()
    plan = plan_changes([remove(policy, "/deny/0"), make_patch(other, Edit(op="replace", path="/a", value=2))])
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if Path(target).name == "eval.yaml":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(AssayError) as raised, written(plan.changes):
        pytest.fail("the block was entered")

    assert raised.value.code == "E_IO"
    assert policy.read_bytes() == before
    assert other.read_text() == "a: 1\n"
    assert list(other.parent.iterdir()) == [other]


@pytest.mark.parametrize("subject", ["a b", "$(id)", "`x`", "a;b", "ä", "", "\x1b[31m", "a\nb", "x" * 500, "a|b", "*"])
def test_ids_are_safe_on_a_command_line_and_tell_subjects_apart(subject: str) -> None:
    name = patch_id("kind", subject)

    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set(" $`;|&<>()*?[]{}'\"\\!#~\n")
    assert len(name) < 140
    assert name != patch_id("kind", f"{subject}_")
    assert patch_id("kind", "read_file") == "kind:read_file"
