"""Imports what its one function needs at the top."""

import sqlite3
import xml.dom.minidom

import attrs
from assay_core.model import MetricResult, Outcome

USED = (sqlite3, xml.dom.minidom)


@attrs.frozen(kw_only=True)
class Options:
    """None."""


class Heavy:
    types = {"acme.heavy": Options}
    needs_episode = True
    pure = True
    blocking = False
    needs = frozenset()

    def prepare(self, expectation, context):
        return self

    def measure(self, episodes):
        return [MetricResult(outcome=Outcome.HELD) for _ in episodes]
