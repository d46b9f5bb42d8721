"""Where a report goes and in which format: `--out` beside `--output`, the format by the file's ending."""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from assay_core.commandline import Report, error_document, render_error, write_err
from assay_core.commandline.overwriting import refuse_overwriting
from assay_core.errors import AssayError, UsageError

__all__ = ["generated_at", "reporting"]


@contextlib.contextmanager
def reporting(
    context: click.Context,
    report: Report,
    out: str | None,
    endings: Mapping[str, str],
    inputs: Sequence[str] = (),
) -> Iterator[Report]:
    """Lend the report as it is meant. An error in a machine format is written in its place.

    Args:
        context: Of the command, to tell what was given from what is a default.
        report: As `report_options` made it.
        out: What `--out` says.
        endings: File ending to format, where no format was given.
        inputs: The files that the command reads.

    Raises:
        UsageError: E_INVALID_ARGS, E_OUTPUT_IS_INPUT.
    """
    given = context.get_parameter_source("report_format") is ParameterSource.COMMANDLINE
    if out is not None and report.output is not None:
        raise UsageError(code="E_INVALID_ARGS", message="--out and --output are two names of one option")
    output = report.output if out is None else out
    guessed = endings.get(Path(output).suffix.lower()) if output and not given else None
    meant = Report(format=guessed or report.format, output=output)
    for name in inputs:
        refuse_overwriting("the report", meant.output, {"run": Path(name)})
    try:
        refuse_overwriting("the report", meant.output, {})
        yield meant
    except AssayError as error:
        told_by_core = given and out is None
        if told_by_core or not meant.for_machines or error.code == "E_OUTPUT_IS_INPUT":
            raise
        write_err(render_error(error, color=False))
        meant.write(error_document(error, meant.format))
        raise click.exceptions.Exit(error.exit_code) from error


def generated_at() -> str:
    """Return the time in UTC, to the second, or the one that SOURCE_DATE_EPOCH sets for the sake of equal bytes."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    now_s = float(text) if text.isascii() and text.isdigit() and len(text) < 12 else time.time()
    return f"{datetime.datetime.fromtimestamp(now_s, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
