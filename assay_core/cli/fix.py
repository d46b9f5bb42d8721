"""`assay fix`: the one command that applies patches."""

from __future__ import annotations

import click

from assay_core.cli.doctor import Files, file_options

__all__ = ["command"]


@click.command("fix")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--only", multiple=True, metavar="ID", help="The same as naming the patch; repeatable.")
@click.option("--list", "list_all", is_flag=True, help="List patches as ID, risk, file and title, and change nothing.")
@click.option(
    "--max-risk",
    type=click.Choice(["low", "medium", "high"]),
    default="high",
    show_default=True,
    help="Leave out what is riskier. low: no verdict is loosened; high: more calls are let through.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Apply without asking.")
@file_options
def command(
    ids: tuple[str, ...],
    only: tuple[str, ...],
    list_all: bool,
    max_risk: str,
    dry_run: bool,
    yes: bool,
    files: Files,
) -> int:
    """Apply patches that `assay doctor` and `assay explain` propose.

    Every patch is shown as a diff and asked about, unless --yes is given; without a terminal and without --yes
    nothing is done (exit 2). Files are replaced in one step, all of them or none; comments stay. Then the project is
    looked at again: where a file no longer loads or there is a new error, everything is put back.

    Exit codes: 0 nothing left to do, or no error left; 1 and 2 errors are left; 2 a patch does not fit, or is unknown.
    """
    from assay_core.cli.fix_command import Choice, fix

    return fix(
        files, Choice(ids=(*ids, *only), list_all=list_all, max_risk=max_risk, dry_run=dry_run, yes=yes)
    )  # fmt: skip
