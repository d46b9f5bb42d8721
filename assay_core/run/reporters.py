"""The reporters that a run asks for."""

from __future__ import annotations

import os

from assay_core.contracts import Reporter
from assay_core.errors import UsageError
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
        UsageError: E_INVALID_ARGS, two documents would be written to one place.
        AssayError: what finding or loading a named reporter raises.
    """
    taken: dict[str, str] = {}
    if request.command != "validate":
        taken = {_place(str(request.out_dir / name)): name for name in ("run.json", "summary.json")}
    if request.export_baseline is not None:
        target = str(request.export_baseline)
        if (place := _place(target)) in taken:
            message = f"the baseline and {taken[place]} would both be written to {target!r}"
            raise UsageError(code="E_INVALID_ARGS", message=message, remedy="name another file for the baseline")
        taken[place] = "the baseline"
    for wanted in request.reports:
        if wanted.by_default:
            continue
        reporter = load_reporter(wanted, request, drivers)
        path = wanted.path or (str(request.out_dir / reporter.default_output) if reporter.default_output else None)
        if path is None:
            continue
        place = "-" if path == "-" else _place(path)
        if place in taken:
            raise UsageError(
                code="E_INVALID_ARGS",
                message=f"the {wanted.name} report and {taken[place]} would both be written to {path!r}",
                remedy="give each report a path of its own: --report NAME=FILE",
            )
        taken[place] = f"the {wanted.name} report"


def _place(path: str) -> str:
    return os.path.realpath(path)
