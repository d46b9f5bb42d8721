"""`assay baseline`: scores that may not fall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])  # a click callback
_RUN = "The number of the run; the latest one by default."


@click.group("baseline")
def command() -> None:
    """Record the scores of a run, and compare later runs with them.

    Works on runs that the store kept. `assay run --baseline FILE` compares while it runs.
    """


def _selectors(function: F) -> F:
    for option in (
        click.option("--run-id", type=click.IntRange(1), metavar="N", help=_RUN),
        click.option("--suite", metavar="NAME", help="The suite, where --config does not say."),
        click.option("--db", metavar="FILE", help="The store. Default: .assay/assay.db beside the suite."),
        click.option("--config", metavar="FILE", help="The suite's file. Default: eval.yaml here or above."),
    ):
        function = option(function)
    return function


@command.command("record")
@click.argument("run", required=False, metavar="[RUN]")
@_selectors
@click.option(
    "-o",
    "--out",
    "--output",
    "out",
    default="assay-baseline.json",
    show_default=True,
    metavar="FILE",
    help="Where it is written, in place of an older baseline; - is standard output.",
)
def record(
    run: str | None, config: str | None, db: str | None, suite: str | None, run_id: int | None, out: str
) -> None:
    """Record the scores of a run that the store kept, and the commit it was made at.

    RUN is the number of the run, or `latest`.
    """
    from assay_core.cli.baseline_command import Selection, record_baseline

    record_baseline(Selection(run=run, config=config, db=db, suite=suite, run_id=run_id), out)


@command.command("check")
@report_options("text", "json", "markdown")
@click.argument("file", required=False, metavar="[BASELINE]")
@click.option("--baseline", metavar="FILE", help="The baseline. Default: assay-baseline.json, else baseline.json.")
@_selectors
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="How far a score may fall. Default: what the suite says, else 0.05.",
)
@click.option("--strict", is_flag=True, help="What cannot be told from chance fails, and so do other calls.")
@click.option("--fail-on-regression", is_flag=True, hidden=True)  # always so; files of the Rust project hold it
def check(
    report: Report,
    file: str | None,
    baseline: str | None,
    max_drop: float | None,
    strict: bool,
    fail_on_regression: bool,  # noqa: ARG001 - says what is always done
    config: str | None,
    db: str | None,
    suite: str | None,
    run_id: int | None,
) -> None:
    """Compare a run that the store kept with a baseline.

    Exit codes: 0 no regression, 1 a regression, 2 there is nothing to compare, 3 the store cannot be read.
    """
    from assay_core.cli.baseline_command import Selection, check_baseline

    chosen = Selection(run=None, config=config, db=db, suite=suite, run_id=run_id)
    check_baseline(report, chosen, (file, baseline), max_drop=max_drop, strict=strict)
