"""`assay trace precompute-embeddings`: computes the vectors that a run will look up."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("precompute-embeddings")
@click.argument("trace", required=False)
@click.option("--trace", "--trace-file", "named", metavar="FILE", help="The trace, in place of the argument.")
@click.option("--config", metavar="FILE", help="The suite whose checks need vectors. Default: eval.yaml here or above.")
@click.option("--embedder", metavar="NAME", required=True, help="hashing, local, openai, or another that is installed.")
@click.option("--embedding-model", "--model", "model", metavar="NAME", help="The model to ask the embedder for.")
@click.option("--format", "trace_format", metavar="NAME", help="The trace's format. Default: by its content.")
@click.option("--db", metavar="FILE", help="The store to fill. Default: .assay/assay.db beside the suite.")
@click.option("--out-trace", "--output", "-o", "output", metavar="FILE", help="Also write the trace with its vectors.")
@click.option("--batch", type=click.IntRange(min=1), default=64, show_default=True, help="Texts embedded at once.")
@click.option("--refresh-embeddings", "refresh", is_flag=True, help="Embed anew what is there already.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def command(
    trace: str | None,
    named: str | None,
    config: str | None,
    embedder: str,
    model: str | None,
    trace_format: str | None,
    db: str | None,
    output: str | None,
    batch: int,
    refresh: bool,
    quiet: bool,
) -> None:
    """Fill the store with the vectors that a suite's checks need for a trace.

    Afterwards `assay run --replay-strict --embedder NAME` asks nobody. With --out-trace the vectors of
    semantic_similarity_to are also written into a copy of the trace (it may be the trace itself), which then needs
    neither the store nor an embedder. What was embedded is kept batch by batch: a job that was interrupted goes on
    where it stopped. Exit codes: 0 done, 2 configuration, 3 the embedder or the disk failed.
    """
    from pathlib import Path

    from assay_core.errors import UsageError
    from assay_metric_embedding.precomputing import Job, carry_out

    if (trace is None) == (named is None):
        raise UsageError(code="E_INVALID_ARGS", message="name exactly one trace: precompute-embeddings TRACE")
    if output is not None and trace_format not in (None, "jsonl"):
        raise UsageError(code="E_INVALID_ARGS", message="--out-trace writes vectors into JSON lines only")
    job = Job(
        trace=Path(trace or named or ""),
        config=Path(config) if config else None,
        embedder=embedder,
        model=model,
        trace_format="jsonl" if output else trace_format,
        db=db,
        target=Path(output) if output else None,
        batch=batch,
        refresh=refresh,
        quiet=quiet,
    )
    carry_out(job)
