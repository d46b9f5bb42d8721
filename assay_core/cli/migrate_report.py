"""What `assay migrate` tells: each change at its place, the proof, and where the old contents are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import attrs

from assay_core.analysis.migration.project import Project
from assay_core.analysis.migration.proof import Pair
from assay_core.analysis.migration.rewriting import FileChange
from assay_core.analysis.migration.traces import TraceProof, as_document
from assay_core.analysis.migration.writing import Restoring
from assay_core.canonical import digest_hex
from assay_core.commandline.visible import sanitise
from assay_core.documents import unified_diff
from assay_core.model import JsonValue

__all__ = ["Migrated", "as_json", "as_text", "rolled_back_json", "rolled_back_text"]

_SCHEMA = "assay.migration_report.v1"
_LISTED = 20
_DIFF_CHARACTERS = 1 << 20
_DIFF_LINES = 5_000  # finding differences takes time with the square of the length


@attrs.frozen(kw_only=True)
class Migrated:
    """A migration, written or not."""

    mode: Literal["write", "dry-run", "check"]
    project: Project
    changes: tuple[FileChange, ...]
    pairs: tuple[Pair, ...]
    proofs: tuple[TraceProof, ...]
    allowed: bool  # --allow-changes
    backups: Mapping[Path, Path] = attrs.field(factory=dict)

    @property
    def changed(self) -> tuple[FileChange, ...]:
        """The files that are not in the current form."""
        return tuple(each for each in self.changes if each.changed)

    @property
    def differing(self) -> int:
        """How many recorded decisions change."""
        return sum(each.differing for each in self.proofs)

    @property
    def decisions(self) -> int:
        """How many recorded decisions were compared."""
        return sum(each.decisions for each in self.proofs)


def as_text(done: Migrated) -> str:
    """Return the report for people."""
    return "".join(f"{sanitise(line)}\n" for line in _lines(done))


def as_json(done: Migrated) -> dict[str, JsonValue]:
    """Return the report for machines."""
    exit_code = 1 if (done.differing and not done.allowed) or (done.mode == "check" and done.changed) else 0
    return {
        "schema": _SCHEMA,
        "schema_version": 1,
        "ok": exit_code == 0,
        "exit_code": exit_code,
        "mode": done.mode,
        "changed": bool(done.changed),
        "written": bool(done.backups),
        "files": [_file(each, done) for each in done.changes],
        "skipped": [{"path": str(each.path), "why": each.why} for each in done.project.skipped],
        "proof": {
            "equal": (not done.differing) if done.decisions else None,
            "decisions": done.decisions,
            "differing": done.differing,
            "structure": [
                {
                    "path": str(each.path),
                    "equal": True,  # a migration that is not ends before it reports
                    "tests": each.structure.tests,
                    "policy_digest": each.structure.policy_digest,
                    "not_compared": list(each.structure.left_out),
                }
                for each in done.pairs
            ],
            "traces": [as_document(each) for each in done.proofs],
            "not_exercised": [f"{path}: {test}" for path, test in _idle(done)],
        },
    }


def rolled_back_text(restoring: Restoring, *, dry_run: bool) -> str:
    """Return the report of a rollback for people."""
    lines = []
    for file, content in zip(restoring.recorded.files, restoring.contents, strict=True):
        path = os.path.relpath(restoring.root / file.path)
        word = "would be as it was" if dry_run else "is as it was"
        lines.append(f"{path}: {'was not changed' if content is None else word}")
    return "".join(f"{sanitise(line)}\n" for line in lines)


def rolled_back_json(restoring: Restoring, *, dry_run: bool) -> dict[str, JsonValue]:
    """Return the report of a rollback for machines."""
    pairs = zip(restoring.recorded.files, restoring.contents, strict=True)
    return {
        "schema": _SCHEMA,
        "schema_version": 1,
        "ok": True,
        "exit_code": 0,
        "mode": "rollback",
        "written": not dry_run,
        "files": [
            {
                "path": os.path.relpath(restoring.root / file.path),
                "restored": content is not None,
                "digest": file.before,
            }
            for file, content in pairs
        ],
    }


def _file(change: FileChange, done: Migrated) -> dict[str, JsonValue]:
    copy = done.backups.get(change.path)
    return {
        "path": str(change.path),
        "kind": change.kind,
        "changed": change.changed,
        "changes": [{"line": each.line, "column": each.column, "what": each.what} for each in change.told],
        "before": f"sha256:{digest_hex(change.before)}",
        "after": f"sha256:{digest_hex(change.after)}",
        "diff": _diff(change),
        "backup": str(copy) if copy else None,
    }


def _lines(done: Migrated) -> Iterator[str]:
    if done.mode != "write":
        for each in done.changed:
            yield from _diff(each).splitlines()
    for each in done.changes:
        if not each.changed:
            yield f"{each.path}: is in the current form"
        for told in each.told:
            yield f"{each.path}:{told.line}:{told.column}: {told.what}"
    for skipped in done.project.skipped:
        yield f"{skipped.path}: left alone: {skipped.why}"
    if done.changed:
        yield from _proof(done)
    for path, copy in done.backups.items():
        yield f"{path}: migrated; the old content is in {copy}"
    if done.changed and done.mode != "write":
        yield f"{len(done.changed)} file(s) would be rewritten; nothing was written"


def _proof(done: Migrated) -> Iterator[str]:
    for pair in done.pairs:
        parts = [f"{pair.structure.tests} test(s)"] if pair.structure.tests else []
        if pair.structure.policy_digest:
            parts.append(f"the policy ({pair.structure.policy_digest[:19]})")
        yield f"proof: {pair.path}: old and new form say the same: {' and '.join(parts) or 'every value'}"
        if pair.structure.left_out:
            listed = ", ".join(pair.structure.left_out[:_LISTED])
            yield f"proof: {pair.path}: not decided here, since they need a model or vary: {listed}"
    for each in done.proofs:
        yield from _trace_lines(each)
    if not done.decisions:
        yield "proof: no trace was decided, so nothing but that is proven; name one with --trace-file"
    elif idle := [f"{test}" for _, test in _idle(done)]:
        more = f" and {len(idle) - _LISTED} more" if len(idle) > _LISTED else ""
        yield f"proof: no episode exercised {', '.join(idle[:_LISTED])}{more}"


def _trace_lines(proof: TraceProof) -> Iterator[str]:
    head = f"proof: {proof.subject} on {proof.trace}"
    if proof.unreadable:
        yield f"{head}: cannot be read, so it proves nothing: {proof.unreadable}"
        return
    what = f"{proof.decisions} decision(s) on {proof.episodes} episode(s) and {proof.tool_calls} tool call(s)"
    if not proof.differing:
        yield f"{head}: {what}: {'all equal' if proof.decisions else 'nothing in it is exercised'}"
        return
    yield f"{head}: {what}: {proof.differing} DIFFER"
    for each in proof.differences[:_LISTED]:
        yield f"  {each.row}: old {each.old}; new {each.new}"
    if proof.differing > _LISTED:
        yield f"  and {proof.differing - _LISTED} more"


def _idle(done: Migrated) -> Iterator[tuple[Path, str]]:
    """Yield the tests that no trace exercised, where there was a trace."""
    for pair in done.pairs:
        seen = {row for each in done.proofs if each.subject == pair.path for row in each.exercised}
        for test in pair.new.plan.tests:
            if test.case.id not in seen and any(each.decisions for each in done.proofs):
                yield pair.path, test.case.id


def _diff(change: FileChange) -> str:
    if not change.changed:
        return ""
    before, after = change.before.decode(), change.after.decode()
    if before.count("\n") > _DIFF_LINES or len(before) > _DIFF_CHARACTERS:
        return f"{change.path} is too long for a difference that anybody reads\n"
    return unified_diff(before, after, str(change.path).lstrip("/"))
