"""CI jobs that run the gate: does it run, does its exit code count, are its reports kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from assay_core.analysis.diagnosis.diagnosis import Diagnosis, Severity
from assay_core.analysis.diagnosis.pointers import Way, pointer_of
from assay_core.analysis.diagnosis.project import near
from assay_core.analysis.repair.ids import patch_id
from assay_core.analysis.repair.patch import Edit, Patch
from assay_core.documents import Document, read_document
from assay_core.errors import AssayError, Place
from assay_core.model import JsonValue

__all__ = ["ci_files", "examine_ci"]

_GATE = re.compile(r"(?:^|[\s;&|(/'\"=])assay\s+(?:ci|run|validate)\b")
_EXCUSE = re.compile(r"\|\|\s*(?:true|:|exit\s+0|echo\b|/bin/true)|;\s*(?:true|exit\s+0)\b|&&\s*true\s*\|\|")
_PIPE = re.compile(r"(?<!\|)\|(?!\|)")
_UPLOAD = re.compile(r"upload-sarif|upload-artifact|action-junit-report|publish-unit-test-result|test-reporter")
_MOST_FILES = 100


@attrs.frozen(kw_only=True)
class _Step:
    """One script that runs the gate."""

    file: Path
    document: Document
    path: Way  # to the script
    script: str
    holders: tuple[Way, ...]  # the mappings that may excuse its failure, from the nearest
    uploads: bool
    pipefail: bool
    after: bool = False  # GitLab's after_script, whose exit code nobody reads


def ci_files(root: Path) -> tuple[Path, ...]:
    """Return the CI configuration of the repository that a folder lies in, sorted."""
    top = _repository(root.resolve())
    workflows = top / ".github" / "workflows"
    try:
        found = sorted(path for path in workflows.glob("*") if path.suffix in (".yml", ".yaml") and path.is_file())
    except OSError:
        found = []
    gitlab = top / ".gitlab-ci.yml"
    return tuple(near(path) for path in [*found[:_MOST_FILES], *([gitlab] if gitlab.is_file() else [])])


def examine_ci(root: Path) -> Iterator[Diagnosis]:
    """Yield what is wrong with the CI jobs of a project."""
    files = ci_files(root)
    steps: list[_Step] = []
    for file in files:
        try:
            document = read_document(file)
        except AssayError as error:
            yield Diagnosis(
                code="W_CI_UNREADABLE", severity="note", area="ci", message=f"not looked at: {error.message}",
                place=error.place or Place(str(file)), remedy="look at the job yourself",
            )  # fmt: skip
            continue
        steps += _gitlab(file, document) if file.name.startswith(".gitlab") else _github(file, document)
    if not steps:
        where = f"none of {len(files)} CI file(s) runs the gate" if files else "there is no CI configuration"
        yield Diagnosis(
            code="W_CI_NO_GATE",
            severity="note",
            area="ci",
            message=f"{where}, so nothing stops a change that breaks it",
            place=Place(str(files[0])) if files else None,
            remedy="`assay init --ci` writes a job",
        )
    for step in steps:
        yield from _excuses(step)
        if not step.uploads:
            remedy = "upload the SARIF file and keep the reports as artefacts; `assay init --ci` shows how"
            yield _found(step, "W_CI_NOT_KEPT", "note", "the reports of the gate are neither uploaded nor kept", remedy)


def _repository(folder: Path) -> Path:
    for each in (folder, *folder.parents):
        if (each / ".git").exists() or (each / ".github").is_dir() or (each / ".gitlab-ci.yml").is_file():
            return each
    return folder


def _excuses(step: _Step) -> Iterator[Diagnosis]:
    remedy = "let the job fail when the gate does"
    line = _gate_line(step.script)
    if step.after:
        message = "the gate runs in after_script, whose exit code is ignored"
        yield _found(step, "W_CI_SWALLOWED", "warning", message, "run it in script")
    elif _EXCUSE.search(line) or re.search(r"^\s*set\s+\+e\b", step.script, re.M):
        yield _found(step, "W_CI_SWALLOWED", "warning", f"the exit code of the gate is thrown away: {line!r}", remedy)
    elif _PIPE.search(line[line.index("assay") :]) and not step.pipefail:
        message = f"a pipe hides the exit code of the gate: {line!r}"
        yield _found(step, "W_CI_SWALLOWED", "warning", message, "begin the script with `set -o pipefail`")
    for holder in step.holders:
        for key in ("continue-on-error", "allow_failure"):
            value = _member(step.document, holder, key)
            if value is True or isinstance(value, (Mapping, str)):
                yield _excused(step, (*holder, key), value)


def _excused(step: _Step, path: Way, value: JsonValue) -> Diagnosis:
    key = str(path[-1])
    shown = "true" if value is True else "a condition"
    message = f"`{key}: {shown}` lets the job pass when the gate fails"
    where = step.document.place(path, key=True)
    patch = Patch(
        id=patch_id("gate_counts", step.file.name, *map(str, path)),
        title=f"remove {key!r} from the job that runs the gate",
        risk="medium",
        file=step.file,
        edits=(Edit(op="remove", path=pointer_of(path)),),
        why=message,
    )
    return Diagnosis(
        code="W_CI_SWALLOWED", severity="warning", area="ci", message=message, place=where,
        remedy="remove the key", patch=patch if value is True else None,
    )  # fmt: skip


def _found(step: _Step, code: str, severity: Severity, message: str, remedy: str) -> Diagnosis:
    place = step.document.place(step.path)
    wanted = _gate_line(step.script)
    for number in range(place.line, place.line + step.script.count("\n") + 2):
        if (text := _line(step.file, number)) is not None and wanted in text:
            place = Place(str(step.file), number, text.index(wanted) + 1, text)
            break
    return Diagnosis(code=code, severity=severity, area="ci", message=message, place=place, remedy=remedy)


def _line(file: Path, number: int) -> str | None:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else None


def _gate_line(script: str) -> str:
    """Return the line that runs the gate, with what continues it."""
    joined = script.replace("\\\n", " ")
    return next((line.strip() for line in joined.splitlines() if _GATE.search(line) and not _is_comment(line)), "")


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _github(file: Path, document: Document) -> Iterator[_Step]:
    for name, job in _mapping(_member(document, (), "jobs")).items():
        steps = _mapping(job).get("steps")
        listed = steps if isinstance(steps, list) else []
        uploads = any(_UPLOAD.search(str(_mapping(step).get("uses", ""))) for step in listed)
        for at, step in enumerate(listed):
            script = _mapping(step).get("run")
            if isinstance(script, str) and _gate_line(script):
                way: Way = ("jobs", name, "steps", at)
                shell = str(_mapping(step).get("shell", _default_shell(document, name)))
                yield _Step(
                    file=file, document=document, path=(*way, "run"), script=script,
                    holders=(way, ("jobs", name)), uploads=uploads,
                    pipefail="pipefail" in script or shell == "bash" or "pipefail" in shell,
                )  # fmt: skip


def _default_shell(document: Document, job: str) -> str:
    for way in (("jobs", job, "defaults", "run"), ("defaults", "run")):
        shell = _member(document, way, "shell")
        if isinstance(shell, str):
            return shell
    return ""


def _gitlab(file: Path, document: Document) -> Iterator[_Step]:
    for name, job in _mapping(document.value).items():
        for key in ("script", "before_script", "after_script"):
            for path, script in _scripts(_mapping(job).get(key), (name, key)):
                if _gate_line(script):
                    yield _Step(
                        file=file, document=document, path=path, script=script, holders=((name,),),
                        uploads="artifacts" in _mapping(job), pipefail=True, after=key == "after_script",
                    )  # fmt: skip


def _scripts(value: JsonValue, path: Way) -> Iterator[tuple[Way, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _scripts(item, (*path, at))


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}


def _member(document: Document, path: Way, key: str) -> JsonValue:
    try:
        return _mapping(document.at(path)).get(key)
    except LookupError:
        return None
