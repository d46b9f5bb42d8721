"""`assay coverage`: how much some traces tested."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

from assay_core.commandline.formats import Report, report_options

__all__ = ["CoverageWords", "command"]


class CoverageWords(NamedTuple):  # attrs costs more than the help of a command may
    """What the command line said, as click decoded it."""

    files: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    trace_format: str | None = None
    input_path: str | None = None
    policy: str | None = None
    config: str | None = None
    lenient: bool = False
    min_coverage: float | None = None
    baseline: str | None = None
    export_baseline: str | None = None
    fail_on_gaps: bool = False
    declared_tool: tuple[str, ...] = ()
    declared_tools_file: str | None = None
    routes_top: int = 10
    out_md: str | None = None
    out: str | None = None


@click.command("coverage")
@click.argument("files", nargs=-1, metavar="[SUITE|POLICY] [TRACE]...")
@click.option(
    "--trace-file", "--traces", "--trace", "traces", multiple=True, metavar="FILE",
    help="A recorded trace, or a folder of them; - is standard input. Repeatable.",
)  # fmt: skip
@click.option("--trace-format", metavar="NAME", help="The importer, where the content does not tell.")
@click.option("--input", "input_path", metavar="FILE", help="A list of calls that is no trace; no policy is asked.")
@click.option("--policy", metavar="FILE", help="The policy, in place of the suite's.")
@click.option("--config", metavar="FILE", help="The suite. Default: eval.yaml here or above.")
@click.option("--lenient", is_flag=True, help="Unknown keys are warnings, not errors.")
@click.option("--min-coverage", type=click.FloatRange(0, 100), metavar="PCT", help="Fail below. Default: 0.")
@click.option("--baseline", metavar="FILE", help="Fail where a figure is lower than in this file.")
@click.option("--export-baseline", metavar="FILE", help="Write the figures there.")
@click.option("--fail-on-gaps", is_flag=True, help="Fail where a dangerous tool was never seen refused.")
@click.option("--declared-tool", multiple=True, metavar="NAME", help="A tool that is known. Repeatable.")
@click.option("--declared-tools-file", metavar="FILE", help="Tools that are known, one a line, # for comments.")
@click.option(
    "--routes-top", type=click.IntRange(0), default=10, show_default=True, metavar="N",
    help="Routes shown to people; 0 shows none. JSON has all.",
)  # fmt: skip
@click.option("--out-md", metavar="FILE", help="Write the report in Markdown as well.")
@click.option("--out", metavar="FILE", hidden=True)
@report_options("text", "json", "report-v1", "markdown", "md", "github")
def command(report: Report, /, **words: Any) -> int:  # Any: click's values
    """Say how much some traces tested: which tools, rules and branches of schemas, and what was never tried.

    In a project with eval.yaml and traces it needs no arguments: the policy is the suite's, the traces are those in
    `traces/`. Without a policy, or with --input, it reports which tools were used (coverage_report_v1).

    Exit code 1: a call breaks the policy, a figure is below --min-coverage or the baseline, or --fail-on-gaps
    found one. `json` is the policy's coverage, `report-v1` the published schema; a file that ends in .json or .md
    chooses its format where --format does not.
    """
    from assay_core.cli.coverage_command import coverage

    source = click.get_current_context().get_parameter_source("report_format")
    chosen = source != click.core.ParameterSource.DEFAULT
    return coverage(report, CoverageWords(**words), format_chosen=chosen)
