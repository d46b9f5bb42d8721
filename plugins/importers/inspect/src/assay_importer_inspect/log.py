"""JSON logs: one document with everything. It is split into its samples; only one of them is decoded at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from assay_core.contracts import BinarySource, ImportReport
from assay_core.documents.strict_json import DECODE_ERRORS, StrictJsonError, check_line
from assay_core.errors import InputError, Place
from assay_core.trace import Members, split_members
from assay_importer_inspect.strict import SAMPLE_TIMES, quoted, refused, split_list, strict

__all__ = ["LOG_TIMES", "JsonLog", "RawSample", "read_log", "samples_of"]

LOG_TIMES = 16  # a log may be so many times as long as a line of a trace


class RawSample(NamedTuple):
    """One sample, proven to be strict JSON."""

    text: bytes
    line: int  # on which it begins


class JsonLog(NamedTuple):
    """A log, taken apart."""

    data: bytes
    members: Members  # but for the samples


def read_log(source: BinarySource, report: ImportReport) -> JsonLog:
    """Return the members of the document.

    Raises:
        InputError: E_TRACE_INVALID, with its line; E_TRACE_LIMIT.
    """
    limit = LOG_TIMES * source.limits.line_bytes
    with source.open() as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        message = f"a log in JSON may have {limit} bytes"
        remedy = "let Inspect write it as `.eval`: inspect log convert --to eval"
        raise InputError(code="E_TRACE_LIMIT", message=message, remedy=remedy, place=Place(source.name, 1))
    data = quoted(data, report)
    try:
        members = split_members(data)
        if _may_repeat(data, members):
            check_line(data, max_depth=source.limits.depth)
        for name, raw in members.items():
            if name != "samples":
                strict(bytes(raw), source)
    except StrictJsonError as error:
        check_whole(data, source)
        raise refused(source, data, error) from error
    except DECODE_ERRORS as error:
        check_whole(data, source)
        message = "line 1: the document is not an object"
        raise InputError(code="E_TRACE_INVALID", message=message, place=Place(source.name, 1)) from error
    return JsonLog(data, members)


def samples_of(log: JsonLog, source: BinarySource) -> Iterator[RawSample]:
    """Yield the samples in their order.

    Raises:
        InputError: E_TRACE_INVALID, with its line; E_TRACE_LIMIT.
        RecordError: they are no array.
    """
    raw = log.members.get("samples")
    if raw is None:
        return
    limit = SAMPLE_TIMES * source.limits.line_bytes
    position = log.data.find(bytes(raw))
    line = log.data.count(b"\n", 0, position) + 1
    position += 1
    for element in split_list(raw, "'samples'"):
        text = bytes(element)
        begins = log.data.find(text[:1], position)
        line += log.data.count(b"\n", position, begins)
        if len(text) > limit:
            message = f"line {line}: the sample is longer than {limit} bytes"
            raise InputError(code="E_TRACE_LIMIT", message=message, place=Place(source.name, line))
        try:
            strict(text, source)
        except StrictJsonError as error:
            raise refused(source, log.data, _moved(error, begins)) from error
        yield RawSample(text, line)
        position = begins + len(text)
        line += text.count(b"\n")


def check_whole(data: bytes, source: BinarySource) -> None:
    """Raise what is wrong with a document that no decoder took.

    Raises:
        InputError: E_TRACE_INVALID or E_TRACE_LIMIT, with its line.
    """
    try:
        check_line(data, max_depth=source.limits.depth)
    except StrictJsonError as error:
        raise refused(source, data, error) from error


def _may_repeat(data: bytes, members: Members) -> bool:
    """Tell whether the document might have a member twice: then some colons of it are in no member.

    The values are the bytes that were read, so they have the same colons; a key with a colon may hide one.
    """
    if any(":" in name for name in members):
        return True
    return data.count(b":") != len(members) + sum(bytes(raw).count(b":") for raw in members.values())


def _moved(error: StrictJsonError, by: int) -> StrictJsonError:
    return type(error)(error.message, error.offset + by)
