"""SARIF 2.1.0 reports of assay runs."""

from assay_reporter_sarif.reporter import SarifOptions, SarifReporter

__all__ = ["SarifOptions", "SarifReporter"]
