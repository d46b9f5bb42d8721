"""RFC 8785 bytes and SHA-256 digests of JSON values."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from assay_core.model.json_value import JsonValue

__all__ = ["canonical_bytes", "digest", "digest_hex"]

_MAX_SAFE = 2**53 - 1


def canonical_bytes(value: JsonValue) -> bytes:
    """Return the RFC 8785 serialisation of a JSON value.

    Integers beyond 2^53-1 go through the nearest double first, as ECMAScript would print them.

    Raises:
        ValueError: `value` holds NaN, an infinity, a lone surrogate, a key that is not a string, or an
            integer that no finite double is near.

    Source:
        RFC 8785 (JCS). orjson writes the same bytes wherever `_is_plain` says so; rfc8785 writes the rest.
    """
    if _is_plain(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as error:  # a lone surrogate, or deeper than 254 levels
            raise ValueError(str(error)) from error
    import rfc8785

    try:
        return rfc8785.dumps(_as_doubles(value))
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error


def digest_hex(data: bytes) -> str:
    """Return the SHA-256 of bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest(value: JsonValue) -> str:
    """Return `sha256:` and the SHA-256 of the value's RFC 8785 bytes."""
    return "sha256:" + digest_hex(canonical_bytes(value))


def _is_plain(value: Any) -> bool:  # Any: it tells exact types apart, so that subclasses take the slow path
    """Tell whether orjson writes this value exactly as RFC 8785 demands."""
    kind = type(value)
    if kind is str:
        return True
    if kind is dict:
        return all(type(key) is str and key.isascii() and _is_plain(item) for key, item in value.items())
    if kind is list:
        return all(map(_is_plain, value))
    if kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_MAX_SAFE <= value <= _MAX_SAFE)
    if kind is float:
        return bool(1e-5 <= abs(value) < 1e15 and not value.is_integer())
    return False


def _as_doubles(value: object) -> JsonValue:
    """Copy a value with every integer beyond 2^53-1 replaced by the double nearest to it."""
    if isinstance(value, dict):
        return {key: _as_doubles(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_doubles(item) for item in value]
    if type(value) is int and not -_MAX_SAFE <= value <= _MAX_SAFE:
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError(f"the integer {value} has no finite double") from error
    return value  # type: ignore[return-value]  # rfc8785 refuses what is not JSON
