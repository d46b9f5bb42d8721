"""`assay run`."""

from __future__ import annotations

import click

from assay_core.cli.words import Words, report_words
from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.command("run")
@report_options("text", "json")
@report_words
def command(report: Report, words: Words) -> None:
    """Evaluate a trace against the suite and the policy.

    Files are told apart by their content: `assay run eval.yaml trace.jsonl`, `assay run trace.jsonl`. Writes
    run.json and summary.json. Exit codes: 0 passed, 1 failed, 2 configuration, 3 infrastructure.
    """
    from assay_core.cli.run_command import carry_out
    from assay_core.run.request import ReportRequest

    carry_out("run", report, words, [ReportRequest(name="console", by_default=True)])
