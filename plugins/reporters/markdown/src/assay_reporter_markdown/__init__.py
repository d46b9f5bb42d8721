"""Markdown reports of assay runs: a file, a pull request comment, a job summary."""

from assay_reporter_markdown.reporters import (
    JobSummaryReporter,
    MarkdownOptions,
    MarkdownReporter,
    PrCommentReporter,
)

__all__ = ["JobSummaryReporter", "MarkdownOptions", "MarkdownReporter", "PrCommentReporter"]
