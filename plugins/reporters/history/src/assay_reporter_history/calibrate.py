"""`assay calibrate`."""

from __future__ import annotations

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.command("calibrate")
@report_options("text", "json")
@click.argument("files", nargs=-1, metavar="[RUN.json]...")
@click.option("--run", "runs", multiple=True, metavar="FILE", help="A run.json, in place of the store; repeatable.")
@click.option("--db", metavar="FILE", help="The store. Default: .assay/assay.db beside the suite.")
@click.option("--suite", metavar="NAME", help="Only runs of this suite. Default: the one that ran last.")
@click.option(
    "--last",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    metavar="N",
    help="The newest N results of tests in the store.",
)
@click.option(
    "--target-tail",
    type=click.FloatRange(0, 1),
    default=0.10,
    show_default=True,
    metavar="X",
    help="Share of the past scores that may lie below the recommended minimum.",
)
@click.option("--out", metavar="FILE", help="The same as --output; a name that ends in .json is written as JSON.")
@click.pass_context
def command(
    context: click.Context,
    report: Report,
    files: tuple[str, ...],
    runs: tuple[str, ...],
    db: str | None,
    suite: str | None,
    last: int,
    target_tail: float,
    out: str | None,
) -> None:
    """Recommend thresholds from the scores of earlier runs.

    Reads the store, or the run.json files that are named (`-` is standard input). Only tests that passed, warned or
    were flaky count: a threshold is to let through what is good today. Changes nothing.
    """
    from assay_reporter_history.calibration import calibration, calibration_text
    from assay_reporter_history.reporting import reporting
    from assay_reporter_history.windows import calibration_window

    names = (*files, *runs)
    with reporting(context, report, out, {".json": "json"}, names) as meant:
        window = calibration_window(names, db=db, suite=suite, last=last)
        found = calibration(window, source="run.json" if names else "eval.db", target_tail=target_tail)
        if meant.format == "json":
            meant.write_json(found)
        else:
            meant.write(calibration_text(found))
