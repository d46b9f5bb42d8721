"""Reports of a finished run, and last of all run.json and summary.json."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from assay_core.contracts import Receipt
from assay_core.documents import open_atomic, write_atomic
from assay_core.errors import AssayError, PluginFault, ServiceError
from assay_core.model import JsonValue, Notice, RunReport
from assay_core.plugins import guard
from assay_core.plugins.drivers import Drivers
from assay_core.run.baseline.recording import export_baseline
from assay_core.run.conductor import Conducted
from assay_core.run.documents import summary_bytes, write_run_json
from assay_core.run.outputs import Display, ReporterOutputs
from assay_core.run.reporters import REPORTERS, load_reporter
from assay_core.run.request import ReportRequest, RunRequest

__all__ = ["Published", "publish"]


@attrs.frozen(kw_only=True)
class Published:
    """What became of the reports."""

    report: RunReport  # as written to run.json
    files: tuple[str, ...]  # every file written, in the order of writing
    errors: tuple[AssayError, ...]  # reports that were not written


def publish(conducted: Conducted, display: Display, *, documents: bool) -> Published:
    """Write every report, then run.json and summary.json.

    Args:
        conducted: The run.
        display: The terminal.
        documents: Whether run.json and summary.json are wanted (not for `validate`).
    """
    report, request = conducted.report, conducted.request
    files: list[str] = []
    errors: list[AssayError] = []
    notices: list[Notice] = []
    omitted: dict[str, JsonValue] = {}
    early = bool(conducted.errors) and not report.counts.total
    verdict = (report.exit_code, report.reason_code)  # kept apart: no reporter has a say in it
    with conducted.clock.phase("report"):
        for wanted in request.reports:
            if conducted.drivers is None or (early and wanted.by_default):
                continue
            try:
                receipt = _write(wanted, request, conducted.drivers, report, display, files)
            except AssayError as error:
                if wanted.by_default and error.code == "E_PLUGIN_MISSING":
                    text = f"the {wanted.name} report is not installed: pip install assay-reporter-{wanted.name}"
                    notices.append(Notice(code="W_REPORTER_MISSING", message=text))
                elif not (early and any(known.code == error.code for known in conducted.errors)):
                    errors.append(_not_written(f"{wanted.name} report", error))
                continue
            if receipt.omitted:
                omitted[wanted.name] = receipt.omitted
                text = f"the {wanted.name} report leaves out {receipt.omitted} result(s)"
                notices.append(Notice(code="W_REPORT_TRUNCATED", message=text))
    report = attrs.evolve(
        report,
        exit_code=verdict[0],
        reason_code=verdict[1],
        notices=(*report.notices, *notices),
        omitted=omitted,
        performance=conducted.clock.performance(
            tuple(_slowest(report)), cache_hit_rate=round(conducted.keeping.cache_hit_rate, 6)
        ),
    )
    report = _with_baseline(report, request, files, errors)
    if errors and not report.exit_code:
        first = errors[0]
        report = attrs.evolve(
            report, exit_code=3, reason_code="E_REPORT_FAILED", message=first.message, next_step=first.remedy
        )
    if (lost := conducted.keeping.finish(report)) is not None:
        errors.append(lost)
        if not report.exit_code:
            report = attrs.evolve(
                report, exit_code=lost.exit_code, reason_code=lost.code, message=lost.message, next_step=lost.remedy
            )
    kept = report = attrs.evolve(report, notices=(*report.notices, *conducted.keeping.late_notices()))
    if documents:
        report = _write_documents(report, request.out_dir, files, errors)
    conducted.keeping.close(report, kept)
    if conducted.hooks is not None:
        conducted.hooks.tell("assay_run_finished", report=report)
    return Published(report=report, files=tuple(files), errors=tuple(errors))


def _with_baseline(report: RunReport, request: RunRequest, files: list[str], errors: list[AssayError]) -> RunReport:
    """Write the baseline that is wanted; return the report with what is to be said of it."""
    path = request.export_baseline
    if path is None or not report.counts.total:
        return report
    try:
        notices = tuple(export_baseline(report, path))
    except AssayError as error:
        errors.append(_not_written(f"baseline {str(path)!r}", error))
        return report
    if not any("was not written" in notice.message for notice in notices):
        files.append(str(path))
    return attrs.evolve(report, notices=(*report.notices, *notices))


def _write(
    wanted: ReportRequest,
    request: RunRequest,
    drivers: Drivers,
    report: RunReport,
    display: Display,
    files: list[str],
) -> Receipt:
    reporter = load_reporter(wanted, request, drivers)
    outputs = ReporterOutputs(
        main=wanted.path or reporter.default_output,
        folder=Path() if wanted.path else request.out_dir,
        display=display,
        appends=reporter.appends,
    )
    record = drivers.record(REPORTERS, wanted.name)
    try:
        with guard.stage(record, f"reporter {wanted.name}: report"):
            receipt = reporter.report(report, outputs)
            if not isinstance(receipt, Receipt):
                raise PluginFault(
                    message=f"reporter {wanted.name!r} returned no Receipt",
                    distribution=record.distribution,
                    stage=f"reporter {wanted.name}: report",
                )
    finally:
        files.extend(path for path in outputs.written if path != "-")
    return receipt


def _not_written(what: str, error: AssayError) -> AssayError:
    return ServiceError(
        code="E_REPORT_FAILED",
        message=f"the {what} was not written: {error.message}",
        remedy=error.remedy,
    )


def _write_documents(report: RunReport, folder: Path, files: list[str], errors: list[AssayError]) -> RunReport:
    """Write both documents; a failure turns 0 into 3 and stands in what is still written."""
    run_path, summary_path = folder / "run.json", folder / "summary.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open_atomic(run_path) as sink:
            write_run_json(report, sink)
        files.append(str(run_path))
        write_atomic(summary_path, summary_bytes(report))
        files.append(str(summary_path))
    except (AssayError, OSError) as reason:
        message = (
            reason.message if isinstance(reason, AssayError) else f"cannot write to {str(folder)!r}: {reason.strerror}"
        )
        error = ServiceError(code="E_REPORT_FAILED", message=message)
        errors.append(error)
        if not report.exit_code:
            return attrs.evolve(report, exit_code=3, reason_code=error.code, message=message, next_step=error.remedy)
    return report


def _slowest(report: RunReport) -> Iterator[tuple[str, float]]:
    timed = [
        (row.test_id, row.duration_ms) for row in report.rows if row.kind == "test" and row.duration_ms is not None
    ]
    yield from sorted(timed, key=lambda each: (-each[1], each[0]))[:5]
