"""What `assay runs prune` does."""

from __future__ import annotations

from pathlib import Path

from assay_core.commandline.formats import Report
from assay_core.commandline.overwriting import refuse_overwriting
from assay_core.commandline.visible import sanitise
from assay_core.config.store_place import store_path
from assay_core.errors import UsageError
from assay_core.run.keeping import now_s
from assay_core.store.pruning import Pruned, Pruning, prune

__all__ = ["carry_out"]


def carry_out(
    report: Report,
    db: str | None,
    *,
    keep: int | None,
    older_than: int | None,
    cache_older_than: int | None,
    suite: str | None,
    dry_run: bool,
) -> None:
    """Remove what is to go, and say what went.

    Raises:
        UsageError: E_INVALID_ARGS where no bound is given; E_PATH_NOT_FOUND; E_OUTPUT_IS_INPUT.
        ServiceError: E_STORE_INVALID, E_STORE_VERSION, E_STORE_FAILED.
    """
    if keep is None and older_than is None and cache_older_than is None:
        message = "say what may go: --keep N, --older-than DAYS, --cache-older-than DAYS"
        raise UsageError(code="E_INVALID_ARGS", message=message)
    path, _ = store_path(db)
    refuse_overwriting("--output", report.output, {"store": path})
    wanted = Pruning(
        now_s=now_s(),
        suite=suite,
        keep=keep,
        older_than_days=older_than,
        cache_older_than_days=cache_older_than,
        dry_run=dry_run,
    )
    pruned = prune(path, wanted)
    if report.format == "json":
        report.write_json(
            {
                "dry_run": dry_run,
                "removed": list(pruned.removed),
                "needed": list(pruned.needed),
                "kept": pruned.kept,
                "cached_removed": pruned.cached,
                "bytes_before": pruned.bytes_before,
                "bytes_after": pruned.bytes_after,
            }
        )
    else:
        report.write(_told(pruned, path, wanted))


def _told(pruned: Pruned, path: Path, wanted: Pruning) -> str:
    verb = "would remove" if wanted.dry_run else "removed"
    needed = f" ({len(pruned.needed)} of them needed)" if pruned.needed else ""
    lines = [f"{verb} {_count(len(pruned.removed), 'run')}, kept {pruned.kept}{needed}"]
    if wanted.cache_older_than_days is not None:
        lines.append(f"{verb} {_count(pruned.cached, 'cached result')}")
    if pruned.removed or pruned.cached:
        sizes = f"{pruned.bytes_before:,} bytes" + ("" if wanted.dry_run else f" before, {pruned.bytes_after:,} now")
        lines.append(f"{sanitise(str(path))}: {sizes}")
    return "".join(f"{line}\n" for line in lines)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
