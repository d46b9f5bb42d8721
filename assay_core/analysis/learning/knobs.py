"""What the user of the learner may turn."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import attrs

from assay_core.errors import UsageError

__all__ = ["Generalisation", "Knobs"]

Generalisation: TypeAlias = Literal["strict", "balanced", "loose"]


@attrs.frozen(kw_only=True)
class Knobs:
    """How far the learner goes beyond what it saw, and how much it wants to have seen."""

    generalise: Generalisation = "balanced"
    min_support: int = 10  # calls behind an enum or a range, episodes behind a sequence
    min_stability: float = 0.7  # of a profile: Wilson's lower bound from which an entry is allowed
    review_threshold: float = 0.6  # … from which it is put under review
    new_is_risky: bool = False  # what is too new to be allowed is put under review, not dropped
    alpha: float = 1.0
    min_runs: int = 1
    wilson_z: float = 1.96
    heuristics: bool = False
    entropy_threshold: float = 3.8
    include_denied: bool = False

    def check(self) -> None:
        """Return if the numbers make sense together.

        Raises:
            UsageError: E_INVALID_ARGS.
        """
        numbers = (self.min_stability, self.review_threshold, self.alpha, self.wilson_z, self.entropy_threshold)
        if not all(math.isfinite(each) for each in numbers):
            raise _refused("a number is not finite")
        for name in ("min_stability", "review_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise _refused(f"--{name.replace('_', '-')} is not between 0 and 1")
        if self.min_stability < self.review_threshold:
            raise _refused("--min-stability is below --review-threshold, so nothing could be put under review")
        for name in ("alpha", "wilson_z"):
            if getattr(self, name) <= 0:
                raise _refused(f"--{name.replace('_', '-')} is not above 0")
        if self.entropy_threshold < 0:
            raise _refused("--entropy-threshold is below 0")
        for name in ("min_support", "min_runs"):
            if getattr(self, name) < 1:
                raise _refused(f"--{name.replace('_', '-')} is below 1")


def _refused(message: str) -> UsageError:
    return UsageError(code="E_INVALID_ARGS", message=message, remedy="see `assay generate --help`")
