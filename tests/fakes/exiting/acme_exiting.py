"""Ends the process where it should measure: an exit of 0 would look like a pass."""

import sys

import attrs


@attrs.frozen(kw_only=True)
class Options:
    """None."""


class Exiting:
    types = {"acme.exiting": Options}
    needs_episode = True
    pure = True
    blocking = False
    needs = frozenset()

    def prepare(self, expectation, context):
        return self

    def measure(self, episodes):
        sys.exit(0)
