"""A metric whose verdict depends on where in the file it was written: what no migration can keep."""

import attrs

from assay_core.model import Finding, MetricResult, Outcome


@attrs.frozen(kw_only=True)
class Options:
    """None."""


class Placed:
    types = {"acme.placed": Options}
    needs_episode = True
    pure = True
    blocking = False
    needs = frozenset()

    def prepare(self, expectation, context):
        return Prepared(expectation.place.line)


@attrs.frozen
class Prepared:
    line: int

    def measure(self, episodes):
        if self.line % 2:
            return [MetricResult(outcome=Outcome.HELD) for _ in episodes]
        found = Finding(code="ACME_PLACED", message="an even line", rule="acme.placed")
        return [MetricResult(outcome=Outcome.VIOLATED, findings=(found,)) for _ in episodes]
