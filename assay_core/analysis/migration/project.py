"""Which files of a project a migration is about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from assay_core.config import discover
from assay_core.config.discovery import file_kind, kind_of_document
from assay_core.config.rewriting.files import Files, named_files
from assay_core.documents import Document, parse_document
from assay_core.documents.document import SIZE_LIMIT
from assay_core.errors import AssayError, InputError, UsageError
from assay_core.policy.load import read_policy

__all__ = ["Documents", "Project", "Skipped", "find_project"]

_PROJECT_FILES = ("eval.yaml", "assay.yaml", "policy.yaml")
_SUFFIXES = (".yaml", ".yml")
_PASSED_OVER = frozenset(["node_modules", "site-packages", "venv", "__pycache__", "build", "dist", "target"])
_LABELS = frozenset(["version", "name"])
# A file without any of these at the start of a line is none of ours, and is not read further.
_HINT = re.compile(
    rb"^[ \t]*[{]?[ \t]*[\"']?(?:configVersion|suite|tests|tools|allow|deny|schemas|constraints|sequences|aliases"
    rb"|limits|enforcement|files|network|processes|env|signatures|tool_pins|tool_classes|responses|timeouts|approval"
    rb"|server_requests|discovery|runtime_monitor|kill_switch)[\"']?[ \t]*:",
    re.M,
)


class Documents:
    """The files of a project as they were when they were first read: each is read once."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[bytes, Document]] = {}

    def of(self, path: Path) -> tuple[bytes, Document]:
        """Return the content of a file, and what it says.

        Raises:
            InputError: E_PATH_NOT_FOUND, E_DOCUMENT_LIMIT, E_CFG_PARSE with the place.
        """
        real = os.path.realpath(path)
        if real not in self._read:
            data = _content(path)
            self._read[real] = (data, parse_document(data, str(path)))
        return self._read[real]


@attrs.frozen(kw_only=True)
class Skipped:
    """A file of a folder that was looked at and left alone."""

    path: Path
    why: str


@attrs.frozen(kw_only=True)
class Project:
    """What is migrated together: all of it or nothing."""

    root: Path  # the folder that keeps the record of the migration
    suites: tuple[Path, ...]
    policies: tuple[Path, ...]  # those that suites name, and those that stand alone
    skipped: tuple[Skipped, ...] = ()
    documents: Documents = attrs.field(factory=Documents)


def find_project(targets: Sequence[Path], config: Path | None) -> Project:
    """Return the files that the command line means, each once, however often it is named.

    Args:
        targets: Files and folders. A folder is searched; without any, the suite found upwards from here is meant.
        config: A suite, named as one.

    Raises:
        UsageError: E_PATH_NOT_FOUND, E_MISSING_CONFIG.
        AssayError: a named file is neither suite nor policy (E_CFG_KIND), or cannot be read.
    """
    gathered = _Gathered()
    if config is not None:
        if not config.is_file():
            raise UsageError(code="E_MISSING_CONFIG", message=f"the suite {str(config)!r} does not exist")
        gathered.add(config, "suite")
    for target in targets:
        _take(target, gathered)
    if config is None and not targets:
        _take_found(gathered)
    for suite in tuple(gathered.suites):
        _take_named(suite, gathered)
    folders = [str(each if each.is_dir() else each.parent) for each in (*targets, *([config] if config else []))]
    if not folders:
        folders = [str(each.parent) for each in (*gathered.suites, *gathered.policies)]
    root = os.path.commonpath([os.path.abspath(each) for each in folders])  # noqa: PTH100 - links stay links
    return Project(
        root=Path(root),
        suites=tuple(gathered.suites),
        policies=tuple(gathered.policies),
        skipped=tuple(gathered.skipped),
        documents=gathered.documents,
    )


