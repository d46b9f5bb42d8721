"""What an assay run found, in a terminal or a log."""

from assay_reporter_console.reporter import ConsoleOptions, ConsoleReporter

__all__ = ["ConsoleOptions", "ConsoleReporter"]
