"""The embedder without a model: counts of character n-grams, hashed. The same vector on every machine."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

from assay_metric_embedding.vectors import pack

__all__ = ["HashingEmbedder"]

_DIMS = 512
_SHORTEST, _LONGEST = 3, 5


class HashingEmbedder:
    """Tells texts apart by how they are spelt, not by what they mean; needs no model and no network.

    Only integers are counted and only square roots are taken, so that no library and no processor can make a
    difference. Upper and lower case are the same for ASCII letters, runs of white space are one space.
    """

    id: str = f"hashing-char-{_SHORTEST}-{_LONGEST}-{_DIMS}-v1"
    dims: int = _DIMS
    needs: frozenset[str] = frozenset()

    def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Return one row per text; a text without a visible character is a zero vector."""
        return [_row(text) for text in texts]


def _row(text: str) -> bytes:
    words = text.split()
    if not words:
        return bytes(4 * _DIMS)
    padded = f" {' '.join(words)} "
    counts = [0] * _DIMS
    for length in range(_SHORTEST, _LONGEST + 1):
        for start in range(len(padded) - length + 1):
            gram = padded[start : start + length].encode("utf-8", "surrogatepass").lower()
            hashed = zlib.crc32(gram)
            counts[hashed % _DIMS] += 1 if hashed >> 31 else -1
    norm = math.sqrt(sum(map(abs, counts))) or 1.0
    return pack([math.copysign(math.sqrt(abs(count)), count) / norm if count else 0.0 for count in counts])
