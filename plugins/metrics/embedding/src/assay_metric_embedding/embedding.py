"""Texts into vectors for one check: cached where they can be, refused where the run allows no live call."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Literal, TypeAlias, cast

import attrs

from assay_core.cache import embedding_key
from assay_core.contracts import CheckContext, Embedder
from assay_core.errors import InputError, PluginFault, UsageError
from assay_metric_embedding.vectors import unpack

__all__ = ["Deferred", "Embedded", "TextVectors"]

_GROUP = "assay.embedders"
_NONE = "none"
Origin: TypeAlias = Literal["cache", "live"]


class Deferred(Exception):
    """No error: the command asks no model, and the vectors of a text are neither recorded nor cached."""


@attrs.frozen(kw_only=True)
class Embedded:
    """One text's vector."""

    row: bytes  # little-endian float32
    origin: Origin


class TextVectors:
    """The embedder that a run, or the check itself, names. Safe to use from several threads."""

    def __init__(self, context: CheckContext, *, named: str | None = None) -> None:
        """Find the embedder; nothing is embedded yet.

        Args:
            context: What the core lends.
            named: The embedder that the check's own options name; it goes before `--embedder`.

        Raises:
            AssayError: as `Drivers.load`, for an embedder that is not installed.
        """
        services = context.services
        self._context = context
        self._strict = services.get("replay_strict") is True
        self._refresh = services.get("refresh_embeddings") is True
        self._renewed: set[str] = set()
        self._lock = threading.Lock()
        self._embedder: Embedder | None = None
        chosen = named or services.get("embedder")
        if isinstance(chosen, str) and chosen != _NONE:
            model = services.get("embedding_model")
            asked_for_it = chosen == services.get("embedder")  # --embedding-model belongs to --embedder
            options = {"model": model} if model is not None and asked_for_it else None
            self._embedder = cast("Embedder", context.driver(_GROUP, chosen, options))

    @property
    def blocking(self) -> bool:
        """Whether embedding waits for the network."""
        return self._embedder is not None and "network" in self._embedder.needs

    @property
    def model(self) -> str:
        """The id of the embedder, "" where there is none."""
        return self._embedder.id if self._embedder else ""

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        """Return one vector per text.

        Raises:
            Deferred: `validate` would have to ask a model.
            InputError: E_EMBEDDER_MISSING, E_REPLAY_STRICT_MISSING.
            UsageError: E_NEEDS_NETWORK.
            ServiceError: what the embedder raises.
        """
        embedder = self._embedder
        if embedder is None:
            if self._context.defers:
                raise Deferred
            raise InputError(
                code="E_EMBEDDER_MISSING",
                message="no vectors are recorded for this text, and no embedder was named",
            )
        found = {text: self._cached(embedder, text) for text in texts}
        missing = [text for text, row in found.items() if row is None]
        if missing:
            self._refuse_live(embedder)
            rows = _checked(embedder, missing, embedder.embed(missing))
            for text, fresh in zip(missing, rows, strict=True):
                key = embedding_key(embedder.id, text)
                self._context.cache.put(key, fresh)
                if self._refresh:
                    with self._lock:
                        self._renewed.add(key)
                found[text] = fresh
        live = set(missing)
        return [
            Embedded(row=row, origin="live" if text in live else "cache")
            for text in texts
            if (row := found[text]) is not None
        ]

    def _cached(self, embedder: Embedder, text: str) -> bytes | None:
        key = embedding_key(embedder.id, text)
        if self._refresh and key not in self._renewed:
            return None
        row = self._context.cache.get(key)
        return row if row and _is_right(embedder, row) else None

    def _refuse_live(self, embedder: Embedder) -> None:
        if not embedder.needs:
            return
        if self._context.defers:
            raise Deferred
        if self._strict:
            raise InputError(
                code="E_REPLAY_STRICT_MISSING",
                message=f"a text has no recorded vector, and --replay-strict does not ask {embedder.id}",
            )
        if self._context.offline and "network" in embedder.needs:
            raise UsageError(
                code="E_NEEDS_NETWORK", message=f"the embedder {embedder.id} needs the network, which this run denies"
            )


def _checked(embedder: Embedder, texts: Sequence[str], rows: Sequence[bytes]) -> Sequence[bytes]:
    """Check what an embedder returned: as many rows as texts, all of one length, finite numbers."""
    if len(rows) != len(texts) or any(not isinstance(row, bytes) for row in rows):
        raise _fault(embedder, f"returned {len(rows)} rows for {len(texts)} texts")
    if not all(_is_right(embedder, row) for row in rows):
        raise _fault(embedder, f"returned a row that is not {embedder.dims or 'some'} finite float32")
    return rows


def _is_right(embedder: Embedder, row: bytes) -> bool:
    """Tell whether a row is a vector of this embedder; what a cache returns may be anything."""
    right = bool(row) and len(row) % 4 == 0 and embedder.dims in (0, len(row) // 4)
    return right and all(map(math.isfinite, unpack(row)))


def _fault(embedder: Embedder, what: str) -> PluginFault:
    return PluginFault(message=f"the embedder {embedder.id} {what}", distribution=embedder.id, stage="embedder: embed")
