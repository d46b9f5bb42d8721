"""Claims the same name as its neighbour."""

import attrs

from assay_core.model import MetricResult, Outcome


@attrs.frozen(kw_only=True)
class Options:
    """None."""


class Clash:
    types = {"acme.clash": Options}
    needs_episode = True
    pure = True
    blocking = False
    needs = frozenset()

    def prepare(self, expectation, context):
        return self

    def measure(self, episodes):
        return [MetricResult(outcome=Outcome.HELD) for _ in episodes]
