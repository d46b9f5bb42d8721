"""What every encoding is read into: spans, and events that were recorded apart from their span."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from assay_core.contracts import ImportReport
from assay_core.trace import RecordError

__all__ = ["SHAPE_ERRORS", "Attributes", "Span", "SpanEvent", "count_dropped", "hex_id", "nanoseconds"]

# What comes up while a decoded record of another shape is taken apart.
SHAPE_ERRORS = (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError)

Attributes = dict[str, Any]  # decoded JSON values; whoever reads one looks at its type
_MAX_NS = 2**63


class SpanEvent(msgspec.Struct, gc=False):
    """Something that happened within a span."""

    name: str
    attributes: Attributes
    time_ns: int = 0


class Span(msgspec.Struct, gc=False):
    """One span, whatever it was written in."""

    trace_id: str
    span_id: str
    parent_id: str  # "" where it has none
    name: str
    start_ns: int  # 0 where it is unknown
    end_ns: int
    attributes: Attributes
    events: list[SpanEvent]
    failed: bool | None = False  # None: its format says nothing of how it ended
    status_text: str = ""
    remote_parent: bool = False  # its parent belongs to another process, and need not be in the file
    line: int | None = None


def hex_id(text: object, what: str) -> str:
    """Return an id as its hexadecimal digits: given so, after `0x`, or in base64 as protobuf's own JSON has it.

    Raises:
        RecordError: it is no text, or an empty one.
    """
    if type(text) is str and text and text[-1] != "=" and text[:2] != "0x":
        return text
    if not isinstance(text, str) or not text:
        raise RecordError(f"the {what} is not a text")
    if text.endswith("="):
        try:
            return base64.b64decode(text, validate=True).hex()
        except (binascii.Error, ValueError) as error:
            raise RecordError(f"the {what} is neither hexadecimal nor base64") from error
    return text[2:].lower() if text.startswith("0x") else text


def nanoseconds(value: object) -> int:
    """Return a time in nanoseconds that was written as a number or as its digits; 0 where there is none.

    Raises:
        RecordError: it is something else.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if type(value) is int and 0 <= value < _MAX_NS:
        return value
    raise RecordError("a time is not a number of nanoseconds")


def count_dropped(record: dict[str, Any], report: ImportReport) -> None:
    """Count what the exporter itself left out of a span."""
    for name, what in (
        ("droppedAttributesCount", "attribute that the exporter left out"),
        ("droppedEventsCount", "event that the exporter left out"),
        ("droppedLinksCount", "link that the exporter left out"),
    ):
        count = record.get(name)
        if type(count) is int and count > 0:
            report.drop(what, count)
    if links := record.get("links"):
        report.drop("link", len(links))
