"""`assay trace precompute-judge`: asks a judge for the verdicts that a run will look up."""

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
@click.option("--format", "trace_format", metavar="NAME", help="The trace's format. Default: by its content.")
@click.option("--db", metavar="FILE", help="The store to fill. Default: .assay/assay.db beside the suite.")
@click.option("--out-trace", "--output", "-o", "output", metavar="FILE", help="Also write the trace with its verdicts.")
@click.option("--judge-refresh", "refresh", is_flag=True, help="Judge anew what is there already.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def command(
    trace: str | None,
    named: str | None,
    config: str | None,
    trace_format: str | None,
    db: str | None,
    output: str | None,
    refresh: bool,
    quiet: bool,
    **services: object,
) -> None:
    """Fill the store with the verdicts that a suite's checks need for a trace.

    Afterwards `assay run --replay-strict` with the same words about the judge asks nobody. With --out-trace the
    verdicts are also written into a copy of the trace (it may be the trace itself), in `meta.assay.judge` of each
    record, which then needs neither the store nor a judge. Each verdict is kept at once: a job that was interrupted
    goes on where it stopped. Exit codes: 0 done, 2 configuration, 3 the judge or the disk failed.
    """
    from pathlib import Path

    from assay_core.errors import UsageError
    from assay_metric_judge.precomputing import Job, carry_out

    if (trace is None) == (named is None):
        raise UsageError(code="E_INVALID_ARGS", message="name exactly one trace: precompute-judge TRACE")
    if output is not None and trace_format not in (None, "jsonl"):
        raise UsageError(code="E_INVALID_ARGS", message="--out-trace writes verdicts into JSON lines only")
    given = {name: value for name, value in services.items() if value is not None}
    carry_out(
        Job(
            trace=Path(trace or named or ""),
            config=Path(config) if config else None,
            trace_format="jsonl" if output else trace_format,
            db=db,
            target=Path(output) if output else None,
            services=given,  # type: ignore[arg-type]  # click's texts and numbers
            refresh=refresh,
            quiet=quiet,
        )
    )
