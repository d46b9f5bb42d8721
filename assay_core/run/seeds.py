"""The seeds of a run."""

from __future__ import annotations

import hashlib

from assay_core.model import Seeds, Suite

__all__ = ["order_seed", "seeds_of"]


def order_seed(suite: Suite) -> int:
    """Return the seed: as set, else 63 bits of SHA-256 of the suite's name."""
    if suite.settings.seed is not None:
        return suite.settings.seed
    return int.from_bytes(hashlib.sha256(suite.name.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> 1


def seeds_of(suite: Suite | None, *, judged: bool = False) -> Seeds:
    """Return the seeds as reports show them; that of the judges only where one gave a verdict."""
    seed = str(order_seed(suite)) if suite else None
    return Seeds(order_seed=seed, judge_seed=seed if judged else None)
