"""Mistakes in eval.yaml and policy.yaml that have a mechanical cure: misspelt words, files that are elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from assay_core.analysis.diagnosis.diagnosis import Diagnosis
from assay_core.analysis.diagnosis.pointers import Standing, pointer_of, standing_at
from assay_core.analysis.diagnosis.project import Project, near
from assay_core.analysis.repair.ids import patch_id
from assay_core.analysis.repair.patch import Edit, Patch
from assay_core.config import kind_of
from assay_core.convert import nearest
from assay_core.documents import Document
from assay_core.errors import AssayError

__all__ = ["with_patches"]

_GUESS = re.compile(r"; did you mean '([^'\\]{1,200})'\?$")
_MISSPELT = frozenset({"E_CFG_UNKNOWN_KEY", "E_CFG_UNKNOWN_TYPE", "E_CFG_PARSE", "E_POLICY_PARSE"})
_MISSING = frozenset({"E_CFG_REF", "E_PATH_NOT_FOUND", "E_TRACE_NOT_FOUND"})
_MOST_FILES = 2_000
_SKIPPED = frozenset({"node_modules", "target", "venv", "dist", "build", "__pycache__"})


def with_patches(project: Project, findings: list[Diagnosis]) -> Iterator[Diagnosis]:
    """Yield the findings, those with a mechanical cure with its patch."""
    documents = {
        str(file): (file, document)
        for file, document in (
            (project.suite_file, project.suite_document),
            (project.policy_file, project.policy_document),
        )
        if file is not None and document is not None
    }
    for finding in findings:
        known = documents.get(finding.place.file) if finding.place and finding.patch is None else None
        patch = _patch(finding, *known) if known else None
        yield attrs.evolve(finding, patch=patch, remedy=_remedy(finding, patch)) if patch else finding


def _remedy(finding: Diagnosis, patch: Patch) -> str:
    """A cure that is a better guess than the code's general advice says so."""
    return f"{patch.title}: it is the nearest file" if finding.code in _MISSING else finding.remedy


def _patch(finding: Diagnosis, file: Path, document: Document) -> Patch | None:
    if finding.code in _MISSPELT:
        return _respelt(finding, file, document)
    if finding.code in _MISSING:
        return _elsewhere(finding, file, document)
    if finding.code == "W_POLICY_VERSION" and isinstance(document.value, dict) and "version" not in document.value:
        edit = Edit(op="add", path="/version", value="2.0")
        return _made(finding, file, patch_id("add_version", file.name), 'state version: "2.0"', edit)
    return _unneeded(finding, file, document)


def _respelt(finding: Diagnosis, file: Path, document: Document) -> Patch | None:
    guess, standing = _GUESS.search(finding.message), standing_at(document, finding.place)
    if guess is None or standing is None or not standing.path:
        return None
    pointer, word = pointer_of(standing.path), guess[1]
    if standing.is_key:
        key = str(standing.path[-1])
        if repr(key) not in finding.message or key == word:
            return None
        edit = Edit(op="move", from_path=pointer, path=pointer_of((*standing.path[:-1], word)))
        where = patch_id("rename_field", *map(str, standing.path), word)
        return _made(finding, file, where, f"rename the key {key!r} to {word!r}", edit)
    if not isinstance(standing.value, str) or repr(standing.value) not in finding.message:
        return None
    edit = Edit(op="replace", path=pointer, value=word)
    where = patch_id("fix_word", *map(str, standing.path), word)
    return _made(finding, file, where, f"write {word!r} in place of {standing.value!r}", edit)


def _elsewhere(finding: Diagnosis, file: Path, document: Document) -> Patch | None:
    """Name the file that was probably meant, where one of that kind is near."""
    standing = standing_at(document, finding.place)
    if standing is None or standing.is_key or not isinstance(standing.value, str):
        standing = _path_inside(finding, document, standing)
    if standing is None or not isinstance(standing.value, str) or (file.parent / standing.value).is_file():
        return None
    is_policy = standing.path == ("policy",)
    candidates = [name for name in _files(file) if not is_policy or _is_policy(file.parent / name)]
    meant = _nearest_file(standing.value, candidates)
    if meant is None and is_policy and len(candidates) == 1:
        meant = candidates[0]
    if meant is None:
        return None
    edit = Edit(op="replace", path=pointer_of(standing.path), value=meant)
    where = patch_id("fix_policy_path" if is_policy else "fix_path", *map(str, standing.path[:-1]), meant)
    return _made(finding, file, where, f"name {meant!r} in place of {standing.value!r}", edit)


