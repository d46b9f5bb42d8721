"""The report `example`."""

from assay_reporter_example.reporter import ExampleReporter

__all__ = ["ExampleReporter"]
