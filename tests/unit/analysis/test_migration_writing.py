"""Writing a migration: all of it or nothing, and back again, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.analysis.migration.rewriting import FileChange
from assay_core.analysis.migration.writing import RECORD, restore, to_restore, write_changes
from assay_core.errors import InputError, ServiceError, UsageError

OLD, NEW = b"\xef\xbb\xbfold: 1\r\n# no end", b"new: 1\n"


def change(path: Path, before: bytes = OLD, after: bytes = NEW) -> FileChange:
    if not path.exists():
        path.write_bytes(before)
    return FileChange(path=path, kind="suite", before=before, after=after)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_rollback_restores_every_byte_and_leaves_nothing_behind(tmp_path: Path) -> None:
    changes = [change(tmp_path / "a.yaml"), change(tmp_path / "b.yaml", b"b\n")]
    before = contents(tmp_path)

    backups = write_changes(changes, tmp_path)
    written = contents(tmp_path)
    restored = restore(to_restore([tmp_path / "b.yaml"]))

    assert [path.read_bytes() for path in (tmp_path / "a.yaml", tmp_path / "b.yaml")] == [OLD, b"b\n"]
    assert {path.name for path in backups.values()} == {"a.yaml.bak", "b.yaml.bak"}
    assert written["a.yaml"] == written["b.yaml"] == NEW
    assert written["a.yaml.bak"] == OLD
    assert restored == (tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert contents(tmp_path) == before


def test_nothing_to_change_writes_nothing_at_all(tmp_path: Path) -> None:
    same = change(tmp_path / "a.yaml", OLD, OLD)

    assert write_changes([same], tmp_path) == {}
    assert list(contents(tmp_path)) == ["a.yaml"]


def test_a_file_that_changed_meanwhile_stops_all(tmp_path: Path) -> None:
    changes = [change(tmp_path / "a.yaml"), change(tmp_path / "b.yaml")]
    (tmp_path / "b.yaml").write_bytes(b"mine\n")
    before = contents(tmp_path)

    with pytest.raises(InputError, match="changed while") as caught:
        write_changes(changes, tmp_path)

    assert caught.value.code == "E_FILE_CHANGED"
    assert contents(tmp_path) == before


def test_a_file_that_cannot_be_written_undoes_those_before_it(tmp_path: Path) -> None:
    fixed = Path("/proc/version")
    if not fixed.is_file():
        pytest.skip("needs a folder in which nobody can create files: /proc")
    first, link = tmp_path / "a.yaml", tmp_path / "link.yaml"
    link.symlink_to(fixed)
    changes = [change(first), change(link, fixed.read_bytes())]

    with pytest.raises(ServiceError, match="cannot write"):
        write_changes(changes, tmp_path)

    assert contents(tmp_path) == {"a.yaml": OLD, "link.yaml": fixed.read_bytes()}


def test_a_record_that_cannot_be_kept_stops_all(tmp_path: Path) -> None:
    (tmp_path / ".assay").write_text("a file")
    before = contents(tmp_path) | {"a.yaml": OLD}

    with pytest.raises(ServiceError, match="cannot create"):
        write_changes([change(tmp_path / "a.yaml")], tmp_path)

    assert contents(tmp_path) == before


def test_a_name_that_leaves_no_room_for_a_backup_stops_all(tmp_path: Path) -> None:
    changes = [change(tmp_path / "a.yaml"), change(tmp_path / ("n" * 250 + ".yaml"))]
    before = contents(tmp_path)

    with pytest.raises(ServiceError, match="backup"):
        write_changes(changes, tmp_path)

    assert contents(tmp_path) == before


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_bytes(OLD)
    link.symlink_to(real)

    write_changes([change(link)], tmp_path)
    migrated = real.read_bytes()
    restore(to_restore([real]))

    assert link.is_symlink()
    assert (migrated, real.read_bytes()) == (NEW, OLD)


@pytest.mark.parametrize("victim", ["a.yaml", "b.yaml.bak"])
def test_a_file_or_a_backup_that_changed_since_is_not_rolled_back(tmp_path: Path, victim: str) -> None:
    write_changes([change(tmp_path / "a.yaml"), change(tmp_path / "b.yaml")], tmp_path)
    (tmp_path / victim).write_bytes(b"mine\n")

    with pytest.raises(InputError) as caught:
        to_restore([tmp_path])

    assert caught.value.code == "E_FILE_CHANGED"
    assert (tmp_path / "b.yaml").read_bytes() == NEW


@pytest.mark.parametrize("victim", ["a.yaml", "a.yaml.bak"])
def test_a_file_or_a_backup_that_is_gone_is_told(tmp_path: Path, victim: str) -> None:
    write_changes([change(tmp_path / "a.yaml")], tmp_path)
    (tmp_path / victim).unlink()

    with pytest.raises(InputError, match="is gone") as caught:
        to_restore([tmp_path])

    assert caught.value.code == "E_FILE_CHANGED"


def test_what_was_never_migrated_is_not_rolled_back(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as nothing:
        to_restore([tmp_path])
    write_changes([change(tmp_path / "a.yaml")], tmp_path)
    with pytest.raises(UsageError, match=r"other\.yaml") as another:
        to_restore([tmp_path / "other.yaml"])

    assert nothing.value.code == another.value.code == "E_ROLLBACK_MISSING"


def test_each_of_several_migrations_can_be_taken_back(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    write_changes([change(first)], tmp_path)
    write_changes([change(second)], tmp_path)

    restore(to_restore([first]))
    restore(to_restore([second]))

    assert contents(tmp_path) == {"a.yaml": OLD, "b.yaml": OLD}


def test_a_migration_of_a_migrated_file_is_taken_back_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    write_changes([change(path)], tmp_path)
    write_changes([change(path, NEW, b"newer\n")], tmp_path)

    restore(to_restore([path]))
    halfway = path.read_bytes()
    restore(to_restore([path]))

    assert (halfway, path.read_bytes()) == (NEW, OLD)


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"{", b'{"schema": "assay.migrations.v2"}', b'{"migrations": [{"files": "x"}]}']
)
def test_a_damaged_record_is_an_error(tmp_path: Path, damage: bytes) -> None:
    write_changes([change(tmp_path / "a.yaml")], tmp_path)
    (tmp_path / RECORD).write_bytes(damage)

    with pytest.raises(InputError) as caught:
        to_restore([tmp_path])

    assert caught.value.code == "E_CFG_PARSE"
    assert (tmp_path / "a.yaml").read_bytes() == NEW


def test_a_file_of_another_folder_is_restored_only_where_it_is_named(tmp_path: Path) -> None:
    root, other = tmp_path / "project", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    inside, outside = root / "a.yaml", other / "b.yaml"
    write_changes([change(inside), change(outside)], root)

    with pytest.raises(UsageError, match="outside of") as caught:
        to_restore([inside])
    written = (inside.read_bytes(), outside.read_bytes())
    restore(to_restore([inside, outside]))

    assert caught.value.code == "E_INVALID_ARGS"
    assert written == (NEW, NEW)
    assert (inside.read_bytes(), outside.read_bytes()) == (OLD, OLD)


def test_a_link_that_leads_out_of_the_project_is_followed_only_where_it_is_named(tmp_path: Path) -> None:
    root, real = tmp_path / "project", tmp_path / "real.yaml"
    root.mkdir()
    real.write_bytes(OLD)
    (root / "a.yaml").symlink_to(real)
    write_changes([change(root / "a.yaml")], root)

    with pytest.raises(UsageError):
        to_restore([root])

    assert real.read_bytes() == NEW


@pytest.mark.parametrize("backup", ["victim", "../victim", "sub/a.yaml.bak", "/etc/hostname", "b.yaml.bak"])
def test_a_record_that_names_another_file_as_the_backup_is_refused(tmp_path: Path, backup: str) -> None:
    write_changes([change(tmp_path / "a.yaml")], tmp_path)
    record = tmp_path / RECORD
    record.write_text(record.read_text().replace("a.yaml.bak", backup))

    with pytest.raises(InputError, match="no backup of") as caught:
        to_restore([tmp_path])

    assert caught.value.code == "E_CFG_PARSE"


def test_a_suite_and_a_policy_of_two_folders_are_restored_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    changes = [change(Path("suites/eval.yaml")), change(Path("policy.yaml"))]

    write_changes(changes, tmp_path / "suites")
    restore(to_restore([Path("suites/eval.yaml")]))

    assert contents(tmp_path) == {"suites/eval.yaml": OLD, "policy.yaml": OLD}
