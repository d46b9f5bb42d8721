"""The nearest rows to a vector: exact with numpy, or by hnswlib's index where there are many."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from assay_core.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]

__all__ = ["BREAK_EVEN", "IndexChoice", "Neighbour", "Neighbours"]

IndexChoice: TypeAlias = Literal["auto", "exact", "hnsw"]
BREAK_EVEN = 50_000  # rows from which building an index pays, for about ten thousand queries
_SLACK = 1e-6  # rows whose float32 score is this near the last wanted one are scored again in double precision
_SEED = 100


@attrs.frozen(kw_only=True)
class Neighbour:
    """One row and its cosine."""

    at: int
    score: float


class Neighbours:
    """Rows to look among. The same rows and the same vector give the same neighbours; ties go to the lower index."""

    def __init__(self, rows: Sequence[bytes], *, index: IndexChoice = "auto") -> None:
        """Take the rows and, where that is wanted, build the index.

        Args:
            rows: Little-endian float32, all of one length.
            index: `auto` builds one from `BREAK_EVEN` rows on, if hnswlib is installed.

        Raises:
            InputError: E_EMBEDDING_INVALID for rows of different lengths or a zero row.
            UsageError: E_PLUGIN_MISSING where an index is demanded and hnswlib is not installed.
        """
        import numpy as np

        if len({len(row) for row in rows}) != 1:
            raise InputError(code="E_EMBEDDING_INVALID", message="the reference vectors differ in length, or are none")
        # In double precision first: the norms of float32 rows would cost digits.
        matrix = np.frombuffer(b"".join(rows), dtype="<f4").reshape(len(rows), -1).astype(np.float64)
        norms = np.linalg.norm(matrix, axis=1, keepdims=True)
        if not norms.all():
            raise InputError(code="E_EMBEDDING_INVALID", message="zero-norm embedding among the references")
        self._rows: Matrix = np.ascontiguousarray(matrix / norms, dtype=np.float32)
        wide = self._rows.astype(np.float64)
        self._norms: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", wide, wide))  # 1, but for the last digits
        self._index = _hnsw(self._rows) if _wants_index(index, len(rows)) else None

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    @property
    def is_exact(self) -> bool:
        """Whether every row is looked at."""
        return self._index is None

    def nearest(self, row: bytes, count: int = 1) -> list[Neighbour]:
        """Return the nearest rows, nearest first.

        Raises:
            InputError: E_EMBEDDING_INVALID where the lengths differ or the vector is zero.
        """
        import numpy as np

        vector = np.frombuffer(row, dtype="<f4").astype(np.float64)
        if vector.size != self._rows.shape[1]:
            message = f"embedding dims mismatch (a={vector.size}, b={self._rows.shape[1]})"
            raise InputError(code="E_EMBEDDING_INVALID", message=message)
        norm = math.sqrt(vector @ vector)
        if norm == 0.0:
            raise InputError(code="E_EMBEDDING_INVALID", message="zero-norm embedding")
        vector /= norm
        count = min(count, len(self._rows))
        candidates = self._candidates(vector.astype(np.float32), count)
        dots = (self._rows[candidates].astype(np.float64) @ vector).tolist()
        # Rounded, so that equal rows tie however the processor orders its sums.
        ranked = sorted(
            (-round(dot / norm, 9), at)
            for dot, norm, at in zip(dots, self._norms[candidates].tolist(), candidates.tolist(), strict=True)
        )
        return [Neighbour(at=at, score=max(-1.0, min(1.0, -score))) for score, at in ranked[:count]]

    def _candidates(self, vector: Matrix, count: int) -> NDArray[np.intp]:
        """Return the rows worth an exact score: the wanted ones and whatever ties with the last of them."""
        import numpy as np

        if self._index is not None:
            wanted = min(2 * count + 16, len(self._rows))
            labels, _ = self._index.knn_query(vector, k=wanted, num_threads=1)
            return labels[0].astype(np.intp)  # type: ignore[no-any-return]  # hnswlib is untyped
        scores = self._rows @ vector
        if count == len(scores):
            return np.arange(count)
        last = np.partition(scores, len(scores) - count)[len(scores) - count]
        return np.flatnonzero(scores >= last - _SLACK)


def _wants_index(choice: IndexChoice, count: int) -> bool:
    installed = importlib.util.find_spec("hnswlib") is not None
    if choice == "hnsw" and not installed:
        raise UsageError(
            code="E_PLUGIN_MISSING",
            message="index: hnsw needs hnswlib, which is not installed",
            remedy="pip install 'assay-metric-embedding[hnsw]' (it needs a C++ compiler), or write index: exact",
        )
    return choice == "hnsw" or (choice == "auto" and count >= BREAK_EVEN and installed)


def _hnsw(rows: Matrix) -> Any:  # Any: hnswlib is untyped
    """Build the index with one thread and one seed: several threads would build another one each time."""
    import numpy as np

    hnswlib: Any = importlib.import_module("hnswlib")
    index = hnswlib.Index(space="ip", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), ef_construction=200, M=16, random_seed=_SEED)
    index.add_items(rows, np.arange(len(rows)), num_threads=1)
    index.set_ef(200)
    return index
