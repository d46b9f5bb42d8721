"""`assay migrate`: old suites and policies in the current form, with a proof that they decide the same."""

from __future__ import annotations

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.command("migrate")
@report_options("text", "json")
@click.option("--config", metavar="FILE", help="A suite to migrate, in the older spelling.")
@click.option("--check", is_flag=True, help="Write nothing; print the differences, exit 1 if there are any.")
@click.option("--dry-run", is_flag=True, help="Write nothing; print the differences.")
@click.option("--rollback", is_flag=True, help="Take the last migration of these files back, byte for byte.")
@click.option(
    "--trace-file",
    "traces",
    multiple=True,
    metavar="FILE",
    help="A trace that both forms decide; may be repeated. Without it: trace.jsonl, traces/*.jsonl.",
)
@click.option("--trace-format", metavar="NAME", help="The format of the traces; without it the content decides.")
@click.option("--allow-changes", is_flag=True, help="Write even where a recorded episode is decided differently.")
@click.argument("targets", nargs=-1, metavar="[FILE|FOLDER]...")
def command(
    report: Report,
    config: str | None,
    check: bool,
    dry_run: bool,
    rollback: bool,
    traces: tuple[str, ...],
    trace_format: str | None,
    allow_changes: bool,
    targets: tuple[str, ...],
) -> int:
    """Rewrite suites and policies of older forms in the current one, all of them or none.

    A suite brings the policies that it names; a folder brings every suite and policy in it. Without arguments the
    suite found upwards from here is meant. Comments, order, quotes and anchors stay; each old file is kept as
    FILE.bak. What is written means what it meant: both forms are compared, and both decide the recorded traces.
    """
    from assay_core.cli.migrate_command import Words, migrate, roll_back

    words = Words(
        targets=targets,
        config=config,
        check=check,
        dry_run=dry_run,
        traces=traces,
        trace_format=trace_format,
        allow_changes=allow_changes,
    )
    return roll_back(report, words) if rollback else migrate(report, words)
