"""`assay import`: a recording of any kind, written as a trace of V2 events."""

from __future__ import annotations

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["command"]


@click.command("import")
@click.option("--format", "trace_format", metavar="NAME", help="The importer, where the content does not tell.")
@click.option("--out-trace", metavar="FILE", help="The trace. Default: beside the recording, NAME.trace.jsonl.")
@click.option("--force", is_flag=True, help="Replace the trace if it is there; never the recording.")
@click.option("--init", is_flag=True, help="Learn eval.yaml and policy.yaml from it, here; existing files stay.")
@report_options("text", "json", option="--report-format")
@click.option("-i", "--input", "input_path", metavar="FILE", help="The recording, as an option.")
@click.argument("path", required=False, metavar="[FILE]")
def command(
    report: Report,
    path: str | None,
    input_path: str | None,
    trace_format: str | None,
    out_trace: str | None,
    force: bool,
    init: bool,
) -> None:
    """Read a recording through the importer that knows it, and write it as a trace.

    Says what was read and what the trace has no place for. FILE may be `-`: standard input.
    """
    from assay_core.cli.import_command import import_trace

    import_trace(report, path, input_path, trace_format, out_trace, force=force, init=init)
