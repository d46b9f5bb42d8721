"""What `run` and `ci` have in common: conduct, publish, say how it went."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from assay_core.cli.run_options import make_request, out_dir, wanted_reports
from assay_core.cli.words import Words
from assay_core.commandline.errors import render_error
from assay_core.commandline.formats import Report
from assay_core.commandline.output import color_wanted, echo_notice, paint, write_err, write_out
from assay_core.commandline.progress import Progress
from assay_core.commandline.visible import sanitise
from assay_core.errors import AssayError, UsageError
from assay_core.model import RunReport
from assay_core.run.conductor import Conducted, conduct, failed_before
from assay_core.run.documents import write_run_json
from assay_core.run.outputs import Display
from assay_core.run.publish import Published, publish
from assay_core.run.request import Command, ReportRequest, RunRequest

__all__ = ["carry_out", "conduct_request", "say_verdict", "spared"]


def carry_out(command: Command, report: Report, words: Words, defaults: Sequence[ReportRequest]) -> None:
    """Run, write every report, and leave with the verdict's exit code."""
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is never part of a document
        try:
            wanted = wanted_reports(words)
            _refuse_two_documents(wanted, report)
            request = make_request(command, words, (*defaults, *wanted), output=report.output)
        except AssayError as error:
            request = RunRequest(command=command, out_dir=out_dir(words))
            conducted = failed_before(request, error)
            report = spared(report, error)
        else:
            conducted = conduct_request(request, words)
        document_there = report.for_machines or any(each.path == "-" for each in request.reports)
        display = _display(sys.stderr if document_there else stdout, stdout, words)
        published = publish(conducted, display, documents=True)
        _say_problems((*conducted.errors, *published.errors), published.report, words)
    try:
        _write_result(report, published, words, to_people=not document_there)
    except AssayError as error:  # an output that fails turns only a pass into a failure
        write_err(render_error(error, color=False))
        raise click.exceptions.Exit(published.report.exit_code or error.exit_code) from error
    raise click.exceptions.Exit(published.report.exit_code)


def spared(report: Report, error: AssayError) -> Report:
    """Return where the report goes after this error: never where it would destroy what the user named."""
    return Report(format=report.format) if error.code == "E_OUTPUT_IS_INPUT" else report


def _display(stream: TextIO | None, stdout: TextIO | None, words: Words) -> Display:
    stream = stream if stream is not None else io.StringIO()  # started without the stream: nobody reads it
    return Display(
        stream=stream,
        documents=stdout,
        color=color_wanted(words.color, stream),
        width=shutil.get_terminal_size((80, 24)).columns,
        quiet=words.quiet,
        verbose=words.verbose,
    )


def _refuse_two_documents(wanted: Sequence[ReportRequest], report: Report) -> None:
    """Standard output holds one document, or none."""
    there = [each.name for each in wanted if each.path == "-"]
    if report.for_machines and report.output in (None, "-"):
        there.append(f"--format {report.format}")
    if len(there) > 1:
        raise UsageError(
            code="E_INVALID_ARGS",
            message=f"standard output can hold one document, not {' and '.join(there)}",
            remedy="give all but one of them a file",
        )


def _write_result(report: Report, published: Published, words: Words, *, to_people: bool) -> None:
    if report.for_machines:
        document = io.BytesIO()
        write_run_json(published.report, document)
        report.write(document.getvalue())
        return
    if to_people:
        say_verdict(published.report, color=color_wanted(words.color, sys.stdout or io.StringIO()))
    if not words.quiet:
        write_err("".join(f"wrote {sanitise(path)}\n" for path in published.files))


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
