"""The bulk path: lines that are one tool call each and have only members that the trace model has fields for.

Such a line costs one struct decode, one decode of its arguments and its share of one proof per block that no key
was repeated. Every other line is left to the slow path, which keeps what the model has no field for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from assay_core.documents.strict_json import DECODE_ERRORS
from assay_core.model import CallOutcome, ToolCall
from assay_core.trace import EpisodeBuilder, Grouping, call_outcome

__all__ = [
    "CallAdder",
    "CallLine",
    "EventCall",
    "Spelling",
    "UnsoundLine",
    "bare_decoder",
    "decode_event",
    "spelling_of",
]

_ABSENT = Raw()
_MAX_TOOLS = 10_000  # a trace with more names than this is hostile
_decode = msgspec.json.Decoder().decode
_Text = str | None | UnsetType
_Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | float | None | UnsetType


class PlainCall(Protocol):
    """A record without `type` and with none but the most usual members. Its class is made for its spelling.

    Absent members are unset or the one empty `Raw`, so that writing the record again adds no key.
    """

    key: str | UnsetType
    tool: str
    args: Any  # a msgspec.Raw until the call is added, then its value
    ts_ms: int | float | UnsetType | None
    call_id: str | UnsetType | None


class FullCall(PlainCall, Protocol):
    """A record without `type` that may have every member that the trace model has a field for."""

    result: Any  # as `args`
    error: str | UnsetType | None
    duration_ms: int | float | UnsetType | None
    server: str | UnsetType | None
    parent_id: str | UnsetType | None


class EventCall(
    msgspec.Struct, gc=False, omit_defaults=True, forbid_unknown_fields=True,
    rename={"key": "episode_id", "tool": "tool_name", "ts_ms": "timestamp"},
):  # fmt: skip
    """A V2 `tool_call` event whose values were neither hashed nor truncated."""

    type: Literal["tool_call"]
    key: str
    step_id: str
    ts_ms: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | float
    tool: str
    call_index: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] | UnsetType | None = UNSET
    args: Raw = _ABSENT
    args_sha256: UnsetType | None = UNSET
    result: Raw = _ABSENT
    result_sha256: UnsetType | None = UNSET
    error: str | UnsetType | None = UNSET
    truncations: tuple[()] | UnsetType = UNSET


CallLine: TypeAlias = PlainCall | FullCall | EventCall


class Spelling(NamedTuple):
    """Which of several names a trace uses for the members of its bare calls, and whether it has more than those."""

    key: str = "run_id"
    tool: str = "tool"
    args: str = "args"
    ts_ms: str = "ts_ms"
    call_id: str = "call_id"
    full: bool = False


_CHOICES = {
    "key": ("run_id", "episode_id", "session_id"),  # not test_id: it describes the episode as well
    "tool": ("tool", "tool_name"),
    "args": ("args", "arguments"),
    "ts_ms": ("ts_ms", "timestamp"),
    "call_id": ("call_id", "id"),
}


_PLAIN: list[tuple[str, tuple[Any, Any]]] = [
    ("key", (str | UnsetType, UNSET)),
    ("ts_ms", (_Number, UNSET)),
    ("args", (Raw, _ABSENT)),
    ("call_id", (_Text, UNSET)),
]
_FURTHER: dict[str, tuple[Any, Any]] = {
    "result": (Raw, _ABSENT),
    "error": (_Text, UNSET),
    "duration_ms": (_Number, UNSET),
    "server": (_Text, UNSET),
    "parent_id": (_Text, UNSET),
}


class UnsoundLine(Exception):
    """A line with a value that only looked like JSON: bytes that are not UTF-8, a number out of range."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def spelling_of(members: Iterable[str], *, full: bool = False) -> Spelling:
    """Return the spelling of a record with these members: for each, the first name that it uses."""
    present = frozenset(members)
    chosen = {field: next((name for name in names if name in present), names[0]) for field, names in _CHOICES.items()}
    return Spelling()._replace(**chosen, full=full or not present.isdisjoint(_FURTHER))


