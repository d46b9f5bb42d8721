"""`assay doctor`: what is wrong in a project or will surprise, and what this machine could enforce."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["Files", "command", "file_options"]

F = TypeVar("F", bound=Callable[..., Any])  # a click callback


class Files(NamedTuple):  # attrs costs more than the help of a command may
    """The files that the command line names."""

    config: str | None = None
    policy: str | None = None
    trace: str | None = None
    trace_format: str | None = None
    baseline: str | None = None
    db: str | None = None


_FILES = (
    click.option("--config", metavar="FILE", help="The suite. Default: eval.yaml here or above."),
    click.option("--policy", metavar="FILE", help="The policy, in place of the suite's."),
    click.option(
        "--trace-file", "--trace", "trace", metavar="FILE", help="One trace. Default: traces/*.jsonl, trace.jsonl."
    ),
    click.option("--trace-format", metavar="NAME", help="The importer, where the content does not tell."),
    click.option("--baseline", metavar="FILE", help="The baseline. Default: baseline.json, assay-baseline.json."),
    click.option("--db", metavar="FILE", help="The store. Default: .assay/assay.db beside the suite."),
)


def file_options(function: F) -> F:
    """Give a command the options that name files; its function gets them as `files`."""

    @functools.wraps(function)
    def call(*args: object, **kwargs: Any) -> object:  # Any: click's values
        files = Files(**{name: kwargs.pop(name) for name in Files._fields})
        return function(*args, files=files, **kwargs)

    for option in reversed(_FILES):
        call = option(call)
    return call  # type: ignore[return-value]  # a click callback


@click.command("doctor")
@file_options
@click.option("--fix", "fix_it", is_flag=True, help="Apply patches: the same as `assay fix`.")
@click.option("-y", "--yes", is_flag=True, help="With --fix: apply every patch without asking.")
@click.option("--dry-run", is_flag=True, help="With --fix: show what would change, and change nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Only the findings.")
@report_options("text", "json")
def command(report: Report, files: Files, fix_it: bool, yes: bool, dry_run: bool, quiet: bool) -> int:
    """Look for mistakes in suite, policy, traces, baseline, store, plugins and CI, and at this machine.

    Each finding has a code (`assay explain CODE`), a place and a remedy; those with a patch are put right by
    `assay fix`. Nothing is changed here.

    Exit codes: 0 clean, notes aside; 1 there are findings; 2 it could not look.
    """
    from assay_core.cli.doctor_command import diagnose
    from assay_core.errors import UsageError

    if not fix_it:
        if yes or dry_run:
            raise UsageError(code="E_INVALID_ARGS", message="--yes and --dry-run belong to --fix")
        return diagnose(report, files, quiet=quiet)
    if report.format != "text" or not report.to_stdout:
        raise UsageError(code="E_INVALID_ARGS", message="--fix asks and shows; it writes no report")
    from assay_core.cli.fix_command import Choice, fix

    return fix(files, Choice(dry_run=dry_run, yes=yes))
