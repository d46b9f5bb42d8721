"""How far the judges of a run can be relied on: rates over all verdicts, whichever metric gave them."""

from __future__ import annotations

from collections import Counter

from assay_core.model import JsonObject, MetricRow, ResultRow

__all__ = ["JudgeTally"]

_UNAVAILABLE = frozenset({"E_JUDGE_UNAVAILABLE", "E_NETWORK_ERROR", "E_PROVIDER_5XX", "E_RATE_LIMIT", "E_TIMEOUT"})


class JudgeTally:
    """Counts verdicts row by row, so that nothing has to be kept.

    A metric gives a verdict by the members `verdict` (text) or `agreement` (number) of its details: the share of
    votes that passed. `swapped` says that the votes began with the other label.
    """

    def __init__(self) -> None:
        self._tally: Counter[str] = Counter()

    def add(self, row: ResultRow) -> None:
        """Count what a row holds."""
        self._tally["unavailable"] += row.status == "error" and row.error_code in _UNAVAILABLE
        for metric in row.metrics:
            self._add(metric)

    def _add(self, metric: MetricRow) -> None:
        verdict, agreement = metric.details.get("verdict"), metric.details.get("agreement")
        is_number = isinstance(agreement, (int, float)) and not isinstance(agreement, bool)
        if not isinstance(verdict, str) and not is_number:
            return
        self._tally["verdicts"] += 1
        self._tally["abstained"] += verdict == "Abstain"
        if is_number:
            split = agreement not in (0, 1)
            self._tally["agreed"] += not split
            self._tally["flipped"] += split and metric.details.get("swapped") is True

    def metrics(self) -> JsonObject | None:
        """Return the rates, None where no judge gave a verdict."""
        tally = self._tally
        count = tally["verdicts"]
        if not count:
            return None
        return {
            "abstain_rate": round(tally["abstained"] / count, 4),
            "flip_rate": round(tally["flipped"] / count, 4),
            "consensus_rate": round(tally["agreed"] / count, 4),
            "unavailable_count": tally["unavailable"],
        }
