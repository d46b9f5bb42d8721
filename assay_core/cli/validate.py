"""`assay validate`: configuration, policy, trace and every deterministic check; writes no report of its own."""

from __future__ import annotations

import click

from assay_core.cli.words import Words, run_words
from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.command("validate")
@report_options("text", "json", "sarif")
@run_words
def command(report: Report, words: Words) -> None:
    """Check configuration, policy and trace, and evaluate every deterministic check.

    Files are told apart by their content: `assay validate eval.yaml trace.jsonl`, `assay validate policy.yaml`.
    Checks that need a model or a network are left to `assay run`. Exit codes as those of `assay run`.
    """
    from assay_core.cli.validate_command import validate

    validate(report, words)
