"""History of assay runs: a table of their rows, thresholds recommended from them, hygiene of a suite."""

from assay_reporter_history.reporter import HistoryOptions, HistoryReporter

__all__ = ["HistoryOptions", "HistoryReporter"]
