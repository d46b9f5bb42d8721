"""The importer: which shape a recording has, and where one session ends and the next begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

import msgspec

from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode
from assay_core.trace import RecordError, read_blocks, refuse_line
from assay_importer_mcp.documents import items_of, read_document
from assay_importer_mcp.lines import BulkReader
from assay_importer_mcp.messages import Message
from assay_importer_mcp.records import RecordReader
from assay_importer_mcp.redaction import without_secrets
from assay_importer_mcp.session import Session
from assay_importer_mcp.sniffing import is_document, likelihood
from assay_importer_mcp.streams import StreamReader, is_stream

__all__ = ["McpImporter"]


class McpImporter:
    """Reads recorded MCP sessions: Inspector exports, JSON-RPC lines, two-way wire logs, HTTP and SSE transcripts."""

    formats = ("mcp",)

    def sniff(self, head: bytes) -> int:
        """Tell how sure it is that bytes starting like this are such a recording."""
        return likelihood(head)

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Yield one episode a session. A session ends where the next `initialize` begins another, or with the file.

        Raises:
            InputError: E_TRACE_INVALID or E_TRACE_LIMIT, naming the line; never with a token in its excerpt.
        """
        try:
            yield from _Reader(source, report).episodes()
        except InputError as error:
            raise without_secrets(error) from error


class _Reader:
    """Reads one recording."""

    def __init__(self, source: BinarySource, report: ImportReport) -> None:
        self._source = source
        self._report = report
        self._records = RecordReader(report, source.limits.depth)
        self._stem = PurePath(re.sub(r"[<>]", "", source.name)).stem or "trace"
        self._session: Session | None = None
        self._sessions = 0
        self._over: list[Episode] = []

    def episodes(self) -> Iterator[Episode]:
        if is_stream(self._source):
            stream = StreamReader(self._source, self._records, self._report)
            for message, raw in stream.messages(lambda line, number: self._read(line, number, transport=False)):
                self._take(message, raw)
                over, self._over = self._over, []
                yield from over
        elif is_document(self._source):
            for message, item in self._in_order():
                self._take(message, item)
        else:
            bulk = BulkReader(self._source)
            for block in read_blocks(self._source):
                bulk.read(block, lambda: self._session, self._take_line)
                over, self._over = self._over, []
                yield from over
        if self._session is not None:
            self._close(self._session)
        yield from self._over

    def _in_order(self) -> list[tuple[Message, bytes]]:
        """Return the messages of a document: by their times where all have one, else as they stand."""
        data = read_document(self._source)
        found = [
            (message, item)
            for line, item, transport in items_of(data, self._source)
            for message in self._read(item, line, transport=transport)
        ]
        if all(message.ts_ms is not None for message, _ in found):
            found.sort(key=lambda each: each[0].ts_ms or 0.0)
        return found

    def _read(self, raw: bytes, line: int, *, transport: bool) -> list[Message]:
        read = self._records.read_transport if transport else self._records.read
        try:
            return list(read(raw, line))
        except RecordError as error:
            raise refuse_line(raw, line, self._source, str(error)) from error
        except msgspec.MsgspecError as error:
            raise refuse_line(raw, line, self._source, "the record does not hold together") from error

    def _take_line(self, line: bytes, number: int) -> None:
        for message in self._read(line, number, transport=False):
            self._take(message, line)

    def _take(self, message: Message, raw: bytes) -> None:
        session = self._session
        if session is not None and session.begins_anew(message):
            self._close(session)
            session = None
        if session is None:
            self._sessions += 1
            name = self._stem if self._sessions == 1 else f"{self._stem}:{self._sessions}"
            session = self._session = Session(name, self._source.name, message.line, self._report)
        try:
            session.add(message)
        except RecordError as error:
            raise refuse_line(raw, message.line, self._source, str(error)) from error

    def _close(self, session: Session) -> None:
        self._session = None
        session.discovery = dict(self._records.discovery)
        self._over.append(session.build())
