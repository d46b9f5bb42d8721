"""`assay evidence verify`: whether a bundle is what it says it is."""

from __future__ import annotations

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.command("verify")
@click.argument("bundle", default="-", metavar="[BUNDLE]")
@report_options("text", "json")
def command(report: Report, bundle: str) -> None:
    """Verify an evidence bundle; - and no name are standard input.

    Reads it once, in bounded memory, and unpacks nothing to the disk. Exit codes: 0 it is what it says it is; 2 it is
    not, and the first thing that is wrong is named with its reason; 3 it cannot be read.
    """
    from assay_reporter_evidence.commands.verify_command import verify

    verify(report, bundle)
