"""What `assay validate` does: conduct a run, write its diagnostics and no report of its own."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from collections.abc import Iterator
from typing import TextIO

import click

import assay_core
from assay_core.cli.run_command import conduct_request, say_verdict, spared
from assay_core.cli.run_options import make_request
from assay_core.cli.words import Words
from assay_core.commandline.errors import error_json, render_error
from assay_core.commandline.formats import Report
from assay_core.commandline.output import color_wanted, echo_notice, json_text, paint, write_err, write_out
from assay_core.commandline.visible import sanitise
from assay_core.errors import AssayError
from assay_core.model import Finding, JsonValue, RunReport
from assay_core.run.conductor import Conducted, failed_before
from assay_core.run.documents import diagnostics
from assay_core.run.outputs import Display
from assay_core.run.publish import publish
from assay_core.run.request import ReportRequest, RunRequest

__all__ = ["validate"]

_SHOWN = 200  # findings in text; all of them stand in the machine formats


def validate(report: Report, words: Words) -> None:
    """Evaluate, write the diagnostics, and leave with the verdict's exit code."""
    wanted = [ReportRequest(name="sarif", path=report.output or "-")] if report.format == "sarif" else []
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is never part of a document
        try:
            request = make_request("validate", words, wanted, output=report.output)
        except AssayError as error:
            if report.format == "sarif":
                raise
            request = RunRequest(command="validate")
            conducted = failed_before(request, error)
            report = spared(report, error)
        else:
            conducted = conduct_request(request, words)
        if report.format == "sarif":
            _write_sarif(conducted, stdout, words)
    try:
        _write(report, conducted, words)
    except AssayError as error:  # an output that fails turns only a pass into a failure
        write_err(render_error(error, color=False))
        raise click.exceptions.Exit(conducted.report.exit_code or error.exit_code) from error
    raise click.exceptions.Exit(conducted.report.exit_code)


def _write_sarif(conducted: Conducted, stdout: TextIO, words: Words) -> None:
    if conducted.errors and not conducted.report.counts.total:
        raise conducted.errors[0]
    display = Display(stream=sys.stderr, documents=stdout, color=color_wanted(words.color, sys.stderr))
    for error in publish(conducted, display, documents=False).errors:
        if not conducted.report.exit_code:
            raise error
        write_err(render_error(error, color=False))


def _write(report: Report, conducted: Conducted, words: Words) -> None:
    run = conducted.report
    color = color_wanted(words.color, sys.stderr)
    for error in conducted.errors:
        write_err(render_error(error, color=color))
    if report.format == "json":
        report.write(json_text(_document(conducted, words)))
    elif report.format == "text":
        for notice in () if words.quiet else run.notices:
            echo_notice(notice, color=color)
        _write_text(run, color=color_wanted(words.color, sys.stdout or io.StringIO()), verbose=words.verbose)
        if run.exit_code and conducted.request.trace != "-":
            write_out(f"  = help: {sanitise(_doctor(conducted.request))} says what would put it right\n")


def _write_text(run: RunReport, *, color: bool, verbose: int) -> None:
    for shown, finding in enumerate(run.findings, 1):
        if shown > _SHOWN and not verbose:
            write_out(f"… and {len(run.findings) - _SHOWN} more findings; -v or --format json shows all\n")
            break
        write_out(_line(finding, color=color))
    write_out("".join(_rule_lines(run)))
    say_verdict(run, color=color)
    if run.exit_code and run.next_step:
        write_out(f"  = next: {sanitise(run.next_step)}\n")


def _doctor(request: RunRequest) -> str:
    """Return the command that looks at the same files; those that it would find by itself are not named."""
    words = ["assay", "doctor"]
    if request.suite is not None and str(request.suite) != "eval.yaml":
        words += ["--config", str(request.suite)]
    if request.policy is not None and str(request.policy) != "policy.yaml":
        words += ["--policy", str(request.policy)]
    if request.trace is not None:
        words += ["--trace-file", request.trace]
    return f"`{shlex.join(words)}`"


def _line(finding: Finding, *, color: bool) -> str:
    place = ""
    if finding.source:
        place = finding.source.file + (f":{finding.source.line}" if finding.source.line else "") + ": "
    style = {"error": "red", "warning": "yellow", "note": "dim"}[finding.severity]
    word = paint(f"{finding.severity}[{sanitise(finding.code)}]", style, color=color)
    about = f" (rule {finding.rule}, {finding.test_id})" if finding.rule else f" ({finding.test_id})"
    return f"{sanitise(place)}{word}: {sanitise(finding.message)}{sanitise(about)}\n"


def _rule_lines(run: RunReport) -> Iterator[str]:
    """Say which rules this trace did not exercise, and what the policy does not govern."""
    idle = [rule.rule for rule in run.rules if rule.decided_by == "trace" and not (rule.held or rule.violated)]
    if idle:
        yield f"not exercised by this trace: {sanitise(', '.join(idle))}\n"
    later = [f"{rule.rule} ({rule.decided_by})" for rule in run.rules if rule.decided_by != "trace"]
    if later:
        yield f"decided elsewhere: {sanitise(', '.join(later))}\n"
    if run.unrestricted and run.rules:
        yield f"unrestricted: {', '.join(run.unrestricted)}\n"


def _document(conducted: Conducted, words: Words) -> dict[str, JsonValue]:
    run = conducted.report
    found = [*(_of_error(error) for error in conducted.errors), *diagnostics(run)]
    counts = {kind: sum(each["severity"] == kind for each in found) for kind in ("error", "warning", "note")}
    return {
        "schema": "assay.validate_report.v1",
        "schema_version": 1,
        "ok": run.exit_code == 0,
        "exit_code": run.exit_code,
        "reason_code": run.reason_code,
        "message": run.message,
        "tool": {"name": "assay", "version": assay_core.__version__},
        "command": {
            "name": "validate",
            "args": list(words.files),
            "config_file": run.config_file,
            "trace_file": run.trace_file,
            "baseline_file": words.baseline,
        },
        "diagnostics": found,
        "suggested_actions": [],
        "suggested_patches": [],
        "summary": {
            "diagnostic_count": len(found),
            "error_count": counts["error"],
            "warn_count": counts["warning"],
            "note_count": counts["note"],
            "replay_strict": words.replay_strict,
            "checks": run.counts.total,
            "episodes": run.counts.episodes,
            "tool_calls": run.counts.tool_calls,
        },
    }


def _of_error(error: AssayError) -> dict[str, JsonValue]:
    body = error_json(error)
    context = {key: body[key] for key in ("file", "line", "column") if body.get(key) is not None}
    if "others" in body:
        context["others"] = body["others"]
    return {
        "code": error.code,
        "severity": "error",
        "source": "assay",
        "message": error.message,
        "context": context,
        "fix_steps": [error.remedy] if error.remedy else [],
    }
