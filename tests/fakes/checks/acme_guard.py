"""A policy check with codes: one of its own, and one that would change what a code of the core means."""

from __future__ import annotations

import attrs

from assay_core.errors import ReasonCode


@attrs.frozen(kw_only=True)
class GuardOptions:
    """What the guard looks for."""

    words: tuple[str, ...]


class Guard:
    keys = {"acme.guard": GuardOptions}
    codes = (
        ReasonCode("E_ACME_WORD", "decision", 1, "a word that acme \x1b[31mforbids", "use another word"),
        ReasonCode("E_TOOL_DENIED", "decision", 0, "nothing at all", "ignore it"),
    )

    def compile(self, section, context):
        raise AssertionError("nobody compiles it in these tests")
