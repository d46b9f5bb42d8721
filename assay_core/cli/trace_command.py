"""What the commands of `assay trace` do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from assay_core.cli.import_command import one_of, report_lines
from assay_core.commandline.errors import error_json, render_error
from assay_core.commandline.formats import Report
from assay_core.commandline.output import color_wanted, echo_notice, write_bytes_out, write_err
from assay_core.commandline.visible import sanitise
from assay_core.errors import UsageError
from assay_core.run.opened import OpenedTrace, open_trace, project_drivers
from assay_core.run.rewriting import TraceForm, check_target, ingest, is_store, rewrite

if TYPE_CHECKING:
    from assay_core.run.trace_stats import TraceStats

__all__ = ["rewrite_trace", "show_stats", "verify_trace"]

_SHOWN_TOOLS = 50


def rewrite_trace(
    path: str | None, input_path: str | None, trace_format: str | None, output: str, form: TraceForm, *, force: bool
) -> None:
    """Write a trace anew and say on standard error what was read."""
    name = one_of(path, input_path, "the trace")
    trace = open_trace(name, trace_format, project_drivers())
    source = None if name == "-" else Path(name)
    if is_store(output) and form == "v2":
        if source is not None:
            check_target(Path(output), source, force=True)  # a store is added to
        done = f"kept as run {ingest(trace, Path(output))} of {output}"
    elif output == "-":
        done = f"wrote {_to_stdout(trace, form)} lines"
    else:
        target = Path(output)
        check_target(target, source, force=force)
        done = f"wrote {target} ({rewrite(trace, target, form)} lines)"
    for notice in trace.notices:
        echo_notice(notice)
    write_err("".join(f"{sanitise(line)}\n" for line in (*report_lines(trace), done)))


def verify_trace(
    report: Report, path: str | None, input_path: str | None, trace_format: str | None, config: str | None
) -> int:
    """Report which tests find an episode; return 2 if some test finds none."""
    from assay_core.config import load_suite
    from assay_core.run.verification import verify

    name = one_of(path, input_path, "the trace")
    drivers = project_drivers()
    suite = load_suite(_suite(config), drivers=drivers)
    drivers = drivers.narrowed(suite.plugins)
    trace = open_trace(name, trace_format, drivers)
    found = verify(suite, drivers, trace.read())
    code = 2 if found.missed else 0
    if report.format == "json":
        report.write_json({
            "ok": not found.missed, "exit_code": code, "trace": trace.source.name, "episodes": trace.episodes,
            "tests": [{"id": each, "episodes": count} for each, count in found.matched.items()],
            "tests_without_episode": list(found.without), "missed": [error_json(error) for error in found.missed],
        })  # fmt: skip
        return code
    color = color_wanted("auto", sys.stderr)
    for error in found.missed:
        write_err(render_error(error, color=color))
    matched = sum(count > 0 for count in found.matched.values())
    further = f", {len(found.without)} need none" if found.without else ""
    report.write(f"{matched} of {len(found.matched)} tests find an episode among {trace.episodes}{further}\n")
    return code


def show_stats(report: Report, path: str | None, input_path: str | None, trace_format: str | None) -> None:
    """Count what a trace holds."""
    from assay_core.run.trace_stats import measure_trace

    trace = open_trace(one_of(path, input_path, "the trace"), trace_format, project_drivers())
    stats = measure_trace(trace.read())
    if report.format == "json":
        source = {"trace": trace.source.name, "bytes_on_disk": trace.source.size, "importer": trace.chosen.record.name}
        report.write_json({**source, **stats.as_json(), "dropped": dict(sorted(trace.report.dropped.items()))})
    else:
        lines = (*report_lines(trace), *_stats_lines(stats))
        report.write("".join(f"{sanitise(line)}\n" for line in lines))


def _to_stdout(trace: OpenedTrace, form: TraceForm) -> int:
    """Write the trace to standard output once all of it is known to be readable."""
    import tempfile

    with tempfile.TemporaryFile() as spooled:
        lines = rewrite(trace, spooled, form)
        spooled.seek(0)
        while piece := spooled.read(1 << 18):
            write_bytes_out(piece)
    return lines


def _suite(config: str | None) -> Path:
    from assay_core.config import discover

    if config is not None:
        if not Path(config).is_file():
            raise UsageError(code="E_MISSING_CONFIG", message=f"the suite {config!r} does not exist")
        return Path(config)
    found = discover(Path.cwd()).suite
    if found is None:
        raise UsageError(code="E_MISSING_CONFIG", message="no eval.yaml here or in any folder above")
    write_err(f"suite: {sanitise(str(found))}\n")
    return found


def _stats_lines(stats: TraceStats) -> Iterator[str]:
    yield ""
    yield f"episodes    {stats.episodes}, {stats.incomplete} without an end, {stats.prompts} distinct prompts"
    yield f"tool calls  {stats.tool_calls}, at most {stats.most_calls} in an episode"
    yield f"others      {stats.steps} steps, {stats.resource_events} file, network and process events"
    yield f"arguments   {stats.args_bytes} bytes, at most {stats.largest_args_bytes} in a call"
    yield f"results     {stats.result_bytes} bytes, at most {stats.largest_result_bytes} in a call"
    if stats.tools:
        yield ""
        width = max(len(str(count)) for count in stats.tools.values())
        ranked = sorted(stats.tools.items(), key=lambda each: (-each[1], each[0]))
        for tool, count in ranked[:_SHOWN_TOOLS]:
            outcomes = ", ".join(f"{name} {number}" for name, number in sorted(stats.outcomes_of[tool].items()))
            yield f"{count:>{width}}  {tool}  ({outcomes})"
        if len(ranked) > _SHOWN_TOOLS:
            yield f"{len(ranked) - _SHOWN_TOOLS} more tools; --report-format json lists them"
