"""How much text may be looked at in one call."""

from __future__ import annotations

import attrs

__all__ = ["Budget", "TooMuchWork"]


class TooMuchWork(Exception):
    """The arguments unfold to more text than the budget allows."""


@attrs.define
class Budget:
    """How many characters may still be made and searched. Spent before they are made, so that memory is bounded."""

    characters: int

    def spend(self, characters: int) -> None:
        """Take note of work.

        Raises:
            TooMuchWork: the budget is used up.
        """
        self.characters -= characters
        if self.characters < 0:
            raise TooMuchWork
