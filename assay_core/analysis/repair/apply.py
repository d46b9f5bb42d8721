"""Writing patches: all of them or none, and back again byte for byte where the result is worse."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from assay_core.analysis.repair.patch import Edit, Patch, patched_text
from assay_core.documents import EditableDocument, unified_diff, write_atomic
from assay_core.errors import AssayError, InputError, Place

__all__ = ["Change", "Plan", "plan_changes", "written"]


@attrs.frozen(kw_only=True)
class Change:
    """One file, before and after."""

    file: Path
    before: bytes
    after: bytes

    def diff(self) -> str:
        """Return what changes, as `diff -u` prints it."""
        before, after = (data.decode("utf-8", "replace").replace("\r\n", "\n") for data in (self.before, self.after))
        return unified_diff(before, after, str(self.file).lstrip("/"))


@attrs.frozen(kw_only=True)
class Plan:
    """What some patches come to."""

    changes: tuple[Change, ...]  # by file
    applied: tuple[Patch, ...]
    put_off: tuple[tuple[Patch, str], ...]  # patches that do not fit together with others, and why


def plan_changes(patches: Sequence[Patch], *, to_write: bool = True) -> Plan:
    """Work out what patches would change, without writing anything.

    Each patch was made for the files as they are. Where two of one file contradict each other, the second is put
    off: once the first is applied, another look finds the patch that then fits.

    Args:
        patches: In the order of their weight.
        to_write: False: only to be shown, so that it does not matter whether the files may be written.

    Raises:
        InputError: E_PATCH_FAILED for a patch that does not fit its file, or a file that may not be written.
        AssayError: a file cannot be read.
    """
    by_file: dict[Path, list[Patch]] = {}
    for patch in patches:
        by_file.setdefault(patch.file, []).append(patch)
    changes, applied, put_off = [], [], []
    for file, several in sorted(by_file.items()):
        if to_write:
            _refuse_unwritable(file)
        fitting, contradicting = _compatible(several)
        applied += fitting
        put_off += contradicting
        changes.append(_change(file, fitting))
    return Plan(changes=tuple(each for each in changes if each.before != each.after), applied=tuple(applied),
                put_off=tuple(put_off))  # fmt: skip


@contextlib.contextmanager
def written(changes: Sequence[Change]) -> Iterator[None]:
    """Write every file; put all of them back as they were if writing, or the block, ends with an error.

    Raises:
        InputError: E_PATCH_FAILED where a file is not what it was when the change was worked out; nothing is written.
        ServiceError: E_IO; what was written is put back.
    """
    for change in changes:
        _refuse_unwritable(change.file)
        if change.file.read_bytes() != change.before:
            message = f"{str(change.file)!r} has changed since the patch was made; nothing was written"
            raise _failed(change.file, message, "run the command again")
    done: list[Change] = []
    try:
        for change in changes:
            done.append(change)  # before it is written: an interrupt may come right after
            write_atomic(change.file, change.after)
        yield
    except BaseException:  # KeyboardInterrupt too: nobody has looked at the result yet
        for change in reversed(done):
            if change.file.read_bytes() == change.after:
                write_atomic(change.file, change.before)
        raise


def _change(file: Path, patches: Sequence[Patch]) -> Change:
    before = file.read_bytes()
    document = EditableDocument.read(file)
    text = patched_text(document, _in_order(patches)) if patches else document.original
    after = text.encode("utf-8") if patches else before
    mark = b"\xef\xbb\xbf"
    return Change(file=file, before=before, after=mark + after if before.startswith(mark) and patches else after)


def _compatible(patches: Sequence[Patch]) -> tuple[list[Patch], list[tuple[Patch, str]]]:
    fitting: list[Patch] = []
    put_off: list[tuple[Patch, str]] = []
    for patch in patches:
        other = next((each for each in fitting if _contradict(each, patch)), None)
        if other is None:
            fitting.append(patch)
        else:
            put_off.append((patch, f"it changes the same place as {other.id}; run `assay fix` again for it"))
    return fitting, put_off


def _contradict(one: Patch, other: Patch) -> bool:
    return any(_touches(mine, theirs) for mine in one.edits for theirs in other.edits)


def _touches(one: Edit, other: Edit) -> bool:
    """Tell whether two edits are about the same place, or one about what stands inside the other's."""
    mine, theirs = _places(one), _places(other)
    return any(a == b or a.startswith(f"{b}/") or b.startswith(f"{a}/") for a in mine for b in theirs)


def _places(edit: Edit) -> tuple[str, ...]:
    if edit.op == "add" and edit.path.endswith("/-"):
        return ()  # two entries can be appended to one list
    return (edit.path, edit.from_path) if edit.op == "move" else (edit.path,)


def _in_order(patches: Sequence[Patch]) -> list[Patch]:
    """Return patches so ordered that none moves the list entries that another one counts on.

    Whatever removes an entry of a list comes last, from the end of the list.
    """
    rest = [patch for patch in patches if not _removed_entries(patch)]
    removing = [patch for patch in patches if _removed_entries(patch)]
    return [*rest, *sorted(removing, key=lambda patch: max(_removed_entries(patch)), reverse=True)]


def _removed_entries(patch: Patch) -> list[tuple[int, str]]:
    found = []
    for edit in patch.edits:
        index = edit.path.rpartition("/")[2]
        if edit.op == "remove" and index.isdigit():
            found.append((int(index), edit.path))
    return found


def _refuse_unwritable(file: Path) -> None:
    """A patch changes the file that it names, and no file that does not want to be changed."""
    try:
        found = file.lstat()
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise _failed(file, f"cannot read {str(file)!r}: {why}", "correct the path") from reason
    if stat.S_ISLNK(found.st_mode):
        target = os.path.realpath(file)
        raise _failed(
            file, f"{str(file)!r} is a symbolic link to {target!r}", "name the file itself, or change it by hand"
        )
    if not stat.S_ISREG(found.st_mode):
        raise _failed(file, f"{str(file)!r} is not a regular file", "change it by hand")
    if not found.st_mode & 0o222 or not os.access(file, os.W_OK):
        raise _failed(file, f"{str(file)!r} is read-only", "make it writable if it may be changed")
    if not os.access(file.parent, os.W_OK):
        raise _failed(file, f"the folder of {str(file)!r} is read-only", "make it writable if it may be changed")


def _failed(file: Path, message: str, remedy: str) -> AssayError:
    return InputError(code="E_PATCH_FAILED", message=message, remedy=remedy, place=Place(str(file)))
