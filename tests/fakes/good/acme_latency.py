"""A plugin with nothing wrong with it."""

import attrs

from assay_core.model import MetricResult, Outcome


@attrs.frozen(kw_only=True)
class Options:
    """None."""


class Latency:
    types = {"acme.latency": Options}
    needs_episode = True
    pure = True
    blocking = False
    needs = frozenset()

    def prepare(self, expectation, context):
        return self

    def measure(self, episodes):
        return [MetricResult(outcome=Outcome.HELD) for _ in episodes]
