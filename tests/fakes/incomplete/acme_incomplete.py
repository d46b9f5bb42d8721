"""Drivers that do not keep their contract."""

import attrs


@attrs.frozen(kw_only=True)
class Options:
    """None."""


class _Half:
    types = {"acme.incomplete": Options, "acme.untyped": Options}
    needs_episode = True
    pure = True
    blocking = False
    needs = frozenset()


class NoPrepare(_Half):
    pass


class Untyped(_Half):
    needs = "network"

    def prepare(self, expectation, context):
        return self


class Misnamed(_Half):
    def prepare(self, expectation, context):
        return self


class Raising:
    def __init__(self):
        raise KeyError("settings")


def function():
    return None
