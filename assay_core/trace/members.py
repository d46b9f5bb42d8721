"""Members of JSON objects whose values stay the bytes that were read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from assay_core.model import JsonValue

__all__ = ["Members", "join_members", "milliseconds", "split_members", "value_of"]

# The values are `msgspec.Raw`: views into the text they were split from.
Members = dict[str, msgspec.Raw]

_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def split_members(text: bytes | msgspec.Raw) -> Members:
    """Return the members of an object in their order.

    Raises:
        msgspec.MsgspecError: `text` is not an object.
    """
    return _split(text)


def join_members(members: Mapping[str, bytes | msgspec.Raw]) -> bytes:
    """Return the object with these members; each value is written exactly as its bytes stand."""
    if not members:
        return b"{}"
    return b"{" + b",".join([_encode(name) + b":" + bytes(raw) for name, raw in members.items()]) + b"}"


def value_of(raw: bytes | msgspec.Raw | None) -> JsonValue:
    """Return the value of raw JSON; None where there is none."""
    return None if raw is None else _decode(raw)


def milliseconds(value: JsonValue) -> float | None:
    """Return the milliseconds that a recorded time states: a number of them, or an RFC 3339 text.

    0 and null mean that the time is unknown; so does a text without a time zone, since it names no instant.

    Raises:
        ValueError: the value is no time at all.
    """
    if value is None or value == 0:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63:
        return value
    if not isinstance(value, str):
        raise ValueError("it is neither milliseconds nor an RFC 3339 text")  # noqa: TRY004 - the value is at fault
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds / 1000
