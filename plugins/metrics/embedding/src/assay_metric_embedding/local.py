"""The embedder that runs here: wordllama's static word vectors, from the installed package and never downloaded."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay_core.errors import UsageError

__all__ = ["LocalEmbedder"]


class LocalEmbedder:
    """Knows what words mean, not how a sentence arranges them: "is" and "is not" look alike to it."""

    dims: int = 256
    needs: frozenset[str] = frozenset({"model"})

    def __init__(self) -> None:
        try:
            version = importlib.metadata.version("wordllama")
        except importlib.metadata.PackageNotFoundError:
            raise UsageError(
                code="E_PLUGIN_MISSING",
                message="the embedder 'local' needs wordllama, which is not installed",
                remedy="pip install 'assay-metric-embedding[local]', or choose another embedder",
            ) from None
        self.id: str = f"wordllama-{version}-{self.dims}"

    def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Return one row per text; a text without a visible character is a zero vector."""
        return [self._row(text) for text in texts]

    def _row(self, text: str) -> bytes:
        # One text at a time, so that no text changes another's vector by standing in the same batch.
        if not text.strip():
            return bytes(4 * self.dims)
        clean = text.encode("utf-8", "replace").decode()  # the tokenizer takes no lone surrogates
        row: bytes = _model(self.dims).embed([clean], norm=False)[0].astype("<f4").tobytes()
        return row


@functools.lru_cache(maxsize=1)
def _model(dims: int) -> Any:  # Any: wordllama is untyped
    """Load the weights that lie in the package. The default call would look for them on the network first."""
    wordllama: Any = importlib.import_module("wordllama")
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True, dim=dims)
