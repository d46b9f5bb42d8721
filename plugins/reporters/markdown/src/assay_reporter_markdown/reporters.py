"""The three reporters; they differ in size, in the first line and in whether they replace what is there."""

from __future__ import annotations

import attrs

from assay_core.contracts import Outputs, Receipt
from assay_core.model import RunReport
from assay_reporter_markdown.document import Shape, write_document

__all__ = ["MARKER", "JobSummaryReporter", "MarkdownOptions", "MarkdownReporter", "PrCommentReporter"]

MARKER = "<!-- assay-governance-report -->"

_FILE = Shape(title="assay report", max_rows=1_000, max_bytes=1_000_000)
# GitHub takes 65 536 characters; in bytes, and with room for a line that a workflow may add.
_COMMENT = Shape(title="Assay Governance Report", marker=MARKER, max_rows=50, max_bytes=65_000)
# GitHub takes 1 MiB per step, which may hold several runs.
_SUMMARY = Shape(title="assay", max_rows=200, max_bytes=250_000)


@attrs.frozen(kw_only=True)
class MarkdownOptions:
    """`reporters.markdown`, `reporters.pr-comment` or `reporters.job-summary` of eval.yaml."""

    max_rows: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(0)))
    """How many rows that need attention are shown: by default 1000, 50 in a comment, 200 in a job summary."""


class MarkdownReporter:
    """Writes a report to read or to attach."""

    default_output: str | None = "assay-report.md"
    appends = False
    options_type = MarkdownOptions

    def __init__(self, options: MarkdownOptions | None = None) -> None:
        self._options = options or MarkdownOptions()

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write the file."""
        return _write(run, outputs, _FILE, self._options, self.default_output)


class PrCommentReporter:
    """Writes the comment of a pull or merge request; its first line lets a workflow replace the last one."""

    default_output: str | None = "pr-comment.md"
    appends = False
    options_type = MarkdownOptions

    def __init__(self, options: MarkdownOptions | None = None) -> None:
        self._options = options or MarkdownOptions()

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write the file."""
        return _write(run, outputs, _COMMENT, self._options, self.default_output)


class JobSummaryReporter:
    """Adds to the summary page of a CI job (`$GITHUB_STEP_SUMMARY`)."""

    default_output: str | None = "job-summary.md"
    appends = True
    options_type = MarkdownOptions

    def __init__(self, options: MarkdownOptions | None = None) -> None:
        self._options = options or MarkdownOptions()

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Add to the file."""
        return _write(run, outputs, _SUMMARY, self._options, self.default_output)


def _write(run: RunReport, outputs: Outputs, shape: Shape, options: MarkdownOptions, name: str | None) -> Receipt:
    if options.max_rows is not None:
        shape = attrs.evolve(shape, max_rows=options.max_rows)
    written = write_document(run, shape)
    with outputs.open() as sink:
        sink.write(written.text.encode("utf-8"))
    return Receipt(files=(name,) if name else (), omitted=written.omitted)
