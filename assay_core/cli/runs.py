"""`assay runs`: what was kept of earlier runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay_core.commandline.formats import Report, report_options

if TYPE_CHECKING:
    from assay_core.model import JsonObject
    from assay_core.store.reader import StoredResult, StoredRun, StoreReader

__all__ = ["command"]

_DB = click.option("--db", metavar="FILE", help="The store. Default: .assay/assay.db beside the suite.")


@click.group("runs")
def command() -> None:
    """List the runs that were kept, show one, remove old ones."""


@command.command("list")
@report_options("text", "json")
@_DB
@click.option("--suite", metavar="NAME", help="Only runs of this suite.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="The newest N.")
def list_runs(report: Report, db: str | None, suite: str | None, limit: int) -> None:
    """List the newest runs.

    A run with the status `running` goes on, or was killed before it was kept.
    """
    with _reader(db) as store:
        runs = store.runs(suite=suite, limit=limit)
    if report.format == "json":
        report.write_json({"runs": [_run_json(run) for run in runs]})
    else:
        report.write(_table(runs))


@command.command("show")
@report_options("text", "json")
@_DB
@click.argument("run", metavar="[RUN]", default="latest")
@click.option("-v", "--verbose", is_flag=True, help="Every row, those that passed as well.")
def show(report: Report, db: str | None, run: str, verbose: bool) -> None:
    """Show a run by its number, or the latest one that ended."""
    with _reader(db) as store:
        found = _find(store, run)
        if report.format == "json":
            rows = [_result_json(each) for each in store.results(found.id)]
            report.write_json({**_run_json(found), "results": rows, "episodes": list(store.episode_ids(found.id))})
        else:
            report.write(_shown(found, store, verbose=verbose))


@command.command("prune")
@report_options("text", "json")
@_DB
@click.option("--keep", type=click.IntRange(1), metavar="N", help="The newest N runs of each suite stay.")
@click.option("--older-than", type=click.IntRange(0, 36_500), metavar="DAYS", help="Only runs that began before that.")
@click.option("--cache-older-than", type=click.IntRange(0, 36_500), metavar="DAYS", help="Cached results as well.")
@click.option("--suite", metavar="NAME", help="Only runs of this suite.")
@click.option("--dry-run", is_flag=True, help="Remove nothing, and say what would go.")
def prune_runs(
    report: Report,
    db: str | None,
    keep: int | None,
    older_than: int | None,
    cache_older_than: int | None,
    suite: str | None,
    dry_run: bool,
) -> None:
    """Remove old runs from the store, and with --cache-older-than old vectors, verdicts and cached results.

    Whatever the bounds say, of each suite the newest run that ended and the newest that passed stay, of each
    quarantined test the newest run with a row of it, and runs that go on. With both bounds a run has to be beyond both.
    """
    from assay_core.cli.runs_prune import carry_out

    carry_out(
        report,
        db,
        keep=keep,
        older_than=older_than,
        cache_older_than=cache_older_than,
        suite=suite,
        dry_run=dry_run,
    )


def _reader(db: str | None) -> StoreReader:
    from assay_core.config.store_place import store_path
    from assay_core.store.reader import StoreReader

    return StoreReader(store_path(db)[0])


def _find(store: StoreReader, word: str) -> StoredRun:
    from assay_core.errors import UsageError

    if word == "latest":
        found = next((run for run in store.runs(limit=100) if run.status != "running"), None)
    else:
        found = store.run(int(word)) if word.isascii() and word.isdigit() and len(word) < 19 else None
    if found is None:
        raise UsageError(
            code="E_UNKNOWN_CODE",
            message="the store holds no finished run" if word == "latest" else f"the store holds no run {word!r}",
            remedy="see `assay runs list`",
        )
    return found


def _table(runs: tuple[StoredRun, ...]) -> str:
    from assay_core.commandline.visible import sanitise

    if not runs:
        return "no runs\n"
    head = ("run", "started", "status", "suite", "checks", "reason")
    rows = [
        (str(run.id), run.started_at, run.status, sanitise(run.suite), str(run.counts.get("total", "-")), _reason(run))
        for run in runs
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _reason(run: StoredRun) -> str:
    return run.reason_code or ("" if run.status == "passed" else "-")


def _shown(run: StoredRun, store: StoreReader, *, verbose: bool) -> str:
    from assay_core.commandline.visible import sanitise

    lines = [
        f"run {run.id}: {run.status} {run.reason_code}".rstrip() + f": {run.message}",
        f"  suite    {run.suite} ({run.command}, assay {run.assay_version})",
        f"  started  {run.started_at}",
        f"  trace    {run.trace_file or '-'}",
    ]
    passed = 0
    for row in store.results(run.id):
        if row.outcome == "pass" and not verbose:
            passed += 1
            continue
        score = "" if row.score is None else f" {row.score:.2f}"
        lines.append(f"  {row.outcome:<8} {row.test_id}{score}  {row.message}")
    if passed:
        lines.append(f"  {passed} row(s) passed; -v lists them")
    return "".join(f"{sanitise(line)}\n" for line in lines)


def _run_json(run: StoredRun) -> JsonObject:
    import attrs

    return {**attrs.asdict(run), "plugins": list(run.plugins)}


def _result_json(row: StoredResult) -> JsonObject:
    import attrs

    return {**attrs.asdict(row), "attempts": [attrs.asdict(each) for each in row.attempts]}
