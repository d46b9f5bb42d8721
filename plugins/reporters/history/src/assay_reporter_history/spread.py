"""How scores are spread, per group: the numbers that both reports are made of."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

__all__ = ["Spread", "spreads"]

_DIGITS = 12  # computed numbers are rounded there: sums differ beyond it by the order of their terms


@attrs.frozen(kw_only=True)
class Spread:
    """The scores of one group.

    Source:
        Percentiles are samples, never interpolated: the one at index floor(q * (n - 1)) of the sorted scores. The
        standard deviation is that of the population. Both as the Rust project computes them.
    """

    group: str
    metric: str
    n: int
    min: float
    max: float
    mean: float
    std: float
    tail: float  # the percentile that was asked for
    p10: float
    p50: float
    p90: float


def spreads(samples: Iterable[tuple[str, str, float]], *, tail: float = 0.10) -> list[Spread]:
    """Return one spread per group and metric, sorted by both.

    Args:
        samples: Group, metric and a finite score, in any order.
        tail: Share in 0..1 of the scores that may lie below `Spread.tail`.
    """
    import polars as pl

    schema = {"group": pl.String, "metric": pl.String, "score": pl.Float64}
    frame = pl.DataFrame([*samples], schema=schema, orient="row").sort("group", "metric", "score")
    score = pl.col("score")

    def ranked(share: float) -> pl.Expr:
        return score.get(((pl.len().cast(pl.Float64) - 1.0) * share).floor().cast(pl.UInt32))

    found = frame.group_by("group", "metric", maintain_order=True).agg(
        n=pl.len(),
        min=score.first(),
        max=score.last(),
        mean=score.mean().round(_DIGITS),
        std=score.std(ddof=0).round(_DIGITS),
        tail=ranked(tail),
        p10=ranked(0.10),
        p50=ranked(0.50),
        p90=ranked(0.90),
    )
    return [Spread(**row) for row in found.iter_rows(named=True)]
