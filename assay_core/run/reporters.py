"""The reporters that a run asks for."""

from __future__ import annotations

from assay_core.contracts import Reporter
from assay_core.plugins.drivers import Drivers
from assay_core.run.request import ReportRequest, RunRequest

__all__ = ["REPORTERS", "check_reports", "load_reporter"]

REPORTERS = "assay.reporters"


def load_reporter(wanted: ReportRequest, request: RunRequest, drivers: Drivers) -> Reporter:
    """Return the reporter with the options of the user. Raises what `Drivers.load` raises."""
    options = dict(request.report_options.get(wanted.name, {})) or None
    return drivers.load(REPORTERS, wanted.name, options)  # type: ignore[return-value]  # drivers checks the contract


def check_reports(request: RunRequest, drivers: Drivers) -> None:
    """Refuse a run whose named reports cannot be written, before it begins.

    Raises:
        AssayError: what finding or loading a named reporter raises.
    """
    for wanted in request.reports:
        if not wanted.by_default:
            load_reporter(wanted, request, drivers)
