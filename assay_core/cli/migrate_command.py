"""What `assay migrate` does: rewrite in memory, prove, and only then write."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs

from assay_core.analysis.migration.project import Project, find_project
from assay_core.analysis.migration.proof import Pair, prepare_pairs
from assay_core.analysis.migration.rewriting import rewrite_project
from assay_core.analysis.migration.traces import TraceProof, compare, found_traces
from assay_core.analysis.migration.writing import restore, to_restore, write_changes
from assay_core.cli.migrate_report import Migrated, as_json, as_text, rolled_back_json, rolled_back_text
from assay_core.commandline.errors import render_error
from assay_core.commandline.formats import Report
from assay_core.commandline.output import write_err
from assay_core.commandline.overwriting import refuse_overwriting
from assay_core.errors import AssayError, UsageError
from assay_core.run.opened import project_drivers

__all__ = ["Words", "migrate", "roll_back"]


@attrs.frozen(kw_only=True)
class Words:
    """What the command line said."""

    targets: tuple[str, ...] = ()
    config: str | None = None
    check: bool = False
    dry_run: bool = False
    traces: tuple[str, ...] = ()
    trace_format: str | None = None
    allow_changes: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file and folder that is named."""
        return tuple(map(Path, (*self.targets, *([self.config] if self.config is not None else []))))


def migrate(report: Report, words: Words) -> int:
    """Migrate, and return the exit code.

    Raises:
        AssayError: a file is refused; nothing was written.
    """
    config = Path(words.config) if words.config is not None else None
    project = find_project([Path(each) for each in words.targets], config)
    for path in (*project.suites, *project.policies, *map(Path, words.traces)):
        refuse_overwriting("--output", report.output, {"file": path})
    changes = rewrite_project(project)
    with tempfile.TemporaryDirectory(prefix="assay-migrate-") as folder:
        pairs = prepare_pairs(changes, folder)
        proofs = _proofs(pairs, project, words)
    done = Migrated(
        mode="check" if words.check else "dry-run" if words.dry_run else "write",
        project=project,
        changes=changes,
        pairs=pairs,
        proofs=proofs,
        allowed=words.allow_changes,
    )
    refused = done.differing > 0 and not words.allow_changes
    if done.mode == "write" and not refused:
        done = attrs.evolve(done, backups=write_changes(changes, project.root))
    if report.format == "json":
        report.write_json(as_json(done))
    else:
        report.write(as_text(done))
    if refused:
        error = AssayError(
            code="E_MIGRATION_DIFFERS",
            message=f"{done.differing} recorded decision(s) would change; nothing was written",
        )
        write_err(render_error(error, color=False))
        return 1
    return 1 if words.check and done.changed else 0


def roll_back(report: Report, words: Words) -> int:
    """Take the last migration back, and return the exit code.

    Raises:
        AssayError: nothing is recorded, or a file is not as the migration left it; nothing was written.
    """
    for name, given in (
        ("--check", words.check),
        ("--allow-changes", words.allow_changes),
        ("--trace-file", words.traces),
    ):
        if given:
            raise UsageError(code="E_INVALID_ARGS", message=f"{name} and --rollback do not go together")
    restoring = to_restore(words.paths)
    for file in restoring.recorded.files:
        refuse_overwriting("--output", report.output, {"file": restoring.root / file.path})
    if not words.dry_run:
        restore(restoring)
    if report.format == "json":
        report.write_json(rolled_back_json(restoring, dry_run=words.dry_run))
    else:
        report.write(rolled_back_text(restoring, dry_run=words.dry_run))
    return 0


def _proofs(pairs: Sequence[Pair], project: Project, words: Words) -> tuple[TraceProof, ...]:
    here = Path.cwd()
    folders = [project.root, *([here] if project.root.is_relative_to(here) else [])]
    traces = words.traces or [trace for folder in dict.fromkeys(folders) for trace in found_traces(folder)]
    drivers = project_drivers() if traces else None
    return tuple(
        compare(pair, trace, words.trace_format, drivers, named=bool(words.traces))
        for trace in dict.fromkeys(traces)
        for pair in pairs
        if drivers is not None
    )
