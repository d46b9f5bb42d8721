"""What `assay import` does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from assay_core.commandline.formats import Report
from assay_core.commandline.output import echo_notice
from assay_core.commandline.visible import sanitise
from assay_core.errors import UsageError
from assay_core.run.opened import OpenedTrace, open_trace, project_drivers
from assay_core.run.rewriting import check_target, rewrite

__all__ = ["import_trace", "one_of", "report_lines"]

_SHOWN = 12  # kinds of left-out things, and notes, in text


def import_trace(
    report: Report,
    path: str | None,
    input_path: str | None,
    trace_format: str | None,
    out_trace: str | None,
    *,
    force: bool,
    init: bool,
) -> None:
    """Import one recording and report on it."""
    name = one_of(path, input_path, "the recording")
    target = _target(name, out_trace)
    trace = open_trace(name, trace_format, project_drivers())
    check_target(target, None if name == "-" else Path(name), force=force)
    lines = rewrite(trace, target)
    for notice in trace.notices:
        echo_notice(notice)
    written = _initialise(target) if init else []
    next_step = shlex.join(["assay", "validate", str(target)])
    if report.format == "json":
        report.write_json(_document(trace, target, lines, written, next_step))
    else:
        shown = [*report_lines(trace), f"wrote {target} ({lines} lines)"]
        shown += [f"{'Created' if made else 'Skipped'} {file}{'' if made else ' (exists)'}" for file, made in written]
        report.write("".join(f"{sanitise(line)}\n" for line in (*shown, f"Next: {next_step}")))


def one_of(path: str | None, option: str | None, what: str) -> str:
    """Return the file that was named as an argument or as an option.

    Raises:
        UsageError: E_INVALID_ARGS if it was named twice, or not at all.
    """
    if path and option:
        raise UsageError(code="E_INVALID_ARGS", message=f"{what} is given twice, as an argument and as an option")
    if not (path or option):
        raise UsageError(code="E_INVALID_ARGS", message=f"name {what}", remedy="give it as FILE; - is standard input")
    return path or option or ""


def report_lines(trace: OpenedTrace) -> Iterator[str]:
    """Yield what was read, what was left out and what was noted, for people."""
    report = trace.report
    yield f"{trace.source.name}: read by {trace.importer}"
    counts = ((report.records, "record"), (trace.episodes, "episode"), (trace.tool_calls, "tool call"))
    yield ", ".join(_count(number, noun) for number, noun in counts)
    left_out = sorted(report.dropped.items(), key=lambda each: (-each[1], each[0]))
    for what, count in left_out[:_SHOWN]:
        yield f"left out {what}: {count}"
    if len(left_out) > _SHOWN:
        yield f"left out {len(left_out) - _SHOWN} more kinds; --report-format json lists them"
    for note in report.notes[:_SHOWN]:
        yield f"note: {note}"


def _target(name: str, out_trace: str | None) -> Path:
    if out_trace:
        return Path(out_trace)
    if name == "-":
        raise UsageError(
            code="E_INVALID_ARGS", message="a recording from standard input has no name to derive the trace's from",
            remedy="name the trace with --out-trace",
        )  # fmt: skip
    path = Path(name)
    return path.with_name(f"{path.stem}.trace.jsonl")


def _initialise(trace: Path) -> Sequence[tuple[str, bool]]:
    """Write what `assay init --from-trace` would write here; say what was made and what was there."""
    from assay_core.cli.init import files_from_trace
    from assay_core.documents import create_file

    return [(name, create_file(Path(name), text.encode())) for name, text in files_from_trace(str(trace), Path())]


def _document(
    trace: OpenedTrace, target: Path, lines: int, written: Sequence[tuple[str, bool]], next_step: str
) -> dict[str, object]:
    return {
        "ok": True,
        "exit_code": 0,
        "input": trace.source.name,
        "importer": trace.chosen.record.name,
        "distribution": trace.chosen.record.distribution,
        "output": str(target),
        "lines": lines,
        "records": trace.report.records,
        "episodes": trace.episodes,
        "tool_calls": trace.tool_calls,
        "dropped": dict(sorted(trace.report.dropped.items())),
        "notes": list(trace.report.notes),
        "files": [{"path": name, "status": "created" if made else "skipped"} for name, made in written],
        "next_step": next_step,
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
