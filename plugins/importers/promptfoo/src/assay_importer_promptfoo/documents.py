"""The rows of a file: one a line, or in one document, which is split before any row is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from assay_core.contracts import BinarySource, ImportReport
from assay_core.documents.strict_json import DECODE_ERRORS, StrictJsonDepthError, StrictJsonError, check_line
from assay_core.documents.strict_json import decode_strict as decode
from assay_core.errors import InputError, Place
from assay_core.trace import Members, iter_lines, refuse_line, split_members
from assay_importer_promptfoo.sniffing import is_document
from assay_importer_promptfoo.strict import count_dropped, elements, object_of

__all__ = ["DOCUMENT_TIMES", "Row", "read_rows"]

DOCUMENT_TIMES = 16  # a document may be so many times as long as a line
_EXCERPT = 160
_KNOWN = ("version", "results", "evalId", "timestamp", "createdAt")


class Row(NamedTuple):
    """One result, proven to be strict JSON."""

    text: bytes
    line: int  # on which it begins
    about: Members  # what the document says of all results


def read_rows(source: BinarySource, report: ImportReport) -> Iterator[Row]:
    """Yield the results of a file in their order.

    Raises:
        InputError: E_TRACE_INVALID or E_TRACE_LIMIT, with the line.
    """
    if is_document(source):
        yield from _of_document(source, report)
        return
    for number, line in iter_lines(source):
        try:
            decode(line, max_depth=source.limits.depth)
        except StrictJsonError as error:
            raise refuse_line(line, number, source, error.message) from error
        yield Row(line.strip(b" \t"), number, {})


def _of_document(source: BinarySource, report: ImportReport) -> Iterator[Row]:
    data = _read(source)
    try:
        members = _members(data, source)
        results = members.get("results")
        about = dict(members)
        inner = object_of(results)
        if inner is not None and results is not None:
            if _may_repeat(bytes(results), inner):
                check_line(data, max_depth=source.limits.depth)
            about |= inner
            results = inner.get("results")
        rows = elements(results)
        for name, raw in about.items():
            if name != "results":
                decode(bytes(raw), max_depth=source.limits.depth)
    except StrictJsonError as error:
        _check_whole(data, source)
        raise _refused(source, data, error) from error
    except DECODE_ERRORS as error:
        _check_whole(data, source)
        raise _shapeless(source) from error
    if rows is None or results is None:
        raise _shapeless(source)
    for name in about:
        if name not in _KNOWN:
            count_dropped(report, f"member {name!r} of the file")
    yield from _located(data, results, rows, about, source)


def _located(
    data: bytes, results: msgspec.Raw, rows: list[msgspec.Raw], about: Members, source: BinarySource
) -> Iterator[Row]:
    position = data.find(bytes(results))
    line = data.count(b"\n", 0, position) + 1
    position += 1
    for raw in rows:
        text = bytes(raw)
        begins = data.find(text[:1], position)
        line += data.count(b"\n", position, begins)
        if len(text) > source.limits.line_bytes:
            message = f"line {line}: the result is longer than {source.limits.line_bytes} bytes"
            raise InputError(code="E_TRACE_LIMIT", message=message, place=Place(source.name, line))
        try:
            decode(text, max_depth=source.limits.depth)
        except StrictJsonError as error:
            raise _refused(source, data, type(error)(error.message, error.offset + begins)) from error
        yield Row(text, line, about)
        position = begins + len(text)
        line += text.count(b"\n")


def _read(source: BinarySource) -> bytes:
    limit = DOCUMENT_TIMES * source.limits.line_bytes
    with source.open() as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(
            code="E_TRACE_LIMIT", message=f"results in one document may have {limit} bytes",
            remedy="let promptfoo write lines: promptfoo eval -o results.jsonl", place=Place(source.name, 1),
        )  # fmt: skip
    return data


def _members(data: bytes, source: BinarySource) -> Members:
    members = split_members(data)
    if _may_repeat(data, members):
        check_line(data, max_depth=source.limits.depth)
    return members


def _may_repeat(data: bytes, members: Members) -> bool:
    """Tell whether an object might have a member twice: then some colons of it are in no member.

    The values are the bytes that were read, so they have the same colons; a key with a colon may hide one.
    """
    if any(":" in name for name in members):
        return True
    return data.count(b":") != len(members) + sum(bytes(raw).count(b":") for raw in members.values())


def _check_whole(data: bytes, source: BinarySource) -> None:
    try:
        check_line(data, max_depth=source.limits.depth)
    except StrictJsonError as error:
        raise _refused(source, data, error) from error


def _refused(source: BinarySource, data: bytes, error: StrictJsonError) -> InputError:
    code = "E_TRACE_LIMIT" if isinstance(error, StrictJsonDepthError) else "E_TRACE_INVALID"
    line = data.count(b"\n", 0, error.offset) + 1
    text = data[max(0, error.offset - _EXCERPT // 2) : error.offset + _EXCERPT // 2].split(b"\n")[0]
    place = Place(source.name, line, 0, text.decode("utf-8", "replace"))
    return InputError(code=code, message=f"line {line}: {error.message}", place=place)


def _shapeless(source: BinarySource) -> InputError:
    message = "line 1: the document holds no results of promptfoo: no 'results', and no list in them"
    return InputError(code="E_TRACE_INVALID", message=message, place=Place(source.name, 1))
