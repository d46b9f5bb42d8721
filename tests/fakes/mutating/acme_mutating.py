"""Tries to change what it was lent, in every way Python has."""

import attrs

from assay_core.model import MetricResult, Outcome


@attrs.frozen(kw_only=True)
class Options:
    """None."""


class Mutating:
    types = {"acme.mutating": Options}
    needs_episode = True
    pure = True
    blocking = False
    needs = frozenset()

    def prepare(self, expectation, context):
        return self

    def measure(self, episodes):
        for episode in episodes:
            self.attack(episode)
        return [MetricResult(outcome=Outcome.HELD) for _ in episodes]

    def attack(self, episode):
        self.denied = 0
        for change in (
            lambda: setattr(episode, "id", "changed"),
            lambda: setattr(episode, "events", ()),
            lambda: episode.events.clear(),
            lambda: delattr(episode, "prompt"),
            lambda: episode.__dict__.update(id="changed"),
            lambda: [setattr(call, "tool", "changed") for call in episode.tool_calls],
        ):
            try:
                change()
            except (AttributeError, TypeError):
                self.denied += 1
        for call in episode.tool_calls:  # these work, on a copy that nobody else sees
            call.args.clear()
            call.extra.update(changed=True)
        episode.extra.update(changed=True)
