"""Files that are created and never replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assay_core.documents import create_file
from assay_core.errors import ServiceError


def test_create_file_makes_folders_and_writes_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"

    assert create_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert sorted(each.name for each in path.parent.iterdir()) == ["b.txt"]


def test_create_file_leaves_an_existing_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    assert not create_file(path, b"new")

    assert path.read_bytes() == b"old"


def test_create_file_leaves_a_dangling_link_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.symlink_to(tmp_path / "elsewhere.txt")

    assert not create_file(path, b"new")

    assert not (tmp_path / "elsewhere.txt").exists()


def test_create_file_obeys_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        create_file(tmp_path / "a.txt", b"new")
    finally:
        os.umask(before)

    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_create_file_works_where_the_file_system_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)  # no such file system can be mounted in a test
    path = tmp_path / "a.txt"

    assert create_file(path, b"new")
    assert not create_file(path, b"newer")

    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_create_file_says_why_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ServiceError) as caught:
        create_file(tmp_path / "file" / "below.txt", b"new")

    assert caught.value.code == "E_IO"
