"""JSON inside of attributes: arguments, results and messages are recorded as texts that hold JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from assay_core.documents.strict_json import DECODE_ERRORS, StrictJsonError, check_line, shallow, suspicious
from assay_core.trace import RecordError

__all__ = ["decoded", "encode", "json_of"]

_decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
_MAX_DEPTH = 128
_START = frozenset('{["-0123456789tfn')


def decoded(value: Any) -> Any:
    """Return what a text says where it is JSON, any other value as it is.

    Raises:
        RecordError: it is JSON that can be read in two ways, such as an object with a key twice.
    """
    return json_of(value)[0] if isinstance(value, str) else value


def json_of(text: str) -> tuple[Any, bytes]:
    """Return a text's value and the JSON to keep of it: its own bytes where it is JSON, else a JSON string.

    Raises:
        RecordError: it is JSON that can be read in two ways, or is too deep.
    """
    if text[:1] not in _START and text.lstrip()[:1] not in _START:
        return text, encode(text)
    try:
        data = text.encode()
        value = _decode(data)
    except (*DECODE_ERRORS, UnicodeEncodeError):
        return text, encode(text)
    if not shallow(data, _MAX_DEPTH) or suspicious(data, value):
        try:
            check_line(data, max_depth=_MAX_DEPTH)
        except StrictJsonError as error:
            raise RecordError(f"the JSON of an attribute is ambiguous: {error.message}") from error
    return value, data.strip()
