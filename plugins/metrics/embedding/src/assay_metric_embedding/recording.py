"""A trace written anew with the vectors of its records, every other byte as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import msgspec

from assay_core.documents import open_atomic
from assay_core.errors import InputError, Place
from assay_core.model import JsonValue
from assay_metric_embedding.vectors import sha256_hex, unpack

__all__ = ["Wanted", "write_trace"]

_encode = msgspec.json.Encoder().encode


@attrs.frozen(kw_only=True)
class Wanted:
    """One record that needs vectors."""

    line: int
    response: str
    references: tuple[str, ...]
    model: str  # the id of the embedder


def write_trace(source: Path, target: Path, wanted: Sequence[Wanted], row: Callable[[str, str], bytes]) -> None:
    """Copy a trace line by line; in the wanted lines only `meta` is written anew. The file appears whole or not at all.

    Args:
        source: JSON lines.
        target: Where it goes; may be the source.
        wanted: Which lines get vectors.
        row: Returns the vector of a text, by embedder and text.

    Raises:
        InputError: E_TRACE_INVALID for a record whose `meta` is no object.
        ServiceError: E_IO.
    """
    by_line = {each.line: each for each in wanted}
    with source.open("rb") as lines, open_atomic(target) as sink:
        for number, line in enumerate(lines, 1):
            each = by_line.get(number)
            if each is None:
                sink.write(line)
                continue
            end = line[len(line.rstrip(b"\r\n")) :]
            sink.write(_with_vectors(line, _vectors(each, row), Place(str(source), number)) + end)


def _vectors(wanted: Wanted, row: Callable[[str, str], bytes]) -> dict[str, JsonValue]:
    """Return `meta.assay.embeddings`; further references of one record stand under their digests."""

    def of(text: str) -> list[JsonValue]:
        return list(unpack(row(wanted.model, text)))

    first, *further = wanted.references
    vectors: dict[str, JsonValue] = {
        "model": wanted.model,
        "response": of(wanted.response),
        "reference": of(first),
        "source_response": "precomputed",
        "source_reference": "precomputed",
        "response_sha256": sha256_hex(wanted.response),
        "reference_sha256": sha256_hex(first),
    }
    if further:
        vectors["further_references"] = {sha256_hex(text): of(text) for text in further}
    return vectors


def _with_vectors(line: bytes, vectors: dict[str, JsonValue], place: Place) -> bytes:
    record = _members(line, "the record", place)
    meta = _members(record.get("meta"), "meta", place)
    ours = _members(meta.get("assay"), "meta.assay", place)
    ours["embeddings"] = msgspec.Raw(_encode(vectors))
    meta["assay"] = msgspec.Raw(_encode(ours))
    record["meta"] = msgspec.Raw(_encode(meta))
    return _encode(record)


def _members(raw: bytes | msgspec.Raw | None, what: str, place: Place) -> dict[str, msgspec.Raw]:
    """Return the members of an object with the bytes they were written in; none for null and for nothing at all."""
    if raw is None or bytes(raw).strip() == b"null":
        return {}
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(code="E_TRACE_INVALID", message=f"{what} is no JSON object", place=place) from None
