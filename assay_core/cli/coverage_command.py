"""What `assay coverage` does: measure, compare, report."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from assay_core.analysis.coverage import CoverageReport, ToolReport, cover, observe, read_tool_lines
from assay_core.analysis.coverage.verdict import Change, Reason, changes, reasons
from assay_core.cli.coverage_baseline import figures_in, written
from assay_core.cli.coverage_inputs import Inputs, declared_tools, read_inputs
from assay_core.cli.coverage_markdown import policy_markdown, tools_markdown
from assay_core.cli.coverage_text import policy_text, tools_text
from assay_core.commandline.formats import Report
from assay_core.commandline.output import color_wanted, echo_notice, json_text, paint, write_err
from assay_core.commandline.overwriting import refuse_overwriting
from assay_core.commandline.visible import sanitise
from assay_core.documents import write_atomic
from assay_core.errors import UsageError
from assay_core.model import JsonObject, Notice
from assay_core.run.baseline.document import check_target
from assay_core.run.keeping import now_s
from assay_core.trace import SpooledSource, open_source

if TYPE_CHECKING:
    from assay_core.cli.coverage import CoverageWords

__all__ = ["Covered", "coverage"]

_BY_ENDING = {".json": "json", ".md": "markdown"}
_POLICY_WORDS = ("min_coverage", "baseline", "export_baseline", "fail_on_gaps")
_SOURCE_WORDS = ("policy", "config", "files", "traces", "trace_format")


@attrs.frozen(kw_only=True)
class Covered:
    """A policy's coverage with all that a report says of it."""

    report: CoverageReport
    policy: str
    traces: Sequence[str]
    changes: tuple[Change, ...]  # against the baseline
    baseline: str | None
    reasons: tuple[Reason, ...]
    routes_top: int

    @property
    def exit_code(self) -> int:
        """0, or 1 where there is a reason to fail."""
        return 1 if self.reasons else 0

    def document(self) -> JsonObject:
        """Return the document of `--format json`."""
        compared: JsonObject = {}
        if self.baseline is not None:
            compared = {"baseline": {"file": self.baseline, "changes": [each.document() for each in self.changes]}}
        return {
            "ok": not self.reasons,
            "exit_code": self.exit_code,
            "reasons": [attrs.asdict(reason) for reason in self.reasons],
            "policy": self.policy,
            "traces": list(self.traces),
            **self.report.document(),
            **compared,
        }


def coverage(report: Report, words: CoverageWords, *, format_chosen: bool) -> int:
    """Measure and report; return the exit code."""
    if words.min_coverage is not None and math.isnan(words.min_coverage):
        raise UsageError(code="E_INVALID_ARGS", message="--min-coverage is a percentage from 0 to 100, not nan")
    report = _settled(report, words, format_chosen=format_chosen)
    _refuse_two_outputs(report, words)
    declared = declared_tools(words)
    if words.input_path is not None:
        _refuse_for_tools(words, (*_POLICY_WORDS, *_SOURCE_WORDS), "--input lists calls, and no policy decides them")
        _check_outputs(report, words, {"input": Path(words.input_path)} if words.input_path != "-" else {})
        source = open_source(words.input_path)
        with source if isinstance(source, SpooledSource) else contextlib.nullcontext():
            return _tell_tools(report, words, read_tool_lines(source, declared=declared))
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:  # plugins may print
        inputs = read_inputs(words)
        stack.callback(inputs.close)
        _check_outputs(report, words, inputs.read_files)
        if inputs.policy is None:
            _refuse_for_tools(words, _POLICY_WORDS, "no policy was found", code="E_MISSING_CONFIG")
            write_err("no policy was found; these are the tools that were used\n")
            tools = observe(inputs.episodes(), declared=declared)
        else:
            covered = _measured(inputs, words, declared)
    if inputs.policy is None:
        return _tell_tools(report, words, tools)
    return _tell_policy(report, words, covered, inputs)


def _measured(inputs: Inputs, words: CoverageWords, declared: Sequence[str]) -> Covered:
    before = figures_in(Path(words.baseline), inputs.name) if words.baseline is not None else {}
    assert inputs.policy is not None and inputs.policy_file is not None  # noqa: S101, PT018 - the caller looked
    found = cover(inputs.policy, inputs.episodes(), words.min_coverage or 0.0, declared=declared)
    if found.incomplete:
        text = f"{found.incomplete} episode(s) have no end; rules that wait for it stay open"
        echo_notice(Notice(code="W_TRACE_INCOMPLETE", message=text))
    changed = changes(before, found)
    return Covered(
        report=found,
        policy=str(inputs.policy_file),
        traces=[trace.source.name for trace in inputs.traces],
        changes=changed,
        baseline=words.baseline,
        reasons=tuple(reasons(found, fail_on_gaps=words.fail_on_gaps, found=changed)),
        routes_top=words.routes_top,
    )


