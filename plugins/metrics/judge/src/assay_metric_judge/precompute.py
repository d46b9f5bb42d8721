"""`assay trace precompute-judge`: writes verdicts into a trace, so that runs need no judge."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("precompute-judge")
@click.argument("trace", required=False)
@click.option("--trace", "--trace-file", "named", metavar="FILE", help="The trace, in place of the argument.")
@click.option("--config", metavar="FILE", help="The suite whose tests need verdicts. Default: eval.yaml here or above.")
@click.option("--judge", metavar="NAME", required=True, help="openai, or another that is installed.")
@click.option("--judge-model", "--model", "judge_model", metavar="NAME", help="The model to ask the judge for.")
@click.option("--judge-base-url", metavar="URL", help="The endpoint of the judge. Never read from a file.")
@click.option("--judge-samples", type=click.IntRange(1, 99), metavar="N", help="Votes per verdict, at most.")
@click.option("--judge-temperature", type=click.FloatRange(0, 2), metavar="X", help="0 to 2. Default: 0.")
@click.option("--judge-max-tokens", type=click.IntRange(1), metavar="N", help="Length of an answer. Default: 800.")
@click.option("--output", "-o", metavar="FILE", help="Where the trace goes. Default: it is replaced, in one step.")
@click.option("--judge-refresh", "refresh", is_flag=True, help="Judge anew what the trace brings along.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def command(
    trace: str | None,
    named: str | None,
    config: str | None,
    output: str | None,
    refresh: bool,
    quiet: bool,
    **services: object,
) -> None:
    """Ask a judge for the verdicts that a suite needs, and write them into the trace.

    Reads and writes JSON lines; each verdict stands in `meta.assay.judge` of its record. Exit codes: 0 written,
    2 configuration, 3 the judge or the disk failed; then the trace is as it was.
    """
    from pathlib import Path

    from assay_core.errors import UsageError
    from assay_metric_judge.precomputing import Job, carry_out

    if (trace is None) == (named is None):
        raise UsageError(code="E_INVALID_ARGS", message="name exactly one trace: precompute-judge TRACE")
    source = Path(trace or named or "")
    given = {name: value for name, value in services.items() if value is not None}
    carry_out(
        Job(
            trace=source,
            config=Path(config) if config else None,
            target=Path(output) if output else source,
            services=given,  # type: ignore[arg-type]  # click's texts and numbers
            refresh=refresh,
            quiet=quiet,
        )
    )
