"""The embedder behind any HTTP endpoint that speaks as OpenAI's does."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import attrs
import msgspec

from assay_core.errors import ServiceError, UsageError
from assay_metric_embedding.endpoint import Endpoint, Retrying, endpoint_of
from assay_metric_embedding.vectors import pack

__all__ = ["OpenAIEmbedder", "OpenAIOptions"]

_HOME = "https://api.openai.com/v1"
_KEY = "OPENAI_API_KEY"
_URL = "OPENAI_BASE_URL"


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
        url = options.base_url or os.environ.get(_URL) or _HOME
        self._endpoint: Endpoint = endpoint_of(url)
        self._retrying = Retrying(attempts=options.attempts, backoff_s=options.backoff_s)
        elsewhere = self._endpoint != endpoint_of(_HOME)
        self.id: str = f"{options.model}@{self._endpoint.name}" if elsewhere else options.model
        self.dims: int = 0  # not known before the first answer

    def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        """Return one row per text; asks in batches, in their order.

        Raises:
            ServiceError: E_RATE_LIMIT, E_PROVIDER_5XX, E_TIMEOUT, E_NETWORK_ERROR, E_EMBEDDER_UNAVAILABLE after
                bounded attempts.
            UsageError: E_CREDENTIAL_MISSING.
        """
        headers = self._headers()
        rows: list[bytes] = []
        for start in range(0, len(texts), self._options.batch):
            rows.extend(self._ask(list(texts[start : start + self._options.batch]), headers))
        return rows

    def _ask(self, texts: list[str], headers: dict[str, str]) -> list[bytes]:
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        body = msgspec.json.encode({"model": self._options.model, "input": clean, "encoding_format": "float"})

        def once() -> list[bytes]:
            data = self._endpoint.post("/embeddings", body, headers, timeout_s=self._options.timeout_s)
            return self._rows(data, len(texts))

        return self._retrying.call(once)

    def _rows(self, data: bytes, wanted: int) -> list[bytes]:
        try:
            answer = msgspec.json.decode(data, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._garbage("no list of embeddings") from None
        items = sorted(answer.data, key=lambda item: item.index)
        if [item.index for item in items] != list(range(wanted)):
            raise self._garbage(f"{len(items)} embeddings for {wanted} texts")
        dims = self.dims or len(items[0].embedding)
        if not dims or any(len(item.embedding) != dims for item in items):
            raise self._garbage("embeddings of different lengths")
        try:
            rows = [pack(item.embedding) for item in items]
        except OverflowError:
            raise self._garbage("a number too large for a vector") from None
        if not all(math.isfinite(number) for item in items for number in item.embedding):
            raise self._garbage("a number that is not finite")
        self.dims = dims
        return rows

    def _garbage(self, what: str) -> ServiceError:
        return ServiceError(code="E_EMBEDDER_UNAVAILABLE", message=f"{self._endpoint.name} answered with {what}")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        key = os.environ.get(_KEY, "").strip()
        if key and not all("!" <= each <= "~" for each in key):
            raise UsageError(code="E_CREDENTIAL_MISSING", message=f"{_KEY} holds characters that no key has")
        if key:
            headers["Authorization"] = f"Bearer {key}"
        elif not self._endpoint.is_local:
            message = f"the embedder at {self._endpoint.name} needs a key, and {_KEY} is not set"
            raise UsageError(code="E_CREDENTIAL_MISSING", message=message, remedy=f"set {_KEY}")
        return headers