@lru_cache(maxsize=128)
def bare_decoder(spelling: Spelling) -> msgspec.json.Decoder[CallLine]:
    """Return a decoder of records without `type` that takes this spelling and refuses every other member."""
    renamed = spelling._asdict()
    fields = _PLAIN + (list(_FURTHER.items()) if renamed.pop("full") else [])
    kind = msgspec.defstruct(
        "BareCall", [("tool", str), *[(name, *field) for name, field in fields]], rename=renamed,
        gc=False, omit_defaults=True, forbid_unknown_fields=True,
    )  # fmt: skip
    return msgspec.json.Decoder(kind)


decode_event = msgspec.json.Decoder(EventCall).decode


class CallAdder:
    """Adds decoded calls to their episodes."""

    def __init__(self, groups: Grouping) -> None:
        self._groups = groups
        self._tools: dict[str, str] = {}  # every name once: equal names are then one object

    def add(self, records: Sequence[CallLine | None], start: int, first_line: int, plain: type | None) -> int:
        """Add the calls from `start` on; return the index of the first record that is none.

        `records` holds None for a line that takes the slow path; `plain` is the class of the `PlainCall`s among
        them. In the added records, raw values are replaced by what they decode to: that is what the duplicate-key
        guard compares with the lines.

        Raises:
            UnsoundLine: with the index of a line that no decoder takes.
            InputError: E_TRACE_DUPLICATE.
        """
        known = self._tools.get
        key: object = _ABSENT  # no record has this key
        builder = EpisodeBuilder("", 0)
        append, calls = builder.events.append, 0
        line = first_line + start - 1
        try:
            for line, record in enumerate(records[start:] if start else records, first_line + start):
                if record is None:
                    break
                tool = known(record.tool) or self._learn(record.tool)
                if not tool:
                    break
                if record.key != key or type(record) is not plain:
                    builder.calls = calls
                    key = record.key
                    builder = self._builder_of(record, line)
                    append, calls = builder.events.append, builder.calls
                if type(record) is plain:
                    args: bytes | None = bytes(record.args)
                    if args:
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
                            call_id=record.call_id or None,  # type: ignore[union-attr]  # it is plain
                            line=line,
                        )
                    )
                else:
                    append(_call_of(record, tool, calls, line))  # type: ignore[arg-type]  # it is not plain
                    builder.has_result = True
                calls += 1
            else:
                line += 1
        except DECODE_ERRORS as error:
            raise UnsoundLine(line - first_line) from error
        builder.calls = calls
        return line - first_line

    def _learn(self, tool: str) -> str:
        """Return the name to use for a tool, "" if it is blank."""
        if not tool or tool.isspace():
            return ""
        if len(self._tools) >= _MAX_TOOLS:
            self._tools.clear()
        return self._tools.setdefault(tool, tool)

    def _builder_of(self, record: CallLine, line: int) -> EpisodeBuilder:
        key = record.key
        if isinstance(record, EventCall):
            return self._groups.event(record.key, line)
        return self._groups.keyed(key, line) if key else self._groups.nameless(line)


def _call_of(record: FullCall | EventCall, tool: str, index: int, line: int) -> ToolCall:
    """Return the call of a record that may have a result."""
    args_json: bytes | None = bytes(record.args) or None
    if args_json is not None:
        record.args = args = _decode(args_json)
        args_json = None if args is None else args_json
    error = record.error if isinstance(record.error, str) else None
    outcome: CallOutcome = "unknown"
    result_json: bytes | None = None
    if record.result is not _ABSENT:
        result_json = bytes(record.result)
        record.result = result = _decode(result_json)
        result_json = None if result is None else result_json
        outcome = call_outcome(result, error)
    elif error is not None:
        outcome = call_outcome(None, error)
    if isinstance(record, EventCall):
        call_id = f"{record.step_id}-{record.call_index or 0}" if record.step_id else None
        return ToolCall(
            index=index, tool=tool, args_json=args_json, result_json=result_json, error=error, outcome=outcome,
            ts_ms=record.ts_ms or None, call_id=call_id, line=line,
        )  # fmt: skip
    duration_ms = None if record.duration_ms is UNSET else record.duration_ms
    return ToolCall(
        index=index, tool=tool, args_json=args_json, result_json=result_json, error=error, outcome=outcome,
        ts_ms=record.ts_ms or None, duration_ms=duration_ms, server=record.server or None,
        call_id=record.call_id or None, parent_id=record.parent_id or None, line=line,
    )  # fmt: skip
