"""The rows that people should look at: those that block first, then those that passed only just."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from assay_core.model import ResultRow

__all__ = ["Attention", "attention"]

_BLOCKING = ("fail", "error", "unstable")
_DOUBTFUL = ("warn", "flaky", "allowed_on_error")


@attrs.frozen(kw_only=True)
class Attention:
    """Some rows, and how many there are of their kind."""

    rows: tuple[ResultRow, ...]  # blocking ones first, each kind in the order of the report
    total: int


def attention(rows: Iterable[ResultRow], limit: int) -> Attention:
    """Return at most `limit` rows; holds no more than twice as many."""
    blocking: list[ResultRow] = []
    doubtful: list[ResultRow] = []
    total = 0
    for row in rows:
        kept = blocking if row.status in _BLOCKING else doubtful if row.status in _DOUBTFUL else None
        if kept is None:
            continue
        total += 1
        if len(kept) < limit:
            kept.append(row)
    return Attention(rows=tuple((blocking + doubtful)[:limit]), total=total)
