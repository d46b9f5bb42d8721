"""`assay baseline report`."""

from __future__ import annotations

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.command("report")
@report_options("json", "md", default="json")
@click.option("--db", metavar="FILE", help="The store. Default: .assay/assay.db beside the suite.")
@click.option("--suite", metavar="NAME", help="Only runs of this suite. Default: the one that ran last.")
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="The newest N runs.")
@click.option("--out", metavar="FILE", help="The same as --output; a name that ends in .md is written as Markdown.")
@click.pass_context
def command(
    context: click.Context, report: Report, db: str | None, suite: str | None, last: int, out: str | None
) -> None:
    """Report the hygiene of a suite: which of its tests fail, flake, are skipped or score low, over many runs.

    Reads the store and changes nothing. The worst tests come first, each with its most frequent reasons.
    """
    from assay_reporter_history.hygiene import hygiene, hygiene_markdown
    from assay_reporter_history.reporting import reporting
    from assay_reporter_history.windows import hygiene_window

    with reporting(context, report, out, {".md": "md", ".markdown": "md", ".json": "json"}) as meant:
        found = hygiene(hygiene_window(db=db, suite=suite, last=last), last=last)
        if meant.format == "json":
            meant.write_json(found.document())
        else:
            meant.write(hygiene_markdown(found))
