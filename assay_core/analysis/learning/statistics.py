"""How much a count of runs says: the lower bound of Wilson, and the smoothed share of Laplace."""

from __future__ import annotations

import math

__all__ = ["laplace", "wilson_lower"]


def wilson_lower(seen: int, runs: int, z: float = 1.96) -> float:
    """Return the lower end of Wilson's interval for a share, 0 where there are no runs.

    Args:
        seen: In how many runs something was seen; 0 <= seen <= runs.
        runs: How many runs there were.
        z: The quantile; 1.96 leaves 2.5 % below.
    """
    if runs <= 0:
        return 0.0
    share = seen / runs
    square = z * z
    middle = share + square / (2 * runs)
    spread = z * math.sqrt((share * (1 - share) + square / (4 * runs)) / runs)
    return max(0.0, (middle - spread) / (1 + square / runs))


def laplace(seen: int, runs: int, alpha: float = 1.0) -> float:
    """Return the share of runs, drawn towards one half by `alpha` imagined runs of either kind."""
    return (seen + alpha) / (runs + 2 * alpha)
