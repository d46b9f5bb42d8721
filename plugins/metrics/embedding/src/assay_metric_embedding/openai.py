"""The embedder behind any HTTP endpoint that speaks as OpenAI's does."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import attrs
import msgspec

from assay_core.errors import UsageError
from assay_core.remote import NoAnswerError, RemoteService
from assay_metric_embedding.vectors import pack

__all__ = ["OpenAIEmbedder", "OpenAIOptions"]

_HOME = "https://api.openai.com/v1"
_KEY = "OPENAI_API_KEY"
_URL = "OPENAI_BASE_URL"
_LONGEST_PAUSE_S = 5.0


@attrs.frozen(kw_only=True)
class OpenAIOptions:
    """Options of the embedder `openai`."""

    model: str = "text-embedding-3-small"
    base_url: str | None = None  # None: $OPENAI_BASE_URL, else OpenAI itself
    timeout_s: float = 20.0  # of one attempt, whole
    attempts: int = 3
    backoff_s: float = 0.5  # before the second attempt; doubled before each further one
    batch: int = 64  # texts in one request


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class OpenAIEmbedder:
    """Asks an OpenAI-compatible endpoint. The key comes from OPENAI_API_KEY and goes to the endpoint alone."""

    options_type: type[object] = OpenAIOptions
    needs: frozenset[str] = frozenset({"network", "model"})

    def __init__(self, options: OpenAIOptions) -> None:
        if options.attempts < 1 or options.batch < 1 or not options.timeout_s > 0 or options.backoff_s < 0:
            raise UsageError(code="E_INVALID_ARGS", message="attempts, batch and timeout_s have to be more than 0")
        self._options = options
        base = options.base_url or os.environ.get(_URL) or _HOME
        self._service = RemoteService(
            base,
            what="the embedder 'openai'",
            unavailable="E_EMBEDDER_UNAVAILABLE",
            key_name=_KEY,
            key_needed=base.rstrip("/") == _HOME,
            attempts=options.attempts,
            backoff_s=options.backoff_s,
            longest_pause_s=_LONGEST_PAUSE_S,
        )
        elsewhere = self._service.url != _HOME
        self.id: str = f"{options.model}@{self._service.name}" if elsewhere else options.model
        self.dims: int = 0  # not known before the first answer

    def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Return one row per text; asks in batches, in their order.

        Raises:
            ServiceError: E_RATE_LIMIT, E_PROVIDER_5XX, E_TIMEOUT, E_NETWORK_ERROR, E_EMBEDDER_UNAVAILABLE after
                bounded attempts.
            UsageError: E_CREDENTIAL_MISSING.
        """
        rows: list[bytes] = []
        for start in range(0, len(texts), self._options.batch):
            rows.extend(self._ask(list(texts[start : start + self._options.batch])))
        return rows

    def _ask(self, texts: list[str]) -> list[bytes]:
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        body = msgspec.json.encode({"model": self._options.model, "input": clean, "encoding_format": "float"})
        return self._service.post(
            "/embeddings", body, lambda data: self._rows(data, len(texts)), timeout_s=self._options.timeout_s
        )

    def _rows(self, data: bytes, wanted: int) -> list[bytes]:
        try:
            answer = msgspec.json.decode(data, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise NoAnswerError("no list of embeddings") from None
        items = sorted(answer.data, key=lambda item: item.index)
        if [item.index for item in items] != list(range(wanted)):
            raise NoAnswerError(f"{len(items)} embeddings for {wanted} texts")
        dims = self.dims or len(items[0].embedding)
        if not dims or any(len(item.embedding) != dims for item in items):
            raise NoAnswerError("embeddings of different lengths")
        try:
            rows = [pack(item.embedding) for item in items]
        except OverflowError:
            raise NoAnswerError("a number too large for a vector") from None
        if not all(math.isfinite(number) for item in items for number in item.embedding):
            raise NoAnswerError("a number that is not finite")
        self.dims = dims
        return rows
