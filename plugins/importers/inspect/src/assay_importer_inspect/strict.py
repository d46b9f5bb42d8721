"""Strict JSON out of logs: what is ambiguous is refused, and NaN, which Inspect writes, becomes a text."""

from __future__ import annotations

import re

import msgspec

from assay_core.contracts import BinarySource, ImportReport
from assay_core.documents.strict_json import StrictJsonDepthError, StrictJsonError, decode_strict
from assay_core.errors import InputError, Place
from assay_core.model import JsonValue
from assay_core.trace import Members, RecordError, split_members

__all__ = [
    "SAMPLE_TIMES",
    "LimitError",
    "count_dropped",
    "members_of",
    "one_line",
    "quoted",
    "refused",
    "split_list",
    "strict",
]

SAMPLE_TIMES = 4  # a sample may be so many times as long as a line of a trace: its events repeat the conversation

_MAX_NAMES = 60  # a report with more names than this is hostile
_EXCERPT = 160
_NOT_JSON = re.compile(rb'"(?:[^"\\]++|\\.)*+"|(-?Infinity|NaN)', re.DOTALL)
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class LimitError(ValueError):
    """Something that is larger than it may be; the reader adds the place."""


def quoted(data: bytes, report: ImportReport) -> bytes:
    """Return the JSON with NaN and infinities, outside of strings, as texts: `NaN` becomes `"NaN"`.

    Inspect writes them for scores that are none. As a text, such an argument passes no policy that wants a number.
    """
    if b"NaN" not in data and b"Infinity" not in data:
        return data
    count = 0

    def replacement(match: re.Match[bytes]) -> bytes:
        nonlocal count
        if match[1] is None:
            return match[0]
        count += 1
        return b'"' + match[1] + b'"'

    data = _NOT_JSON.sub(replacement, data)
    if count:
        report.drop("number that JSON does not have, kept as a text", count)
    return data


def strict(data: bytes, source: BinarySource) -> JsonValue:
    """Return the value of one JSON text.

    Raises:
        StrictJsonError: it is malformed, ambiguous or too deep.
    """
    return decode_strict(data, max_depth=source.limits.depth)


def refused(source: BinarySource, data: bytes, error: StrictJsonError, *, member: str = "") -> InputError:
    """Return the error for JSON that is not strict: with its line, or with the member of the archive."""
    code = "E_TRACE_LIMIT" if isinstance(error, StrictJsonDepthError) else "E_TRACE_INVALID"
    offset = error.offset
    text = data[max(0, offset - _EXCERPT // 2) : offset + _EXCERPT // 2].split(b"\n")[0].decode("utf-8", "replace")
    if member:
        return InputError(code=code, message=f"{member}: {error.message} (byte {offset})", place=Place(source.name))
    line = data.count(b"\n", 0, offset) + 1
    return InputError(code=code, message=f"line {line}: {error.message}", place=Place(source.name, line, 0, text))


def members_of(raw: bytes | msgspec.Raw | None, what: str) -> Members:
    """Return the members of an object; none where there is nothing.

    Raises:
        RecordError: it is something else.
    """
    if raw is None or bytes(raw) == b"null":
        return {}
    try:
        return split_members(raw)
    except msgspec.MsgspecError as error:
        raise RecordError(f"{what} is not an object") from error


def one_line(data: bytes) -> bytes:
    """Return JSON that is spread over lines on one; its tokens stay as they were written."""
    return msgspec.json.format(data, indent=-1) if b"\n" in data or b"\r" in data else data


def split_list(raw: bytes | msgspec.Raw | None, what: str) -> list[msgspec.Raw]:
    """Return the elements of an array; none where there is nothing.

    Raises:
        RecordError: it is something else.
    """
    if raw is None or bytes(raw) == b"null":
        return []
    try:
        return _decode_list(raw)
    except msgspec.MsgspecError as error:
        raise RecordError(f"{what} is not an array") from error


def count_dropped(report: ImportReport, what: str) -> None:
    """Count something left out, under a bounded number of names."""
    if what not in report.dropped and len(report.dropped) >= _MAX_NAMES:
        what = "further members"
    report.drop(what[:120])