class _Gathered:
    """Files by kind, each real file once."""

    def __init__(self) -> None:
        self.suites: list[Path] = []
        self.policies: list[Path] = []
        self.skipped: list[Skipped] = []
        self.documents = Documents()
        self._seen: set[str] = set()

    def add(self, path: Path, kind: str) -> None:
        real = os.path.realpath(path)
        if real not in self._seen:
            self._seen.add(real)
            (self.suites if kind == "suite" else self.policies).append(path)

    def has(self, path: Path) -> bool:
        return os.path.realpath(path) in self._seen


def _take(target: Path, gathered: _Gathered) -> None:
    if target.is_dir():
        before = len(gathered.suites) + len(gathered.policies)
        for path in _candidates(target):
            _take_candidate(path, gathered)
        if len(gathered.suites) + len(gathered.policies) == before:
            message = f"no suite and no policy is in the folder {str(target)!r}"
            raise UsageError(code="E_MISSING_CONFIG", message=message)
    elif target.is_file():
        gathered.add(target, kind_of_document(gathered.documents.of(target)[1]))
    else:
        raise UsageError(code="E_PATH_NOT_FOUND", message=f"{str(target)!r} is neither a file nor a folder")


def _take_found(gathered: _Gathered) -> None:
    found = discover(Path.cwd())
    if found.suite is None and found.policy is None:
        raise UsageError(code="E_MISSING_CONFIG", message="no eval.yaml and no policy.yaml was found here or above")
    path = found.suite or found.policy
    assert path is not None  # noqa: S101 - narrows the type
    gathered.add(Path(os.path.relpath(path)), "suite" if found.suite else "policy")


def _candidates(folder: Path) -> Iterator[Path]:
    """Yield the YAML files below a folder in a fixed order; hidden folders and those of tools are passed over."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _PASSED_OVER)
        for name in sorted(files):
            path = Path(here, name)
            if path.suffix in _SUFFIXES and path.is_file():
                yield path


def _take_candidate(path: Path, gathered: _Gathered) -> None:
    """Add a file of a searched folder if it is surely ours; say why a doubtful one is left alone."""
    ours = path.name in _PROJECT_FILES
    try:
        if not ours and not _HINT.search(_content(path)):
            return
        kind = _kind(path, gathered.documents.of(path)[1], ours=ours)
    except AssayError as error:
        if ours:
            raise
        gathered.skipped.append(Skipped(path=path, why=str(error)))
        return
    if kind:
        gathered.add(path, kind)


def _kind(path: Path, document: Document, *, ours: bool) -> str:
    kind, value = file_kind(document), document.value
    keys = set(value) if isinstance(value, Mapping) else set()
    if kind == "suite" and (ours or "configVersion" in keys or {"suite", "tests"} & keys):
        return "suite"
    if kind == "policy" and (ours or keys - _LABELS):
        read_policy(path)
        return "policy"
    return kind_of_document(document) if ours else ""


def _take_named(suite: Path, gathered: _Gathered) -> None:
    """Add the policies that a suite names; what is no policy is left to whoever loads the suite."""
    files = Files(base=suite.parent, cwd=Path.cwd())
    value = gathered.documents.of(suite)[1].value
    named = [*named_files(suite.parent, value, files)]
    if isinstance(value, Mapping) and "policy" not in value:
        named.append(suite.parent / "policy.yaml")  # the one that is found
    for path in map(_tidy, named):
        if not gathered.has(path) and path.is_file() and _is_policy(path):
            gathered.add(path, "policy")


def _tidy(path: Path) -> Path:
    """Return a path without `..` in the middle, where that is the same file."""
    tidy = Path(os.path.normpath(path))
    return tidy if os.path.realpath(tidy) == os.path.realpath(path) else path


def _is_policy(path: Path) -> bool:
    try:
        read_policy(path)
    except AssayError:
        return False
    return True


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(SIZE_LIMIT + 1)  # what is longer is refused
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise InputError(code="E_PATH_NOT_FOUND", message=f"cannot read {str(path)!r}: {why}") from reason
