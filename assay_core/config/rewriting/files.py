"""The files that a suite names, as its old forms named them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from assay_core.documents import Document, read_document
from assay_core.errors import AssayError, InputError
from assay_core.model.json_value import JsonValue

__all__ = ["Files", "Referred", "count_uses", "named_files"]


@attrs.frozen(kw_only=True)
class Referred:
    """A file whose content moves into the suite."""

    name: str  # as the suite names it
    path: Path
    text: str
    document: Document


@attrs.frozen(kw_only=True)
class Files:
    """Finds what a suite names."""

    base: Path  # the folder in which the paths of the suite start
    cwd: Path  # the folder in which the Rust project let some of them start
    uses: Mapping[str, int] = attrs.field(factory=dict)  # real path to how often the project names it
    referrer: Path | None = None  # the folder of a file that a `$ref` names

    def beside(self, path: Path) -> Files:
        """Return the same for the content of a file that a `$ref` names."""
        return attrs.evolve(self, referrer=path.parent)

    def moved(self, named: str) -> str | None:
        """Return the path from the suite's folder; None where it is that already, or where nothing is there."""
        if not named or _is_file(self.base / named):
            return None
        slashed = named.replace("\\", "/")  # as it is written on Windows
        folders = [each for each in (self.base, self.referrer, self.cwd) if each is not None]
        for folder in folders:
            for name in (named, slashed):
                if _is_file(folder / name):
                    return Path(os.path.relpath(folder / name, self.base)).as_posix()
        return None

    def referred(self, named: str) -> Referred:
        """Return what a `$ref` names.

        Raises:
            InputError: E_CFG_REF where there is no file; E_CFG_PARSE and E_DOCUMENT_LIMIT, at the place in it.
        """
        name = self.moved(named) or named
        path = self.base / name
        if not _is_file(path):
            raise InputError(code="E_CFG_REF", message=f"`$ref` names {named!r}, and there is no such file")
        return _read(name, path)

    def listed(self, named: str) -> Referred | None:
        """Return a file that holds a list and that nothing else in the project names; else None."""
        path = self.base / named
        if not _is_file(path) or self.uses.get(os.path.realpath(path), 0) > 1:
            return None
        try:
            found = _read(named, path)
        except AssayError:
            return None  # whoever loads the suite says what is wrong with it
        return found if isinstance(found.document.value, list) and found.document.value else None


def named_files(base: Path, value: JsonValue, files: Files) -> Iterable[Path]:
    """Yield the files that a suite names as policies, each time it names one."""
    if not isinstance(value, Mapping):
        return
    named = [value.get("policy")]
    tests = value.get("tests")
    for test in tests if isinstance(tests, list) else ():
        for key in ("expected", "assertions"):
            found = test.get(key) if isinstance(test, Mapping) else None
            checks = found if isinstance(found, list) else [found]
            named += [each.get("policy") for each in checks if isinstance(each, Mapping)]
    for name in named:
        if isinstance(name, str) and name:
            path = base / (files.moved(name) or name)
            if _is_file(path):
                yield path


def count_uses(paths: Iterable[Path]) -> Counter[str]:
    """Return how often each real file is named."""
    return Counter(os.path.realpath(path) for path in paths)


def _read(name: str, path: Path) -> Referred:
    document = read_document(path)  # tells what cannot be read, and where
    text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    return Referred(name=name, path=path, text=text, document=document)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False
