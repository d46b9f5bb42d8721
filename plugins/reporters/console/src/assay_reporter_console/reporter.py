"""The reporter: what is written, in which order."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from assay_core.contracts import Outputs, Receipt
from assay_core.model import RunReport
from assay_reporter_console.comparison import baseline_lines
from assay_reporter_console.lines import Line
from assay_reporter_console.rows import RowLines
from assay_reporter_console.summary import fix_lines, policy_lines, total_lines
from assay_reporter_console.writers import write_plain, write_styled

__all__ = ["ConsoleOptions", "ConsoleReporter"]

_NARROWEST = 40


@attrs.frozen(kw_only=True)
class ConsoleOptions:
    """`reporters.console` of eval.yaml, or `--set reporters.console.KEY=VALUE`."""

    max_failures: int = attrs.field(default=50, validator=attrs.validators.ge(1))
    """How many failed rows are shown; the rest is counted. `-v` shows all of them."""


class ConsoleReporter:
    """Writes for people. The verdict itself is the core's last line, whether this plugin is installed or not."""

    default_output: str | None = None
    appends = False
    options_type = ConsoleOptions

    def __init__(self, options: ConsoleOptions | None = None) -> None:
        self._options = options or ConsoleOptions()

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write to the terminal; nothing counts as omitted, since what is not shown is counted in the text."""
        stream = outputs.terminal()
        width = max(outputs.width, _NARROWEST)
        lines = self._lines(run, outputs, width)
        if outputs.color or stream.isatty():
            write_styled(lines, stream, width=width, color=outputs.color)
        else:
            write_plain(lines, stream)
        return Receipt()

    def _lines(self, run: RunReport, outputs: Outputs, width: int) -> Iterator[Line]:
        quiet, verbose = outputs.quiet, outputs.verbose > 0
        rows = RowLines(run, quiet=quiet, verbose=verbose, limit=self._options.max_failures)
        yield from rows
        if not quiet:
            yield from fix_lines(rows.seen.codes, rows.seen.errors)
            yield from policy_lines(run, width=width, verbose=verbose)
            yield from baseline_lines(run, verbose=verbose)
        yield from total_lines(run, quiet=quiet)
