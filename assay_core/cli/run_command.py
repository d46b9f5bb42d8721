"""What `run` and `ci` have in common: conduct, publish, say how it went."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Sequence

import click

from assay_core.cli.run_options import given_back, make_request, out_dir, wanted_reports
from assay_core.cli.words import Words
from assay_core.commandline.errors import render_error
from assay_core.commandline.formats import Report
from assay_core.commandline.output import color_wanted, echo_notice, paint, write_err, write_out
from assay_core.commandline.progress import Progress
from assay_core.commandline.visible import sanitise
from assay_core.errors import AssayError
from assay_core.model import RunReport
from assay_core.run.conductor import Conducted, conduct, failed_before
from assay_core.run.documents import write_run_json
from assay_core.run.outputs import Display
from assay_core.run.publish import publish
from assay_core.run.request import Command, ReportRequest, RunRequest

__all__ = ["carry_out", "conduct_request", "say_verdict"]


def carry_out(command: Command, report: Report, words: Words, defaults: Sequence[ReportRequest]) -> None:
    """Run, write every report, and leave with the verdict's exit code."""
    words = given_back(words)
    try:
        request = make_request(command, words, (*defaults, *wanted_reports(words)))
    except AssayError as error:
        request = RunRequest(command=command, out_dir=out_dir(words))
        conducted = failed_before(request, error)
    else:
        conducted = conduct_request(request, words)
    stream = sys.stderr if report.for_machines else sys.stdout
    color = color_wanted(words.color, stream)
    width = shutil.get_terminal_size((80, 24)).columns
    display = Display(stream=stream, color=color, width=width, quiet=words.quiet, verbose=words.verbose)
    published = publish(conducted, display, documents=True)
    _say_problems((*conducted.errors, *published.errors), published.report, words)
    if report.for_machines:
        document = io.BytesIO()
        write_run_json(published.report, document)
        report.write(document.getvalue())
    else:
        say_verdict(published.report, color=color)
        if not words.quiet:
            write_err("".join(f"wrote {sanitise(path)}\n" for path in published.files))
    raise click.exceptions.Exit(published.report.exit_code)


def conduct_request(request: RunRequest, words: Words) -> Conducted:
    """Conduct a run with a counter for whoever watches."""
    with Progress("episodes", quiet=words.quiet) as progress:
        done = 0

        def advance(episodes: int, _: int) -> None:
            nonlocal done
            progress.advance(episodes - done)
            done = episodes

        return conduct(request, progress=advance)


def say_verdict(report: RunReport, *, color: bool) -> None:
    """Write the one line that everybody looks for."""
    good = report.exit_code == 0
    word = paint("PASS" if good else "FAIL", "green" if good else "red", color=color)
    reason = f" {report.reason_code}" if report.reason_code else ""
    counts = report.counts
    rows = ""
    if counts.total:
        parts = [(counts.total, "check"), (counts.episodes, "episode"), (counts.tool_calls, "tool call")]
        checks, episodes, calls = (f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in parts)
        rows = f" ({checks} on {episodes}, {calls})"
    write_out(f"{word}{reason}: {sanitise(report.message)}{rows}\n")


def _say_problems(errors: Sequence[AssayError], report: RunReport, words: Words) -> None:
    color = color_wanted(words.color, sys.stderr)
    for notice in report.notices:
        if not words.quiet:
            echo_notice(notice, color=color)
    for error in errors:
        write_err(render_error(error, color=color))


def job_summary() -> tuple[ReportRequest, ...]:
    """Return the job summary where a CI service asks for one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    return (ReportRequest(name="job-summary", path=path, by_default=True),) if path else ()
