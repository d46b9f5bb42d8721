"""Raw members of JSON, and a report that stays small."""

from __future__ import annotations

import msgspec

from assay_core.contracts import ImportReport
from assay_core.documents.strict_json import DECODE_ERRORS, StrictJsonError, decode_strict
from assay_core.trace import Members, RecordError, split_members

__all__ = ["count_dropped", "elements", "is_nothing", "json_of", "object_of", "one_line", "optional_object"]

_MAX_NAMES = 60  # a report with more names than this is hostile
_START = frozenset('{["-0123456789tfn')
_split_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def object_of(raw: bytes | msgspec.Raw | None) -> Members | None:
    """Return the members of an object; None for anything else."""
    if raw is None or bytes(raw)[:1] != b"{":
        return None
    return split_members(raw)


def optional_object(raw: bytes | msgspec.Raw | None, what: str) -> Members:
    """Return the members of an object; none where there is nothing.

    Raises:
        RecordError: it is something else.
    """
    if raw is None or is_nothing(raw):
        return {}
    members = object_of(raw)
    if members is None:
        raise RecordError(f"{what} is not an object")
    return members


def elements(raw: bytes | msgspec.Raw | None) -> list[msgspec.Raw] | None:
    """Return the elements of an array; None for anything else."""
    if raw is None or bytes(raw)[:1] != b"[":
        return None
    return _split_list(raw)


def is_nothing(raw: bytes | msgspec.Raw | None) -> bool:
    """Tell whether a member is absent, null or empty."""
    return raw is None or bytes(raw) in (b"null", b"{}", b"[]", b'""')


def one_line(data: bytes) -> bytes:
    """Return JSON that is spread over lines on one; its tokens stay as they were written."""
    return msgspec.json.format(data, indent=-1) if b"\n" in data or b"\r" in data else data


def json_of(text: str) -> bytes | None:
    """Return the JSON that a text holds, as it stands there, on one line; None where it holds none.

    Raises:
        RecordError: it is JSON that can be read in two ways.
    """
    if text.lstrip()[:1] not in _START:
        return None
    try:
        data = text.strip().encode()
        msgspec.json.decode(data)
    except (*DECODE_ERRORS, UnicodeEncodeError):
        return None
    try:
        decode_strict(data)
    except StrictJsonError as error:
        raise RecordError(f"the JSON in a text is ambiguous: {error.message}") from error
    return one_line(data)


def count_dropped(report: ImportReport, what: str) -> None:
    """Count something left out, under a bounded number of names."""
    if what not in report.dropped and len(report.dropped) >= _MAX_NAMES:
        what = "further members"
    report.drop(what[:120])
