"""Event streams as they went over HTTP (`text/event-stream`), with the requests as JSON lines among them.

What a server streams holds answers and no questions: which tool was called stands in the requests. A dump of both, in
the order of time, is a session; a dump of the stream alone is read as well, and its answers belong to no request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import InputError, Place
from assay_core.trace import RecordError, check_strict, read_blocks, refuse_line
from assay_importer_mcp.messages import Message, carries_message
from assay_importer_mcp.records import RecordReader

__all__ = ["StreamReader", "is_stream"]

_HEAD = 64 * 1024
_DATA = re.compile(rb"(?m)^data:")
_FIELDS = (b"event", b"id", b"retry")


def is_stream(source: BinarySource) -> bool:
    """Tell whether some line at the beginning is the data of an event. No JSON document and no JSON line begins so."""
    with source.open() as stream:
        return _DATA.search(stream.read(_HEAD)) is not None


class StreamReader:
    """Reads the lines of a dump into messages."""

    def __init__(self, source: BinarySource, records: RecordReader, report: ImportReport) -> None:
        self._source = source
        self._records = records
        self._report = report
        self._data: list[bytes] = []  # of the event that is not over yet
        self._size = 0
        self._first = 0  # its first line
        self._event = b""

    def messages(self, read: Callable[[bytes, int], list[Message]]) -> Iterator[tuple[Message, bytes]]:
        """Yield each message with the text it was read from.

        Args:
            read: Reads a line that is JSON.

        Raises:
            InputError: E_TRACE_INVALID or E_TRACE_LIMIT, with the line; what `read` raises.
        """
        for block in read_blocks(self._source):
            for number, line in enumerate(block.lines, block.first):
                yield from self._line(line.removesuffix(b"\n").removesuffix(b"\r"), number, read)
        yield from self._over()  # a dump that was cut off: its last event counts if it is whole

    def _line(
        self, line: bytes, number: int, read: Callable[[bytes, int], list[Message]]
    ) -> Iterator[tuple[Message, bytes]]:
        if b"\r" in line:
            raise refuse_line(line, number, self._source, "a carriage return in the middle ends a line of a stream")
        text = line.lstrip(b" \t")
        if not text:
            yield from self._over()
        elif text.startswith((b"{", b"[")):
            yield from self._over()  # a request that was noted between two events
            check_strict(line, number, self._source)
            for message in read(text, number):
                yield message, text
        else:
            self._field(line, number)

    def _field(self, line: bytes, number: int) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._first = self._first if self._data else number
            self._data.append(value)
            self._size += len(value) + 1
            if self._size > self._source.limits.line_bytes:
                message = f"the event that begins on line {self._first} is longer than a line may be"
                raise InputError(code="E_TRACE_LIMIT", message=message, place=Place(self._source.name, self._first))
        elif name == b"event":
            self._event = value
        elif name and name not in _FIELDS:
            if any(carries_message(part.decode("utf-8", "replace")) for part in (line, value)):
                raise refuse_line(line, number, self._source, "a message stands in a line that is no data of an event")
            self._report.drop("line that is no field of an event stream")

    def _over(self) -> Iterator[tuple[Message, bytes]]:
        """Yield the messages of the event that is over now."""
        data, number, event = b"\n".join(self._data), self._first, self._event
        self._data, self._size, self._event = [], 0, b""
        if not data:
            return
        if event not in (b"", b"message"):
            if carries_message(data.decode("utf-8", "replace")):
                raise refuse_line(
                    data, number, self._source, "a message stands in an event of another kind than message"
                )
            self._report.drop("stream event of another kind than message")
            return
        try:
            found = list(self._records.read_stream_data(data, number))
        except RecordError as error:
            raise refuse_line(data, number, self._source, str(error)) from error
        for message in found:
            yield message, data