def _tell_policy(report: Report, words: CoverageWords, covered: Covered, inputs: Inputs) -> int:
    if report.format == "json":
        document = json_text(covered.document())
    elif report.format == "report-v1":
        document = json_text(ToolReport.of(covered.report).document(_now()))
    elif report.format == "text":
        document = policy_text(covered, color=report.to_stdout and color_wanted("auto", sys.stdout))
    else:
        document = policy_markdown(covered, folded=report.format == "github")
    if words.export_baseline is not None:
        config = inputs.suite.path if inputs.suite else inputs.policy_file
        data = written(covered.report, suite=inputs.name, config=config, now=_now())
        write_atomic(Path(words.export_baseline), data)
    if words.out_md is not None:
        write_atomic(Path(words.out_md), policy_markdown(covered, folded=False).encode())
    report.write(document)
    if report.format != "text" or not report.to_stdout:
        _say_reasons(covered)
    return covered.exit_code


def _tell_tools(report: Report, words: CoverageWords, tools: ToolReport) -> int:
    if report.format in ("json", "report-v1"):
        document = json_text(tools.document(_now()))
    elif report.format == "text":
        document = tools_text(tools, routes_top=words.routes_top)
    else:
        document = tools_markdown(tools, routes_top=words.routes_top)
    if words.out_md is not None:
        write_atomic(Path(words.out_md), tools_markdown(tools, routes_top=words.routes_top).encode())
    report.write(document)
    return 0


def _say_reasons(covered: Covered) -> None:
    """Say on standard error why the exit code is 1, where the report is read by something else."""
    color = color_wanted("auto", sys.stderr)
    for reason in covered.reasons:
        word = paint(f"error[{reason.code}]", "red", color=color)
        write_err(f"{word}: {sanitise(reason.message)}\n")


def _refuse_for_tools(words: CoverageWords, names: Sequence[str], why: str, code: str = "E_INVALID_ARGS") -> None:
    """Refuse what means nothing for a report of tools, rather than pass over it."""
    spelt = {"files": "a positional file", "traces": "--trace-file"}
    for name in names:
        if getattr(words, name) not in (None, False, ()):
            given = spelt.get(name, "--" + name.replace("_", "-"))
            raise UsageError(code=code, message=f"{given} does not go with this report: {why}")


def _settled(report: Report, words: CoverageWords, *, format_chosen: bool) -> Report:
    """Return where the report goes: `--out` is `--output`; an ending chooses the format where nobody did."""
    if words.out is not None and report.output is not None:
        raise UsageError(code="E_INVALID_ARGS", message="--out and --output are the same option; give one")
    output = report.output if words.out is None else words.out
    chosen = report.format
    if not format_chosen and output is not None:
        chosen = _BY_ENDING.get(Path(output).suffix, chosen)
    return Report(format=chosen, output=output)


def _refuse_two_outputs(report: Report, words: CoverageWords) -> None:
    """No two outputs are one file."""
    seen: dict[str, str] = {}
    outputs = {"--output": report.output, "--out-md": words.out_md, "--export-baseline": words.export_baseline}
    for option, path in outputs.items():
        if path is None or (option == "--output" and path == "-"):
            continue
        if path in ("", "-"):
            raise UsageError(code="E_INVALID_ARGS", message=f"{option} needs the name of a file, not {path!r}")
        real = os.path.realpath(path)
        if real in seen:
            raise UsageError(code="E_INVALID_ARGS", message=f"{option} and {seen[real]} are both {path!r}")
        seen[real] = option


def _check_outputs(report: Report, words: CoverageWords, inputs: Mapping[str, Path]) -> None:
    more = {"baseline": words.baseline, "list of tools": words.declared_tools_file}
    read = dict(inputs) | {kind: Path(path) for kind, path in more.items() if path is not None}
    refuse_overwriting("--output", report.output, read)
    refuse_overwriting("--out-md", words.out_md, read)
    refuse_overwriting("--export-baseline", words.export_baseline, read)
    if words.export_baseline is not None:
        check_target(Path(words.export_baseline))


def _now() -> datetime:
    return datetime.fromtimestamp(now_s(), UTC)
