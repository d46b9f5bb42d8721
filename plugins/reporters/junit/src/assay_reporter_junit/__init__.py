"""JUnit XML reports of assay runs."""

from assay_reporter_junit.reporter import JunitReporter

__all__ = ["JunitReporter"]
