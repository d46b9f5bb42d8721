"""`assay ci`."""

from __future__ import annotations

import click

from assay_core.cli.words import Words, report_words
from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.command("ci")
@report_options("text", "json")
@report_words
def command(report: Report, words: Words) -> None:
    """Evaluate as `assay run` does, with the defaults of a CI job.

    Adds the job summary where $GITHUB_STEP_SUMMARY is set. `--sarif` and `--junit` write sarif.json and
    junit.xml. Exit codes: 0 passed, 1 failed, 2 configuration, 3 infrastructure.
    """
    from assay_core.cli.run_command import carry_out, job_summary
    from assay_core.run.request import ReportRequest

    carry_out("ci", report, words, [ReportRequest(name="console", by_default=True), *job_summary()])
