"""Claims the same name as its neighbour."""

from assay_core.model import MetricResult, Outcome


class Clash:
    types = {"acme.clash": dict}
    needs_episode = True
    pure = True
    blocking = False
    needs = frozenset()

    def prepare(self, expectation, context):
        return self

    def measure(self, episodes):
        return [MetricResult(outcome=Outcome.HELD) for _ in episodes]
