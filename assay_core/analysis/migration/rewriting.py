"""What becomes of each file of a project, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import attrs

from assay_core.analysis.migration.project import Project
from assay_core.config.rewriting.files import Files, count_uses, named_files
from assay_core.config.rewriting.suite import Rewritten, rewrite_suite
from assay_core.documents import EditableDocument
from assay_core.errors import InputError, PolicyError
from assay_core.policy.load import read_policy, reread
from assay_core.policy.rewriting.migrate import migrated_text

__all__ = ["FileChange", "Told", "rewrite_project"]

_FORMS = {
    "version 1": "version 1 of the format",
    "rules": "a rules policy",
    "learnt": "a learnt list of files, network and processes",
    "schemas": "a mapping of tools to schemas",
    "current": "a policy without a version",
}


@attrs.frozen(kw_only=True)
class Told:
    """One change, for people."""

    line: int  # of the old file
    column: int
    what: str


@attrs.frozen(kw_only=True)
class FileChange:
    """One file, as it is and as it is going to be."""

    path: Path
    kind: Literal["suite", "policy"]
    before: bytes
    after: bytes
    told: tuple[Told, ...] = ()
    suite: Rewritten | None = None  # of a suite

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return self.before != self.after

    @property
    def real_path(self) -> str:
        """The file itself, where the path is a link."""
        return os.path.realpath(self.path)


def rewrite_project(project: Project) -> tuple[FileChange, ...]:
    """Return every file of a project with its new content, suites first.

    Raises:
        AssayError: a file cannot be read or rewritten; the errors of further files are in `others`.
    """
    uses = _uses(project)
    errors: list[InputError | PolicyError] = []
    found: list[FileChange] = []
    for path in project.suites:
        try:
            found.append(_suite(path, project, uses))
        except (InputError, PolicyError) as error:
            errors.append(error)
    for path in project.policies:
        try:
            found.append(_policy(path))
        except (InputError, PolicyError) as error:
            errors.append(error)
    if errors:
        first, *rest = errors
        first.others = (*first.others, *rest)
        raise first
    return tuple(found)


def _uses(project: Project) -> Mapping[str, int]:
    named: list[Path] = []
    for path in project.suites:
        files = Files(base=path.parent, cwd=Path.cwd())
        named += named_files(path.parent, project.documents.of(path)[1].value, files)
    return count_uses(named)


def _suite(path: Path, project: Project, uses: Mapping[str, int]) -> FileChange:
    data, document = project.documents.of(path)
    rewritten = rewrite_suite(data, document, Files(base=path.parent, cwd=Path.cwd(), uses=uses))
    told = {(each.place.line, each.place.column, str(each)): None for each in rewritten.changes}
    return FileChange(
        path=path,
        kind="suite",
        before=data,
        after=rewritten.text.encode() if rewritten.changes else data,
        told=tuple(Told(line=line, column=column, what=what) for line, column, what in sorted(told)),
        suite=rewritten,
    )


def _policy(path: Path) -> FileChange:
    data = path.read_bytes()
    document = EditableDocument.read(path, code="E_POLICY_PARSE", error=PolicyError)
    reading = read_policy(path)
    text = migrated_text(document, reading.kind, reading.form, partial(reread, file=str(path)))
    if text == document.original:
        return FileChange(path=path, kind="policy", before=data, after=data)
    if b"\r\n" in data:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    place = reading.problems.place(())
    told = Told(line=place.line, column=place.column, what=f'{_FORMS[reading.kind]} becomes version "2.0"')
    return FileChange(path=path, kind="policy", before=data, after=mark + text.encode(), told=(told,))
