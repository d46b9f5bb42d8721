"""Vectors as bytes and as numbers: packing, cosine, and those that a record of the trace brings along."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping, Sequence

import attrs

from assay_core.errors import InputError, Place
from assay_core.model import Episode, JsonValue

__all__ = ["Recorded", "cosine", "pack", "recorded", "sha256_hex", "unpack"]

# Where a record keeps what was computed of it; the second is the name the format had before.
_NAMESPACES = ("assay", "verdict")


@attrs.frozen(kw_only=True)
class Recorded:
    """The two vectors that a record brings along."""

    response: tuple[float, ...]
    reference: tuple[float, ...]
    model: str
    source_response: str
    source_reference: str


def sha256_hex(text: str) -> str:
    """Return the digest of a text's UTF-8 bytes; a lone surrogate counts as the three bytes it would take."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def pack(numbers: Sequence[float]) -> bytes:
    """Return numbers as little-endian float32.

    Raises:
        OverflowError: a number is too large for float32.
    """
    return struct.pack(f"<{len(numbers)}f", *numbers)


def unpack(row: bytes) -> tuple[float, ...]:
    """Return the numbers of a row of little-endian float32."""
    return struct.unpack(f"<{len(row) // 4}f", row)


def cosine(a: Sequence[float], b: Sequence[float], *, place: Place | None = None) -> float:
    """Return the cosine of two vectors, between -1 and 1, in double precision.

    Raises:
        InputError: E_EMBEDDING_INVALID where the lengths differ or a vector is zero.
    """
    if len(a) != len(b) or not a:
        message = f"embedding dims mismatch (a={len(a)}, b={len(b)})"
        raise InputError(code="E_EMBEDDING_INVALID", message=message, place=place)
    unit_a, unit_b = _scaled(a), _scaled(b)
    norms = math.hypot(*unit_a) * math.hypot(*unit_b)
    if norms == 0.0:
        raise InputError(code="E_EMBEDDING_INVALID", message="zero-norm embedding", place=place)
    return max(-1.0, min(1.0, math.fsum(x * y for x, y in zip(unit_a, unit_b, strict=True)) / norms))


def recorded(episode: Episode, reference: str) -> Recorded | None:
    """Return the vectors that a record brings along for its response and this reference, None where it does not.

    Vectors that state the digest of their text count only for that text, so that a response that was edited
    afterwards, or a second test with another reference, is not measured by somebody else's vectors.

    Raises:
        InputError: E_EMBEDDING_INVALID, with the record's line, for vectors that are no lists of numbers.
    """
    written = _written(episode.meta)
    if written is None or written.get("response") is None:
        return None
    said = written.get("response_sha256")
    if said is not None and said != sha256_hex(episode.response or ""):
        return None
    of_reference = _of_reference(written, sha256_hex(reference))
    if of_reference is None:
        return None
    place = Place(episode.source.file, episode.source.line or 0)
    model, from_response, from_reference = (
        value if isinstance(value := written.get(key), str) else fallback
        for key, fallback in (("model", ""), ("source_response", "trace"), ("source_reference", "trace"))
    )
    return Recorded(
        response=_numbers(written["response"], "response", place),
        reference=_numbers(of_reference, "reference", place),
        model=model,
        source_response=from_response,
        source_reference=from_reference,
    )


def _written(meta: Mapping[str, JsonValue]) -> Mapping[str, JsonValue] | None:
    for namespace in _NAMESPACES:
        within = meta.get(namespace)
        if isinstance(within, Mapping) and isinstance(found := within.get("embeddings"), Mapping):
            return found
    return None


def _of_reference(written: Mapping[str, JsonValue], digest: str) -> JsonValue:
    said = written.get("reference_sha256")
    if said is None or said == digest:
        return written.get("reference")
    further = written.get("further_references")
    return further.get(digest) if isinstance(further, Mapping) else None


def _numbers(value: JsonValue, name: str, place: Place) -> tuple[float, ...]:
    wrong = f"the recorded vector meta.assay.embeddings.{name} is no list of finite numbers"
    if isinstance(value, list) and all(isinstance(each, (int, float)) and type(each) is not bool for each in value):
        try:
            numbers = tuple(map(float, value))
        except OverflowError:
            raise InputError(code="E_EMBEDDING_INVALID", message=wrong, place=place) from None
        if all(map(math.isfinite, numbers)):
            return numbers
    raise InputError(code="E_EMBEDDING_INVALID", message=wrong, place=place)


def _scaled(vector: Sequence[float]) -> list[float]:
    """Divide by the largest number, so that squares neither overflow nor vanish."""
    largest = max(map(abs, vector))
    return [each / largest for each in vector] if largest else [0.0] * len(vector)
