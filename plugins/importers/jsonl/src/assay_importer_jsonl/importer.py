"""The importer: which lines a trace has, and which path each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from assay_core.contracts import BinarySource, ImportReport
from assay_core.documents.strict_json import DECODE_ERRORS, shallow, suspicious_lines
from assay_core.errors import InputError
from assay_core.model import Episode
from assay_core.trace import (
    Block,
    Grouping,
    Members,
    RecordError,
    check_strict,
    invalid_line,
    read_blocks,
    refuse_line,
    split_members,
    value_of,
)
from assay_importer_jsonl.bulk import CallAdder, UnsoundLine
from assay_importer_jsonl.call_lines import CallLine, Spelling, bare_decoder, decode_event, spelling_of
from assay_importer_jsonl.events import EVENT_TYPES, read_event, read_recorded
from assay_importer_jsonl.records import read_record
from assay_importer_jsonl.sniffing import likelihood

__all__ = ["JsonlImporter"]

_decode = msgspec.json.Decoder().decode
_BLANK = b" \t\r\n"
_MAX_SPELLINGS = 16  # a trace with more is not worth a decoder each
_TYPED = b'{"type"'
_EVENT_CALL = b'{"type":"tool_call",'
_V1 = frozenset({"schema_version", "request_id", "prompt", "response"})
_SOUND = "its members do not fit together"


class JsonlImporter:
    """Reads JSON Lines: bare tool calls, simple records, V1 records and V2 events, mixed as they come."""

    formats = ("jsonl",)

    def sniff(self, head: bytes) -> int:
        """Tell how sure it is that bytes starting like this are such a trace."""
        return likelihood(head)

    def read(self, source: BinarySource, report: ImportReport) -> Iterator[Episode]:
        """Yield each episode when it is over; those open at the end come last, in the order in which they began.

        Raises:
            InputError: E_TRACE_INVALID, E_TRACE_LIMIT or E_TRACE_DUPLICATE, naming the line.
        """
        reader = _Reader(source, report)
        for block in read_blocks(source):
            reader.read(block)
            yield from reader.groups.take()
        reader.close()
        yield from reader.groups.take()


class _Reader:
    """Reads one trace, block by block."""

    def __init__(self, source: BinarySource, report: ImportReport) -> None:
        self.groups = Grouping(source, report)
        self._source = source
        self._report = report
        self._adder = CallAdder(self.groups, source.limits.depth)
        self._learnt = 0
        self._spell(Spelling())

    def read(self, block: Block) -> None:
        """Add a block's records to their episodes, then see that no line of it repeated a key."""
        groups = self.groups
        groups.offset = block.offset + len(block.data)
        records = self._decode_calls(block.lines)
        plain = self._plain
        values: list[object] = list(records)
        start = 0
        try:
            while (start := self._adder.add(records, start, block.first, plain)) < len(records):
                values[start] = self._read_line(block.lines[start], block.first + start)
                start += 1
        except UnsoundLine as error:
            raise refuse_line(block.lines[error.index], block.first + error.index, self._source, _SOUND) from error
        except InputError as error:
            raise _with_text(error, block) from error
        self._report.records += len(records)
        if suspicious_lines(block.data, values):
            self._check_lines(block)
        groups.settle()

    def close(self) -> None:
        """End every episode. One without its end has the calls of its `meta` all the same."""
        for builder in self.groups.unended():
            try:
                read_recorded(builder, builder.line)
            except RecordError as error:
                raise invalid_line(b"", builder.line, self._source, str(error)) from error
        self.groups.close()

    def _decode_calls(self, lines: list[bytes]) -> list[CallLine | None]:
        """Decode the lines that are calls; None stands for every other line."""
        try:
            if lines[0].startswith(_TYPED):
                return [decode_event(line) if line.startswith(_EVENT_CALL) else None for line in lines]
            if not self._learnt:
                self._learn(split_members(lines[0]))
            return [*map(self._bare, lines)]
        except DECODE_ERRORS:
            return [self._decode_call(line) for line in lines]

    def _decode_call(self, line: bytes) -> CallLine | None:
        """Decode one line if it is a call that the bulk path knows whole."""
        try:
            if line.startswith(_TYPED):
                return decode_event(line) if b"tool_call" in line[:24] else None
            return self._bare(line)
        except DECODE_ERRORS:
            return None

    def _read_line(self, line: bytes, number: int) -> object:
        """Read one line the slow way. Return its value, which the duplicate-key guard compares with the line."""
        if not line.strip(_BLANK):
            self._report.records -= 1
            return None
        if line.startswith(b"#"):
            self._report.drop("comment line")
            return None
        if not shallow(line, self._source.limits.depth):
            self._check_line(line, number)
        try:
            members = split_members(line)
            value = _decode(line)
        except DECODE_ERRORS as error:
            raise refuse_line(line, number, self._source, "the line is not a JSON object") from error
        try:
            self._dispatch(members, number)
        except RecordError as error:
            raise refuse_line(line, number, self._source, str(error)) from error
        return value

    def _dispatch(self, members: Members, number: int) -> None:
        if "type" not in members:
            self._learn(members)
            read_record(members, number, self.groups, self._report)
            return
        kind = value_of(members["type"])
        if isinstance(kind, str) and kind in EVENT_TYPES:
            del members["type"]
            read_event(kind, members, number, self.groups, self._report)
        elif kind == "assay.trace" or members.keys() >= _V1:
            del members["type"]
            members.pop("schema_version", None)
            read_record(members, number, self.groups, self._report)
        else:
            raise RecordError(f"the type {kind!r} is unknown")

    def _learn(self, members: Members) -> None:
        """Take up the spelling of a bare call for the lines that follow."""
        spelling = spelling_of(members, full=self._spelling.full)
        if self._learnt < _MAX_SPELLINGS and spelling.tool in members and "prompt" not in members:
            if self._learnt and self._spelling.reads(spelling):
                return
            self._learnt += 1
            self._spell(spelling)

    def _spell(self, spelling: Spelling) -> None:
        decoder = bare_decoder(spelling)
        self._spelling = spelling
        self._bare: Callable[[bytes], CallLine] = decoder.decode
        self._plain = None if spelling.full else decoder.type

    def _check_lines(self, block: Block) -> None:
        """Look at each line of a block that the guard did not clear."""
        for number, line in enumerate(block.lines, block.first):
            self._check_line(line, number)

    def _check_line(self, line: bytes, number: int) -> None:
        if line.strip(_BLANK) and not line.startswith(b"#"):
            check_strict(line, number, self._source)


def _with_text(error: InputError, block: Block) -> InputError:
    """Return the error with the start of its line, where it does not show the line yet."""
    if error.place is not None and not error.place.text:
        line = block.lines[error.place.line - block.first]
        error.place = error.place._replace(text=line[:160].decode("utf-8", "replace"))
    return error
