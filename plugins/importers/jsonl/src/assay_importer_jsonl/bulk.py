"""The bulk path: lines that are one tool call each and have only members that the trace model has fields for.

Such a line costs one struct decode, one decode of its arguments and of its result, and its share of one proof per
block that no key was repeated. Every other line is left to the slow path, which keeps what the model has no field for.
The loops below are written out, one for each kind of line: a function call per line is a tenth of the whole time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET

from assay_core.documents.strict_json import DECODE_ERRORS, shallow
from assay_core.model import CallOutcome, ToolCall
from assay_core.trace import EpisodeBuilder, Grouping, call_outcome
from assay_importer_jsonl.call_lines import ABSENT, CallLine, EventCall, FullCall

__all__ = ["CallAdder", "UnsoundLine"]

_MAX_TOOLS = 10_000  # a trace with more names than this is hostile
_TELLING = frozenset({"isError", "structuredContent"})  # members of a result that `call_outcome` looks at
_decode = msgspec.json.Decoder().decode


class UnsoundLine(Exception):
    """A line with a value that only looked like JSON: bytes that are not UTF-8, a number out of range."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class CallAdder:
    """Adds decoded calls to their episodes.

    The decoded lines hold raw JSON; it is replaced by its value, which is what the duplicate-key guard compares.
    """

    def __init__(self, groups: Grouping, max_depth: int) -> None:
        self._groups = groups
        self._tools: dict[str, str] = {}  # every name once: equal names are then one object
        self._max_depth = max_depth - 1  # of a member's value
        self._line = 0  # the line that is being added

    def add(self, records: Sequence[CallLine | None], start: int, first_line: int, plain: type | None) -> int:
        """Add the calls from `start` on; return the index of the first record that is none.

        `records` holds None for a line that takes the slow path; `plain` is the class of the `PlainCall`s among
        them.

        Raises:
            UnsoundLine: with the index of a line that no decoder takes.
            InputError: E_TRACE_DUPLICATE.
        """
        index = start
        try:
            while index < len(records) and (record := records[index]) is not None and self._name(record.tool):
                self._line = first_line + index
                if type(record) is EventCall:
                    self._add_events(records, index)
                elif type(record) is plain:
                    self._add_plain(records, index, plain)
                else:
                    self._add_full(record)  # type: ignore[arg-type]  # it is neither of the others
                index = self._line - first_line
        except DECODE_ERRORS as error:
            raise UnsoundLine(self._line - first_line) from error
        return index

    def _add_plain(self, records: Sequence[Any], start: int, plain: object) -> None:
        """Add calls that have no result, up to the first record of another kind."""
        known, line, wide = self._tools.get, self._line, 2 * self._max_depth
        key: object = ABSENT  # no record has this key
        builder = EpisodeBuilder("", 0)
        append, calls = builder.events.append, 0
        try:
            for line, record in enumerate(islice(records, start, None), self._line):
                if type(record) is not plain or not (tool := known(record.tool) or self._name(record.tool)):
                    break
                if record.key != key:
                    builder.calls = calls
                    key = record.key
                    builder = self._run_of(key, line)
                    append, calls = builder.events.append, builder.calls
                args: bytes | None = bytes(record.args)
                if args:
                    if len(args) > wide:
                        self._check_depth(args)
                    record.args = value = _decode(args)
                    if value is None:
                        args = None
                else:
                    args = None
                append(
                    ToolCall(
                        index=calls,
                        tool=tool,
                        args_json=args,
                        ts_ms=record.ts_ms or None,
                        call_id=record.call_id or None,
                        line=line,
                    )
                )
                calls += 1
            else:
                line += 1
        finally:
            builder.calls, self._line = calls, line

    def _add_events(self, records: Sequence[CallLine | None], start: int) -> None:
        """Add calls of V2 events, up to the first record of another kind."""
        known, line, wide = self._tools.get, self._line, 2 * self._max_depth
        key: object = ABSENT
        builder = EpisodeBuilder("", 0)
        append, calls = builder.events.append, 0
        try:
            for line, record in enumerate(islice(records, start, None), self._line):
                if type(record) is not EventCall or not (tool := known(record.tool) or self._name(record.tool)):
                    break
                if record.key != key:
                    builder.calls = calls
                    key = record.key
                    builder = self._groups.event(record.key, line)
                    builder.has_result = True
                    append, calls = builder.events.append, builder.calls
                args: bytes | None = bytes(record.args)
                if args:
                    if len(args) > wide:
                        self._check_depth(args)
                    record.args = value = _decode(args)
                    if value is None:
                        args = None
                else:
                    args = None
                result: bytes | None = bytes(record.result)
                value = None
                if result:
                    if len(result) > wide:
                        self._check_depth(result)
                    record.result = value = _decode(result)
                    if value is None:
                        result = None
                else:
                    result = None
                error = record.error if isinstance(record.error, str) else None
                if error is None and type(value) is dict and _TELLING.isdisjoint(value):
                    outcome: CallOutcome = "ok"
                else:
                    outcome = call_outcome(value, error)
                append(
                    ToolCall(
                        index=calls,
                        tool=tool,
                        args_json=args,
                        result_json=result,
                        error=error,
                        outcome=outcome,
                        ts_ms=record.ts_ms or None,
                        call_id=f"{record.step_id}-{record.call_index or 0}" if record.step_id else None,
                        line=line,
                    )
                )
                calls += 1
            else:
                line += 1
        finally:
            builder.calls, self._line = calls, line

    def _add_full(self, record: FullCall) -> None:
        """Add one call that may have every member."""
        line = self._line
        builder = self._run_of(record.key, line)
        self._check_depth(bytes(record.args))
        self._check_depth(bytes(record.result))
        builder.add_call(_call_of(record, self._name(record.tool), builder.calls, line))
        self._line = line + 1

    def _check_depth(self, text: bytes) -> None:
        if not shallow(text, self._max_depth):
            raise RecursionError("a value is too deep")

    def _run_of(self, key: object, line: int) -> EpisodeBuilder:
        return self._groups.keyed(key, line) if isinstance(key, str) and key else self._groups.nameless(line)

    def _name(self, tool: str) -> str:
        """Return the name to use for a tool, "" if it is blank."""
        if not tool or tool.isspace():
            return ""
        if len(self._tools) >= _MAX_TOOLS:
            self._tools.clear()
        return self._tools.setdefault(tool, tool)


def _call_of(record: FullCall, tool: str, index: int, line: int) -> ToolCall:
    args_json: bytes | None = bytes(record.args) or None
    if args_json is not None:
        record.args = args = _decode(args_json)
        args_json = None if args is None else args_json
    error = record.error if isinstance(record.error, str) else None
    outcome: CallOutcome = "unknown"
    result_json: bytes | None = None
    if record.result is not ABSENT:
        result_json = bytes(record.result)
        record.result = result = _decode(result_json)
        result_json = None if result is None else result_json
        outcome = call_outcome(result, error)
    elif error is not None:
        outcome = call_outcome(None, error)
    duration_ms = None if record.duration_ms is UNSET else record.duration_ms
    return ToolCall(
        index=index, tool=tool, args_json=args_json, result_json=result_json, error=error, outcome=outcome,
        ts_ms=record.ts_ms or None, duration_ms=duration_ms, server=record.server or None,
        call_id=record.call_id or None, parent_id=record.parent_id or None, line=line,
    )  # fmt: skip
