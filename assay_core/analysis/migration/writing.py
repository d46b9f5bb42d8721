"""Writing a migration, all of it or nothing, and taking it back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs

import assay_core
from assay_core.analysis.migration.rewriting import FileChange
from assay_core.canonical import canonical_bytes, digest_hex
from assay_core.convert import StructureError, structure, unstructure
from assay_core.documents import backup, parse_json, write_atomic
from assay_core.errors import AssayError, InputError, Place, ServiceError, UsageError

__all__ = ["RECORD", "Recorded", "RecordedFile", "Restoring", "restore", "to_restore", "write_changes"]

RECORD = Path(".assay", "migrations.json")


@attrs.frozen(kw_only=True)
class RecordedFile:
    """One file that a migration wrote."""

    path: str  # relative to the folder that holds .assay
    backup: str  # as above
    before: str  # sha256:… of the old content
    after: str


@attrs.frozen(kw_only=True)
class Recorded:
    """One migration."""

    assay_version: str
    files: tuple[RecordedFile, ...]


@attrs.frozen(kw_only=True)
class _Records:
    schema: Literal["assay.migrations.v1"] = "assay.migrations.v1"
    migrations: tuple[Recorded, ...] = ()


@attrs.frozen(kw_only=True)
class Restoring:
    """What a rollback is about to do."""

    root: Path
    number: int  # of the migration in its record
    recorded: Recorded
    contents: tuple[bytes | None, ...]  # of each file; None: it is as it was already


def write_changes(changes: Sequence[FileChange], root: Path) -> dict[Path, Path]:
    """Write every changed file, after a backup of each and a record of all; return the backups by file.

    Raises:
        InputError: E_FILE_CHANGED if a file is not as it was when it was read; nothing was written.
        ServiceError: E_IO; what was written is undone.
    """
    changed = [each for each in changes if each.changed]
    if not changed:
        return {}
    for each in changed:
        _check_unchanged(each.path, each.before)
    root = _widened(root, changed)
    record = root / RECORD
    old_record = _bytes(record)
    earlier = _read(record).migrations if old_record is not None else ()
    backups: dict[Path, Path] = {}
    written: list[FileChange] = []
    try:
        for each in changed:
            backups[each.path] = backup(each.path)
            _check_unchanged(backups[each.path], each.before)
        _write_record(record, (*earlier, _recorded(changed, backups, root)))
        for each in changed:
            written.append(each)
            write_atomic(each.path, each.after)
    except BaseException:  # Ctrl-C too: all or nothing
        _undo(written, backups, record, old_record)
        raise
    return backups


def to_restore(targets: Sequence[Path]) -> Restoring:
    """Return the last migration of the files and folders that are named, or of the folder that one works in.

    Raises:
        UsageError: E_ROLLBACK_MISSING where none is recorded; E_INVALID_ARGS for a file elsewhere that is not named.
        InputError: E_FILE_CHANGED for a file that was changed since, or whose backup was; E_CFG_PARSE for a damaged
            record.
    """
    wanted = [Path(os.path.abspath(each)) for each in targets or [Path()]]  # noqa: PTH100 - links stay links
    root = _root_of(wanted[0])
    number, recorded = _last_of(root, wanted)
    for file in recorded.files:
        _check_inside(root, file, wanted)
    errors: list[InputError] = []
    contents = [_content_before(root, each, errors) for each in recorded.files]
    if errors:
        first, *rest = errors
        first.others = tuple(rest)
        raise first
    return Restoring(root=root, number=number, recorded=recorded, contents=tuple(contents))


def restore(restoring: Restoring) -> tuple[Path, ...]:
    """Write the old contents back, byte for byte, and forget the migration; return the files that were written.

    Raises:
        ServiceError: E_IO; what was written is undone.
    """
    root, record = restoring.root, restoring.root / RECORD
    pairs = [
        (root / file.path, content)
        for file, content in zip(restoring.recorded.files, restoring.contents, strict=True)
        if content is not None
    ]
    now: list[tuple[Path, bytes]] = []
    try:
        for path, content in pairs:
            now.append((path, path.read_bytes()))
            write_atomic(path, content)
        kept = _read(record).migrations
        _write_record(record, (*kept[: restoring.number], *kept[restoring.number + 1 :]))
    except BaseException:
        for path, content in now:
            with contextlib.suppress(AssayError, OSError):
                write_atomic(path, content)
        raise
    for file in restoring.recorded.files:
        with contextlib.suppress(OSError):  # its content stands in the file again
            (root / file.backup).unlink()
    return tuple(path for path, _ in pairs)


def _widened(root: Path, changed: Sequence[FileChange]) -> Path:
    """Return the folder that holds all changed files, if it is the one that one works in or lies in it."""
    folders = [os.path.dirname(os.path.abspath(each.path)) for each in changed]  # noqa: PTH100, PTH120 - links stay links
    common = Path(os.path.commonpath([root, *folders]))
    return common if common.is_relative_to(Path.cwd()) else root


def _check_unchanged(path: Path, content: bytes) -> None:
    if _bytes(path) != content:
        message = f"{str(path)!r} changed while it was migrated; nothing was written"
        raise InputError(code="E_FILE_CHANGED", message=message, place=Place(str(path)))


def _recorded(changed: Sequence[FileChange], backups: dict[Path, Path], root: Path) -> Recorded:
    files = tuple(
        RecordedFile(
            path=Path(os.path.relpath(each.path, root)).as_posix(),
            backup=Path(os.path.relpath(backups[each.path], root)).as_posix(),
            before=_digest(each.before),
            after=_digest(each.after),
        )
        for each in changed
    )
    return Recorded(assay_version=assay_core.__version__, files=files)


def _undo(written: Sequence[FileChange], backups: dict[Path, Path], record: Path, old_record: bytes | None) -> None:
    for each in written:
        with contextlib.suppress(AssayError, OSError):
            if _bytes(each.path) != each.before:
                write_atomic(each.path, each.before)
    for copy in backups.values():
        with contextlib.suppress(OSError):
            copy.unlink()
    with contextlib.suppress(AssayError, OSError):
        if old_record is None:
            record.unlink(missing_ok=True)
        else:
            write_atomic(record, old_record)


def _root_of(target: Path) -> Path:
    """Return the nearest folder, upwards, whose last migration can be taken back."""
    for folder in (target, *target.parents):
        if _bytes(folder / RECORD) is not None and _read(folder / RECORD).migrations:
            return folder
    raise UsageError(code="E_ROLLBACK_MISSING", message=f"no migration is recorded at {str(target)!r} or above")


def _last_of(root: Path, wanted: Sequence[Path]) -> tuple[int, Recorded]:
    """Return the last migration that touched everything that is wanted, and its number."""
    migrations = _read(root / RECORD).migrations
    for number in range(len(migrations) - 1, -1, -1):
        real = [os.path.realpath(root / each.path) for each in migrations[number].files]
        if all(any(_covers(target, each) for each in real) for target in wanted):
            return number, migrations[number]
    shown = ", ".join(repr(str(each)) for each in wanted)
    message = f"no migration that is recorded in {str(root / RECORD)!r} touched {shown}"
    raise UsageError(code="E_ROLLBACK_MISSING", message=message)


def _covers(target: Path, file: str) -> bool:
    real = os.path.realpath(target)
    return real == file or file.startswith(real.rstrip(os.sep) + os.sep)


def _check_inside(root: Path, file: RecordedFile, wanted: Sequence[Path]) -> None:
    """Refuse what a record that somebody else wrote could do: overwrite or delete files of other folders."""
    path, copy = root / file.path, root / file.backup
    if copy.parent != path.parent or not copy.name.startswith(f"{path.name}.bak"):
        message = f"{str(root / RECORD)!r} is no record of migrations: {file.backup!r} is no backup of {file.path!r}"
        raise InputError(code="E_CFG_PARSE", message=message, place=Place(str(root / RECORD)))
    real = os.path.realpath(path)
    if not _covers(root, real) and real not in map(os.path.realpath, wanted):
        message = f"the migration changed {real!r} as well, which is outside of {str(root)!r}"
        raise UsageError(code="E_INVALID_ARGS", message=message, remedy="name this file, too, if it is to be restored")


def _content_before(root: Path, file: RecordedFile, errors: list[InputError]) -> bytes | None:
    path, copy = root / file.path, root / file.backup
    now = _bytes(path)
    if now is not None and _digest(now) == file.before:
        return None
    if now is None or _digest(now) != file.after:
        what = "is gone" if now is None else "changed"
        message = f"{str(path)!r} {what} since it was migrated, so nothing is rolled back"
        remedy = f"the old content is in {str(copy)!r}"
        errors.append(InputError(code="E_FILE_CHANGED", message=message, remedy=remedy, place=Place(str(path))))
        return None
    old = _bytes(copy)
    if old is None or _digest(old) != file.before:
        what = "is gone" if old is None else "is not the old content any more"
        message = f"the backup {str(copy)!r} {what}, so nothing is rolled back"
        errors.append(InputError(code="E_FILE_CHANGED", message=message, place=Place(str(copy))))
        return None
    return old


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _digest(data: bytes) -> str:
    return f"sha256:{digest_hex(data)}"


def _read(record: Path) -> _Records:
    data = _bytes(record)
    try:
        return structure(parse_json(b"null" if data is None else data, str(record)), _Records)
    except StructureError as error:
        message = f"{str(record)!r} is no record of migrations: {error.problems[0].message}"
        raise InputError(code="E_CFG_PARSE", message=message, place=Place(str(record))) from error


def _write_record(record: Path, migrations: tuple[Recorded, ...]) -> None:
    if not migrations:
        record.unlink(missing_ok=True)
        return
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise ServiceError(code="E_IO", message=f"cannot create {str(record.parent)!r}: {why}") from reason
    write_atomic(record, canonical_bytes(unstructure(_Records(migrations=migrations))) + b"\n")
