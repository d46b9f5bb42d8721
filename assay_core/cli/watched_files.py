"""Which files a run depends on, and in which state they are.

The files that a suite or a policy names are read off its text, not off its value: a text is there also while the
YAML in it is broken. To watch a file too many costs nothing, to miss one does.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from assay_core.cli.words import Words
from assay_core.config import Defaults
from assay_core.errors import AssayError

__all__ = ["FileState", "State", "WatchedFiles", "output_files", "root_files"]

_PROJECT = ("eval.yaml", "assay.yaml", "policy.yaml")
_SCANNED = (".yaml", ".yml", ".json", ".toml")  # documents whose text may name further files
_NAMED = (*_SCANNED, ".jsonl", ".ndjson", ".txt", ".csv")  # what a name that is no file yet has to look like
_SCAN_BYTES = 10 * 1024 * 1024
_HASH_BYTES = 256 * 1024  # larger files are compared by time, size and inode alone
_NAMES_PER_FILE = 1_000
_FILES = 2_000
_LONGEST_NAME = 255
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.M)
_QUOTED = re.compile(r"\"([^\"\n]{1,255})\"|'([^'\n]{1,255})'")
_BARE = re.compile(r"[^\s\"'\[\]{},:]{1,255}")
_VALUE = re.compile(r"^\s*(?:-\s+)?[\w$.-]+:[ \t]+([^\"'\n\[{][^\n]{0,254})$", re.M)


class FileState(NamedTuple):
    """What tells one state of a file from another."""

    modified_ns: int
    size: int
    inode: int
    digest: bytes  # empty for large files


State: TypeAlias = Mapping[Path, FileState | None]  # None: there is no such file


class WatchedFiles:
    """The roots and, directly or not, the files that they name."""

    def __init__(self, roots: Iterable[Path], outputs: Iterable[Path] = ()) -> None:
        """Prepare; nothing is read yet.

        Args:
            roots: Files that a run reads, there or not.
            outputs: Files that a run writes; they are not watched.
        """
        self._here = Path.cwd()
        self._roots = tuple(dict.fromkeys(_absolute(path) for path in roots))
        self._outputs = {_absolute(path) for path in outputs}
        self._names: dict[Path, tuple[FileState, tuple[Path, ...]]] = {}

    def state(self) -> State:
        """Return the state of every file, roots first. Only what has changed since the last time is read again."""
        found: dict[Path, FileState | None] = {}
        waiting = list(reversed(self._roots))
        while waiting and len(found) < _FILES:
            path = waiting.pop()
            if path not in found and path not in self._outputs:
                found[path] = now = _state_of(path)
                waiting.extend(reversed(self._named_by(path, now)))
        return found

    def give_up(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Stop watching files that the runs themselves write; return those that are none of the roots."""
        dropped = tuple(path for path in paths if path not in self._roots)
        self._outputs.update(dropped)
        return dropped

    def _named_by(self, path: Path, now: FileState | None) -> tuple[Path, ...]:
        known = self._names.get(path)
        if path.suffix not in _SCANNED or now is None or now.size > _SCAN_BYTES:
            return known[1] if known else ()  # deleted: it may come back, and with it what it named
        if known is None or known[0] != now:
            known = self._names[path] = now, tuple(_names_in(path, self._here))
        return known[1]


def root_files(words: Words) -> list[Path]:
    """Return the files that a run with these words looks for, whether they are there or not."""
    here = Path.cwd()
    named = [Path(text) for text in (*words.files, words.config, words.policy, words.trace, words.baseline) if text]
    try:
        defaults = Defaults.read(here)
    except AssayError:  # a broken pyproject.toml is among the files below
        settings: list[Path] = []
    else:
        texts = (defaults.text(name) for name in ("config", "policy", "trace"))
        settings = [Path(text) for text in texts if text]
        settings += [defaults.file] if defaults.file else []
    beside = [path.parent / "policy.yaml" for path in named if path.suffix in (".yaml", ".yml")]
    return [*named, *settings, *beside, *_project_files(here)]


def output_files(words: Words) -> list[Path]:
    """Return the files that a run with these words is known to write."""
    folder = Path(words.out_dir or ".")
    reports = [text.partition("=")[2] for text in words.report]
    named = [
        *reports,
        words.sarif,
        words.junit,
        words.pr_comment,
        words.evidence,
        words.export_baseline,
    ]
    return [folder / "run.json", folder / "summary.json", *(Path(text) for text in named if text and text != "-")]


def _project_files(here: Path) -> Iterator[Path]:
    """Yield the files by which a project is found: those of this folder, and of the folders above up to a project."""
    for folder in (here, *here.parents):
        there = [folder / name for name in (*_PROJECT, "pyproject.toml")]
        yield from there if folder == here else (path for path in there if _is_file(path))
        if any(_is_file(folder / name) for name in _PROJECT):
            return


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - unlike the method, it is False where the folder may not be read


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - symbolic links stay: the name is what is watched


def _state_of(path: Path) -> FileState | None:
    try:
        now = path.stat()
        if stat.S_ISDIR(now.st_mode):  # a mistake, but one whose time changes with every file that a run writes
            return FileState(0, 0, now.st_ino, b"")
        small = stat.S_ISREG(now.st_mode) and now.st_size <= _HASH_BYTES
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest() if small else b""
    except (OSError, ValueError):
        return None
    return FileState(now.st_mtime_ns, now.st_size, now.st_ino, digest)


def _names_in(path: Path, here: Path) -> Iterator[Path]:
    """Yield the files that a document names, as far as its text tells."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return
    if path.suffix != ".json":
        text = _COMMENT.sub("", text)
    found: dict[Path, None] = {}
    for name in dict.fromkeys(_candidates(text)):
        for folder in dict.fromkeys((path.parent, here)):
            if (file := _file_named(name, folder)) and file != path:
                found[file] = None
        if len(found) >= _NAMES_PER_FILE:
            break
    yield from found


def _candidates(text: str) -> Iterator[str]:
    for found in _QUOTED.finditer(text):
        yield found[1] or found[2]
    for pattern in (_BARE, _VALUE):
        for found in pattern.finditer(text):
            yield found[found.lastindex or 0].strip()


def _file_named(text: str, folder: Path) -> Path | None:
    """Return the file that a text names: one that is there, or a relative name that one may yet have."""
    name = text.partition("#")[0]
    if not ("." in name or "/" in name) or "\x00" in name or len(name) > _LONGEST_NAME:
        return None
    path = _absolute(folder / name)
    looks_like_one, there = path.suffix in _NAMED, _is_file(path)
    if Path(name).is_absolute():  # a policy is full of paths that are no files of the project
        return path if there and looks_like_one else None
    return path if there or (looks_like_one and not set("*?$") & set(name)) else None