def _path_inside(finding: Diagnosis, document: Document, standing: Standing | None) -> Standing | None:
    """Return the one text below the place of a finding that its message quotes: a check names its file there."""
    if standing is not None and standing.is_key:
        base = standing.path
    elif finding.place is not None:
        base = next((path for path in _mappings(document) if document.place(path)[1:3] == finding.place[1:3]), ())
    quoted = [
        Standing((*base, *path), text, False)
        for path, text in _texts(document.at(base) if base else None, ())
        if repr(text) in finding.message and ("/" in text or "." in text)
    ]
    return quoted[0] if len({each.value for each in quoted if isinstance(each.value, str)}) == 1 else None


def _mappings(document: Document) -> Iterator[tuple[str | int, ...]]:
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), document.value)]
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, dict):
            if path:
                yield path
            waiting.extend(((*path, key), item) for key, item in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, at), item) for at, item in enumerate(value))


def _texts(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _texts(item, (*path, at))


def _unneeded(finding: Diagnosis, file: Path, document: Document) -> Patch | None:
    """Remove an entry of the lists under `tools` that changes no decision."""
    if finding.code not in ("W_POLICY_SHADOWED", "W_POLICY_REPEATED", "W_POLICY_REDUNDANT"):
        return None
    for section in (("tools", "allow"), ("tools", "deny"), ("allow",), ("deny",)):
        try:
            entries = document.at(section)
        except LookupError:
            continue
        for at, entry in enumerate(entries if isinstance(entries, list) else ()):
            if finding.place is not None and document.place((*section, at))[1:3] == finding.place[1:3]:
                if len(entries) == 1 or not isinstance(entry, (str, dict)):  # type: ignore[arg-type]  # a list
                    return None  # an empty list means something else than no list
                name = entry if isinstance(entry, str) else str(entry.get("tool", entry))
                edit = Edit(op="remove", path=pointer_of((*section, at)))
                where = patch_id("remove_entry", ".".join(section), str(at), name)
                return _made(finding, file, where, f"remove {name!r} from {'.'.join(section)}", edit)
    return None


def _made(finding: Diagnosis, file: Path, name: str, title: str, edit: Edit) -> Patch:
    return Patch(id=name, title=title, risk="low", file=file, edits=(edit,), why=finding.message)


def _files(file: Path) -> list[str]:
    """Return the files below the folder of a document, relative to it, with bounds."""
    found: list[str] = []
    for folder, folders, names in os.walk(file.parent):
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _SKIPPED)
        if Path(folder).relative_to(file.parent).parts[4:]:
            folders.clear()
        found.extend(Path(folder, name).relative_to(file.parent).as_posix() for name in sorted(names))
        if len(found) > _MOST_FILES:
            break
    return [name for name in found if (file.parent / name) != file]


def _nearest_file(wanted: str, names: list[str]) -> str | None:
    """Return the file that is spelt most like a path; the same name in another folder is near, too."""
    suffix = Path(wanted).suffix
    alike = [name for name in names if not suffix or Path(name).suffix in _same_kind(suffix)]
    same = [name for name in alike if Path(name).name == Path(wanted).name]
    if len(same) == 1:
        return same[0]
    return nearest(wanted.removeprefix("./"), alike or names)


def _same_kind(suffix: str) -> tuple[str, ...]:
    return (".yaml", ".yml") if suffix in (".yaml", ".yml") else (suffix,)


def _is_policy(path: Path) -> bool:
    if path.suffix not in (".yaml", ".yml", ".json"):
        return False
    try:
        return kind_of(near(path)) == "policy"
    except AssayError:
        return False
