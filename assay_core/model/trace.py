"""What an agent did: episodes of tool calls, resource events and steps.

These are the hot values: frozen msgspec structs. JSON that came from outside is kept as the bytes that were
read (`args_json`, `result_json`, `extra_json`); the properties `args`, `result`, `extra` decode a fresh copy
at each access, so that no plugin can change what another one sees and no number is ever rewritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from assay_core.model.json_value import JsonObject, JsonValue

CallOutcome: TypeAlias = Literal["ok", "error", "denied", "no_response", "unknown"]
ResourceKind: TypeAlias = Literal["file", "net", "exec"]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class SourcePlace(msgspec.Struct, frozen=True, gc=False):
    """The file and line a record was read from. `line` counts from 1; None where a format has no lines."""

    file: str
    line: int | None = None


class ToolDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as a server announced it."""

    name: str
    description: str | None = None
    input_schema_json: bytes | None = None  # exact bytes of the announced schema
    server: str | None = None
    extra_json: bytes = b"{}"  # every further member, as an object

    @property
    def input_schema(self) -> JsonValue:
        """A fresh copy of the announced input schema, None where there is none."""
        return _decode(self.input_schema_json) if self.input_schema_json else None


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call of one tool."""

    index: int  # 0-based among the tool calls of its episode
    tool: str
    args_json: bytes | None = None  # exact bytes of the arguments; None where the record has none
    result_json: bytes | None = None
    error: str | None = None
    outcome: CallOutcome = "unknown"
    ts_ms: float | None = None  # start, milliseconds of any one clock; None where the trace has no times
    duration_ms: float | None = None
    server: str | None = None
    call_id: str | None = None
    parent_id: str | None = None
    line: int | None = None  # the line of the trace the call stands on
    extra_json: bytes = b"{}"  # every further member of the record, as an object

    @property
    def args(self) -> JsonValue:
        """A fresh copy of the arguments: any JSON value; `{}` where the record has none."""
        return _decode(self.args_json) if self.args_json is not None else {}

    @property
    def result(self) -> JsonValue:
        """A fresh copy of the result, None where the record has none."""
        return _decode(self.result_json) if self.result_json is not None else None

    @property
    def extra(self) -> JsonObject:
        """A fresh copy of the members that the trace model has no field for."""
        return _decode(self.extra_json)  # type: ignore[no-any-return]  # an object by construction

    @classmethod
    def of(cls, tool: str, args: JsonValue = None, *, index: int = 0, **fields: object) -> ToolCall:
        """Build a call from decoded values; `args=None` means a record without arguments.

        `result` is encoded to `result_json` and `extra` to `extra_json`; other fields are taken as they are.
        """
        if "result" in fields:
            fields["result_json"] = _encode(fields.pop("result"))
        if "extra" in fields:
            fields["extra_json"] = _encode(fields.pop("extra"))
        encoded = None if args is None else _encode(args)
        return cls(tool=tool, args_json=encoded, index=index, **fields)  # type: ignore[arg-type]  # checked by msgspec


class ResourceEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A file, network or process access that was seen."""

    kind: ResourceKind
    target: str  # a path, `host:port`, or an executable
    access: str = ""  # for files a subset of "rwx"
    ts_ms: float | None = None
    pid: int | None = None
    line: int | None = None
    extra_json: bytes = b"{}"


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A step that is not a tool call: a model answer, an agent message."""

    kind: str
    name: str | None = None
    content: str | None = None
    step_id: str | None = None
    ts_ms: float | None = None
    line: int | None = None
    extra_json: bytes = b"{}"


Event: TypeAlias = ToolCall | ResourceEvent | Step


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What an episode cost, as far as the trace says."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an agent at one task."""

    id: str
    prompt: str | None = None
    response: str | None = None
    events: tuple[Event, ...] = ()  # in the order of the trace
    complete: bool = True  # False: the trace ends before the episode does
    outcome: str | None = None  # as recorded: pass, fail, error by convention
    test_id: str | None = None
    context: tuple[str, ...] = ()
    tool_definitions: tuple[ToolDefinition, ...] | None = None  # None: the trace does not say
    usage: Usage | None = None
    source: SourcePlace = SourcePlace("<memory>")
    extra_json: bytes = b"{}"  # every further member, as an object; a record's `meta` is its member `meta`

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple([event for event in self.events if type(event) is ToolCall])

    @property
    def extra(self) -> JsonObject:
        """A fresh copy of the members that the trace model has no field for."""
        return _decode(self.extra_json)  # type: ignore[no-any-return]  # an object by construction

    @property
    def meta(self) -> JsonObject:
        """A fresh copy of the record's `meta`, `{}` where there is none or it is not an object."""
        meta = self.extra.get("meta")
        return meta if isinstance(meta, Mapping) else {}
