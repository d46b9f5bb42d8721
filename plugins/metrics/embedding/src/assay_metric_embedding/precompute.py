"""`assay trace precompute-embeddings`: writes vectors into a trace, so that runs need no embedder."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("precompute-embeddings")
@click.argument("trace", required=False)
@click.option("--trace", "--trace-file", "named", metavar="FILE", help="The trace, in place of the argument.")
@click.option("--config", metavar="FILE", required=True, help="The suite whose semantic tests need vectors.")
@click.option("--embedder", metavar="NAME", required=True, help="hashing, local, openai, or another that is installed.")
@click.option("--embedding-model", "--model", "model", metavar="NAME", help="The model to ask the embedder for.")
@click.option("--output", "-o", metavar="FILE", help="Where the trace goes. Default: it is replaced, in one step.")
@click.option("--batch", type=click.IntRange(min=1), default=64, show_default=True, help="Texts embedded at once.")
@click.option("--refresh-embeddings", "refresh", is_flag=True, help="Embed anew what the trace brings along.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def command(
    trace: str | None,
    named: str | None,
    config: str,
    embedder: str,
    model: str | None,
    output: str | None,
    batch: int,
    refresh: bool,
    quiet: bool,
) -> None:
    """Write the vectors that semantic_similarity_to needs into a trace.

    What was embedded is kept beside the output until it is finished, so that a run that was interrupted goes on
    where it stopped. Exit codes: 0 written, 2 configuration, 3 the embedder or the disk failed.
    """
    from pathlib import Path

    from assay_core.errors import UsageError
    from assay_metric_embedding.precomputing import Job, carry_out

    if (trace is None) == (named is None):
        raise UsageError(code="E_INVALID_ARGS", message="name exactly one trace: precompute-embeddings TRACE")
    source = Path(trace or named or "")
    job = Job(
        trace=source,
        config=Path(config),
        embedder=embedder,
        model=model,
        target=Path(output) if output else source,
        batch=batch,
        refresh=refresh,
        quiet=quiet,
    )
    carry_out(job)
