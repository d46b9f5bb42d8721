"""Atomic writes, backups and diffs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from assay_core.documents import backup, open_atomic, unified_diff, write_atomic
from assay_core.errors import ServiceError

# Writes half of the new content, says so, and waits to be killed.
VICTIM = """
import os, sys, time
from pathlib import Path
from assay_core.documents import write_atomic

real = os.fsync
def stuck(descriptor):
    real(descriptor)
    print("written", flush=True)
    time.sleep(60)
os.fsync = stuck
write_atomic(Path(sys.argv[1]), b"new" * 100_000)
"""


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_created_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    write_atomic(path, b"one")
    write_atomic(path, b"two")

    assert path.read_bytes() == b"two"
    assert leftovers(tmp_path) == ["out.json"]


def test_what_was_written_can_be_read_back_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "f"

    with open_atomic(path) as sink:
        sink.write(b"before")
        sink.seek(0)
        assert sink.read() == b"before"
        sink.seek(0)
        sink.truncate()
        sink.write(b"new")

    assert path.read_bytes() == b"new"


def test_the_mode_of_an_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(0o640)

    write_atomic(path, b"new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_gets_the_mode_asked_for_or_what_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "plain", b"")
        write_atomic(tmp_path / "secret", b"", mode=0o600)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "file"
    target.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(target)

    write_atomic(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path)], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, make: object) -> None:
    path = tmp_path / "thing"
    make(path)  # type: ignore[operator]  # a function

    with pytest.raises(ServiceError) as caught:
        write_atomic(path, b"x")

    assert caught.value.code == "E_IO"
    assert leftovers(tmp_path) == ["thing"]


def test_a_missing_folder_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no such file") as caught:
        write_atomic(tmp_path / "nowhere" / "out", b"x")

    assert (caught.value.code, caught.value.exit_code) == ("E_IO", 3)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException | type[BaseException]
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((KeyboardInterrupt, ServiceError)):
        write_atomic(path, b"new")

    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["out"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_leaves_the_old_content(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with subprocess.Popen([sys.executable, "-c", VICTIM, str(path)], stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"written\n"
        victim.send_signal(number)

    assert path.read_bytes() == b"old"
    if number == signal.SIGINT:  # after SIGKILL nobody is left to tidy up
        assert leftovers(tmp_path) == ["out"]


def test_backups_do_not_replace_one_another(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"one")
    path.chmod(0o600)

    first = backup(path)
    path.write_bytes(b"two")
    second = backup(path)

    assert (first.name, first.read_bytes()) == ("policy.yaml.bak", b"one")
    assert (second.name, second.read_bytes()) == ("policy.yaml.bak.1", b"two")
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_a_backup_does_not_follow_a_link_that_waits_for_it(tmp_path: Path) -> None:
    path, trap, victim = tmp_path / "p", tmp_path / "p.bak", tmp_path / "victim"
    path.write_bytes(b"content")
    victim.write_bytes(b"keep")
    trap.symlink_to(victim)

    copy = backup(path)

    assert copy.name == "p.bak.1"
    assert victim.read_bytes() == b"keep"


def test_a_backup_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as caught:
        backup(tmp_path / "nothing")

    assert caught.value.code == "E_IO"


def test_a_diff_reads_as_diff_prints_it() -> None:
    assert unified_diff("a\nb\n", "a\nc", "f.yaml") == (
        "--- a/f.yaml\n+++ b/f.yaml\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n"
    )
    assert unified_diff("same\n", "same\n", "f") == ""
