"""Writing files so that a reader sees the old content or the new one, never a part."""

from __future__ import annotations

import contextlib
import difflib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from assay_core.errors import ServiceError

__all__ = ["backup", "create_file", "open_atomic", "unified_diff", "write_atomic"]


def write_atomic(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Replace a file's content, or create the file, in one step that survives a crash.

    A symbolic link is followed: the file it names is replaced, the link stays. An existing file keeps its
    permission bits unless `mode` is given; a new one gets `mode`, else what the umask leaves of 0o666.

    Raises:
        ServiceError: E_IO; the old content is still there.
    """
    with open_atomic(path, mode=mode) as stream:
        stream.write(data)


@contextlib.contextmanager
def open_atomic(path: Path, *, mode: int | None = None) -> Iterator[BinaryIO]:
    """Open a stream whose content replaces the file when the block ends without an error, as `write_atomic` does.

    What was written can be read back, and written over.

    Raises:
        ServiceError: E_IO; the old content is still there.
    """
    try:
        target = Path(os.path.realpath(path, strict=False))
        _refuse_special(target)
        with _replacing(target, mode if mode is not None else _mode_of(target)) as stream:
            yield stream
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise ServiceError(code="E_IO", message=f"cannot write {str(path)!r}: {why}") from reason


def create_file(path: Path, data: bytes) -> bool:
    """Create a file, and its folders, whole or not at all; return False where anything of that name exists.

    Raises:
        ServiceError: E_IO; nothing was created but folders.
    """
    try:
        if os.path.lexists(path):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".new-", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fchmod(descriptor, _mode_of(path))
                os.fsync(descriptor)
            _claim(path, Path(name))
        except FileExistsError:
            return False
        finally:
            Path(name).unlink(missing_ok=True)
        _sync_folder(path.parent)
        return True
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise ServiceError(code="E_IO", message=f"cannot create {str(path)!r}: {why}") from reason


def backup(path: Path) -> Path:
    """Copy a file beside itself and return the copy: `name.bak`, else the first free `name.bak.N`.

    Raises:
        ServiceError: E_IO.
    """
    try:
        data = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
        number = 0
        while True:
            copy = path.with_name(f"{path.name}.bak{f'.{number}' if number else ''}")
            try:
                descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:
                number += 1
                continue
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(descriptor, mode)
                stream.write(data)
                stream.flush()
                os.fsync(descriptor)
            return copy
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise ServiceError(code="E_IO", message=f"cannot make a backup of {str(path)!r}: {why}") from reason


def unified_diff(before: str, after: str, name: str) -> str:
    """Return the difference as `diff -u` prints it, empty where there is none."""
    lines: list[str] = []
    for line in difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    ):
        lines.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(lines)


def _claim(path: Path, written: Path) -> None:
    """Give a finished file its name. A link fails where the name was taken meanwhile; a rename would replace it."""
    try:
        path.hardlink_to(written)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: the name is taken first, then the content replaces an empty file
        path.touch(exist_ok=False)
        written.replace(path)


def _refuse_special(target: Path) -> None:
    """Devices, pipes and folders are not replaced by a file."""
    try:
        kind = target.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(kind):
        raise OSError(0, "not a regular file")


def _mode_of(target: Path) -> int:
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


@contextlib.contextmanager
def _replacing(target: Path, mode: int) -> Iterator[BinaryIO]:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(name).replace(target)
    except BaseException:  # KeyboardInterrupt too: no half file stays behind
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename durable, where the file system lets a folder be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
