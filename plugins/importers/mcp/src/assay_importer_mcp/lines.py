"""Recordings that are JSON Lines: one message or one wire record a line.

Calls and results that hold nothing else take the bulk path: one struct decode, one decode of what varies, and their
share of one proof per block that no key was repeated. Every other line is handed to the reader of records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from assay_core.contracts import BinarySource
from assay_core.documents.strict_json import DECODE_ERRORS, shallow, suspicious
from assay_core.trace import Block, check_strict, refuse_line
from assay_importer_mcp.session import Session

__all__ = ["BulkReader", "Slow"]

Slow = Callable[[bytes, int], None]

_ABSENT = Raw()
_NO_TIME = 2.0**63
_SECONDS_BELOW = 1e11  # as for every other time of a wire log
_decode = msgspec.json.Decoder().decode


class _Params(msgspec.Struct, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    name: str
    arguments: Raw = _ABSENT  # once its call is added: its value


class _Line(msgspec.Struct, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A call, or its result."""

    jsonrpc: str
    id: int | str
    method: Literal["tools/call"] | UnsetType = UNSET
    params: _Params | UnsetType = UNSET
    result: Raw = _ABSENT  # as `arguments`


class _Wire(msgspec.Struct, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    t: float
    dir: Literal["c2s", "s2c"]
    raw: str


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_wire = msgspec.json.Decoder(_Wire).decode


class BulkReader:
    """Reads lines block by block into a session."""

    def __init__(self, source: BinarySource) -> None:
        self._source = source
        self._depth = source.limits.depth

    def read(self, block: Block, session: Callable[[], Session | None], slow: Slow) -> None:
        """Add the messages of a block, then see that no line of it repeated a key.

        Args:
            block: The lines.
            session: Returns the session that is open now.
            slow: Takes a line that is more than a call or a result.

        Raises:
            InputError: E_TRACE_INVALID or E_TRACE_LIMIT, with the line; what `slow` raises.
        """
        values: list[object] = []
        texts: list[bytes] = []  # of the messages in wire records, and
        messages: list[object] = []  # what they decode to
        strict = False
        wire = b'"raw"' in block.lines[0]
        for number, line in enumerate(block.lines, block.first):
            if not shallow(line, self._depth):
                strict = True
            try:
                outer = _decode_wire(line) if wire else None
                text = line if outer is None else outer.raw.encode()
                record = _decode_line(text)
            except DECODE_ERRORS:
                self._read_slowly(line, number, slow, values)
                continue
            if outer is not None and not shallow(text, self._depth):
                self._read_slowly(line, number, slow, values)
            elif self._added(record, outer, number, session()):
                values.append(record if outer is None else outer)
                if outer is not None:
                    texts.append(text)
                    messages.append(record)
            else:
                self._read_slowly(line, number, slow, values)
        if strict or suspicious(block.data, values):
            self._check(block)
        if texts and suspicious(b"\n".join(texts), messages):
            self._check_messages(block)

    def _read_slowly(self, line: bytes, number: int, slow: Slow, values: list[object]) -> None:
        if not line or line.isspace():
            return
        try:
            values.append(_decode(line))
        except DECODE_ERRORS as error:
            raise refuse_line(line, number, self._source, "the line is not JSON") from error
        if not shallow(line, self._depth):
            check_strict(line, number, self._source)
        slow(line.strip(b" \t\r"), number)

    def _added(self, record: _Line, outer: _Wire | None, number: int, session: Session | None) -> bool:
        try:
            return session is not None and _add(record, outer, number, session)
        except DECODE_ERRORS:  # a value only looked like JSON: the slow path says where
            return False

    def _check(self, block: Block) -> None:
        for number, line in enumerate(block.lines, block.first):
            if line and not line.isspace():
                check_strict(line, number, self._source)

    def _check_messages(self, block: Block) -> None:
        for number, line in enumerate(block.lines, block.first):
            try:
                text = _decode_wire(line).raw.encode()
            except DECODE_ERRORS:
                continue  # it took the slow path, which looks for itself
            if text.lstrip().startswith((b"{", b"[")):
                check_strict(text, number, self._source)


def _add(record: _Line, outer: _Wire | None, number: int, session: Session) -> bool:
    """Add a call or a result to the session; False for what the slow path has to look at."""
    ts_ms = None
    if outer is not None and outer.t:
        if abs(outer.t) >= _NO_TIME:
            return False
        ts_ms = outer.t * 1000 if abs(outer.t) < _SECONDS_BELOW else outer.t
    params = record.params
    if params is not UNSET:
        if record.method is UNSET or record.result is not _ABSENT or (outer is not None and outer.dir != "c2s"):
            return False
        args: bytes | None = None
        if params.arguments is not _ABSENT:
            args = bytes(params.arguments)
            value = _decode(args)
            if not session.add_call(record.id, params.name, None if value is None else args, number, ts_ms):
                return False
            params.arguments = value  # for the proof that no key was repeated
            return True
        return session.add_call(record.id, params.name, None, number, ts_ms)
    if record.method is not UNSET or record.result is _ABSENT or (outer is not None and outer.dir != "s2c"):
        return False
    result = bytes(record.result)
    value = _decode(result)
    if not session.add_result(record.id, value, result, ts_ms, sure=outer is not None):
        return False
    record.result = value  # as above
    return True
