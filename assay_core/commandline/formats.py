"""`--format` and `--output`, the same for every command that reports."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import click

__all__ = ["Report", "report_options"]

P = ParamSpec("P")
R = TypeVar("R")


class Report:
    """Where a command's report goes, and in which format.

    Attributes:
        format: One of the names the command offers.
        output: A path; None and "-" are standard output.
    """

    # A plain class: the help of a command imports this module, and attrs costs more than the help itself.
    __slots__ = ("format", "output")

    def __init__(self, *, format: str = "text", output: str | None = None) -> None:  # noqa: A002 - the option's name
        self.format = format
        self.output = output

    @property
    def for_machines(self) -> bool:
        """Whether the output has to be exactly one valid document, whatever happens."""
        from assay_core.commandline.errors import MACHINE_FORMATS

        return self.format in MACHINE_FORMATS

    @property
    def to_stdout(self) -> bool:
        """Whether the report goes to standard output."""
        return self.output is None or self.output == "-"

    def write(self, document: str | bytes) -> None:
        """Write the whole report, once: to standard output, or to the file in one step.

        Raises:
            ServiceError: E_IO.
        """
        from pathlib import Path

        from assay_core.commandline.output import write_bytes_out
        from assay_core.documents import write_atomic

        data = document.encode("utf-8", "replace") if isinstance(document, str) else document
        if self.output is None or self.to_stdout:
            write_bytes_out(data)
        else:
            write_atomic(Path(self.output), data)

    def write_json(self, value: object) -> None:
        """Write a value as the whole report, in JSON."""
        from assay_core.commandline.output import json_text

        self.write(json_text(value))


def report_options(
    *formats: str, default: str = "text", option: str = "--format"
) -> Callable[[Callable[Concatenate[Report, P], R]], Callable[P, R]]:
    """Give a command `--format` and `--output`; its function gets a `Report` first.

    An error in a machine format writes the error's document to the report's place, so that the output is valid
    whatever happens, and the error's people's form to standard error.

    Args:
        formats: The names the option takes, e.g. "text", "json".
        default: One of them.
        option: `--report-format` for commands whose `--format` means something else.
    """

    def decorate(function: Callable[Concatenate[Report, P], R]) -> Callable[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            report = Report(format=str(kwargs.pop("report_format")), output=_path(kwargs.pop("report_output")))
            try:
                return function(report, *args, **kwargs)
            except Exception as error:
                _write_failure(error, report)
                raise

        with_output = click.option(
            "-o", "--output", "report_output", metavar="FILE", help="Write the report there; - is standard output."
        )(run)
        return click.option(
            option,
            "report_format",
            type=click.Choice(formats),
            default=default,
            show_default=True,
            help="Format of the report.",
        )(with_output)

    return decorate


def _write_failure(error: Exception, report: Report) -> None:
    """Write the document of an error to the report's file; `main_guard` does it for standard output."""
    from assay_core.errors import AssayError

    if not isinstance(error, AssayError) or not report.for_machines or report.to_stdout:
        return
    if error.code == "E_OUTPUT_IS_INPUT":  # nothing is written there, no error either
        return
    from assay_core.commandline.errors import error_document, render_error
    from assay_core.commandline.output import write_err

    write_err(render_error(error, color=False))
    report.write(error_document(error, report.format))
    raise click.exceptions.Exit(error.exit_code) from error


def _path(value: object) -> str | None:
    return value if isinstance(value, str) else None
