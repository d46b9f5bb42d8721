"""`assay trace`: ingest, convert, verify and stats."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from assay_core.commandline.formats import Report, report_options

if TYPE_CHECKING:
    from assay_core.run.rewriting import TraceForm

__all__ = ["command"]

P = ParamSpec("P")
R = TypeVar("R")


@click.group("trace")
def command() -> None:
    """Rewrite traces, compare them with a suite, count what they hold."""


def _trace_argument(*options: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Take the trace as an argument, or in the older spelling as an option; and its importer."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        for option in (
            click.option("--format", "trace_format", metavar="NAME", help="The importer."),
            click.option(*options, "input_path", metavar="FILE", help="The trace, as an option."),
        ):
            function = option(function)
        return click.argument("path", required=False, metavar="[FILE]")(function)

    return decorate


@command.command("ingest")
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to: NAME.jsonl, - or a store, NAME.db.")
@click.option("--force", is_flag=True, help="Replace the file if it is there; never the input.")
@_trace_argument("-i", "--input")
def ingest(path: str | None, input_path: str | None, trace_format: str | None, output: str, force: bool) -> None:
    """Write a trace as V2 events, or keep its episodes in a store. FILE may be `-`."""
    from assay_core.cli.trace_command import rewrite_trace

    rewrite_trace(path, input_path, trace_format, output, "v2", force=force)


@command.command("convert")
@click.option("--to", "form", type=click.Choice(["v2", "calls"]), default="v2", show_default=True, help="V2 or calls.")
@click.option("-o", "--output", default="-", metavar="FILE", help="Where to; - is standard output, the default.")
@click.option("--force", is_flag=True, help="Replace the file if it is there; never the input.")
@_trace_argument("-i", "--input")
def convert(
    path: str | None, input_path: str | None, trace_format: str | None, output: str, form: TraceForm, force: bool
) -> None:
    """Write a trace in another form: V2 events, or one bare tool call a line. FILE may be `-`."""
    from assay_core.cli.trace_command import rewrite_trace

    rewrite_trace(path, input_path, trace_format, output, form, force=force)


@command.command("verify")
@click.option("--config", metavar="FILE", help="The suite. Default: eval.yaml here or above.")
@report_options("text", "json", option="--report-format")
@_trace_argument("--trace", "--trace-file")
def verify(
    report: Report, path: str | None, input_path: str | None, trace_format: str | None, config: str | None
) -> int:
    """Check that every test of a suite finds an episode in the trace; nothing is evaluated.

    Exit code 2 if a test finds none.
    """
    from assay_core.cli.trace_command import verify_trace

    return verify_trace(report, path, input_path, trace_format, config)


@command.command("stats")
@report_options("text", "json", option="--report-format")
@_trace_argument("--trace", "--trace-file")
def stats(report: Report, path: str | None, input_path: str | None, trace_format: str | None) -> None:
    """Count episodes, calls per tool, outcomes and sizes."""
    from assay_core.cli.trace_command import show_stats

    show_stats(report, path, input_path, trace_format)
