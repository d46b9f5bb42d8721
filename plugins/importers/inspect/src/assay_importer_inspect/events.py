"""What happened in a sample: its tool events, and the tools that its model was offered."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import CallOutcome, ToolCall, ToolDefinition
from assay_core.trace import Members, RecordError, error_text, join_members, milliseconds, take_text, value_of
from assay_importer_inspect.attachments import Attachments
from assay_importer_inspect.strict import count_dropped, members_of, one_line, split_list

__all__ = ["Happenings", "call_of", "failure_of", "read_events"]

_KIND = re.compile(r"[a-z_]{1,30}")
# Of a tool event: what the trace has in another form, and the bookkeeping of Inspect's viewer.
_BOOKKEEPING = ("event", "uuid", "span_id", "working_start", "working_time", "message_id", "type", "view", "events")
_encode = msgspec.json.Encoder().encode


class _Place(NamedTuple):
    parent: str | None
    kind: str | None


class Happenings:
    """What the events of one sample say."""

    def __init__(self, report: ImportReport, attachments: Attachments) -> None:
        self.calls: list[ToolCall] = []
        self.raw: list[bytes] = []  # the event of each call, as it stands in the log
        self.tools: dict[str, ToolDefinition] = {}  # as they were offered last
        self.offered = False  # whether the log says which tools the model was offered
        self._report = report
        self._attachments = attachments
        self._spans: dict[str, _Place] = {}
        self._seen: set[bytes] = set()

    def read(self, events: list[msgspec.Raw], parent_id: str | None = None) -> None:
        """Take events, and those that older logs nest in them.

        Raises:
            RecordError: an event is not what it says it is.
        """
        for raw in events:
            members = members_of(raw, "an event")
            kind = value_of(members.get("event"))
            if kind == "span_begin":
                self._open(members)
            elif kind in ("tool", "model") and self._of_scorer(value_of(members.get("span_id"))):
                self._report.drop(f"event {kind} of a scorer")
                continue
            if kind == "tool":
                self._take_call(members, bytes(raw), parent_id)
            elif kind == "model":
                self._take_tools(members)
                self._report.drop("event model")
            elif isinstance(kind, str) and _KIND.fullmatch(kind):
                count_dropped(self._report, f"event {kind}")
                self.read(split_list(members.get("events"), "'events'"), parent_id)
            else:
                raise RecordError("an event has no kind")

    def _open(self, members: Members) -> None:
        span = value_of(members.get("id"))
        if isinstance(span, str):
            parent, kind = value_of(members.get("parent_id")), value_of(members.get("type"))
            self._spans[span] = _Place(
                parent if isinstance(parent, str) and parent in self._spans else None,
                kind if isinstance(kind, str) else None,
            )

    def _of_scorer(self, span: object) -> bool:
        """Tell whether a span lies in one of a scorer. A parent is older than its child, so this ends."""
        while isinstance(span, str) and (place := self._spans.get(span)) is not None:
            if place.kind in ("scorer", "scorers"):
                return True
            span = place.parent
        return False

    def _take_call(self, members: Members, raw: bytes, parent_id: str | None) -> None:
        nested = split_list(members.get("events"), "'events' of a tool event")
        call = call_of(members, self._attachments, self._report, index=len(self.calls), parent_id=parent_id)
        self.calls.append(call)
        self.raw.append(raw)
        self.read(nested, call.call_id)

    def _take_tools(self, members: Members) -> None:
        raw = members.get("tools")
        self.offered = self.offered or raw is not None
        if raw is None or (text := bytes(raw)) in self._seen:
            return
        self._seen.add(text)
        for each in split_list(raw, "'tools' of a model event"):
            tool = members_of(each, "a tool")
            name = take_text(tool, "name")
            if not name:
                raise RecordError("a tool has no name")
            schema = tool.pop("parameters", None)
            description = self._attachments.text(value_of(tool.pop("description", None)))
            self.tools[name] = ToolDefinition(
                name=name, description=description if isinstance(description, str) else None,
                input_schema_json=None if schema is None else self._attachments.put_back(schema),
                extra_json=one_line(join_members(tool)),
            )  # fmt: skip


def read_events(raw: msgspec.Raw | None, report: ImportReport, attachments: Attachments) -> Happenings:
    """Return what the events of a sample say.

    Raises:
        RecordError: they are not what they say they are.
    """
    happenings = Happenings(report, attachments)
    happenings.read(split_list(raw, "'events'"))
    return happenings


def call_of(
    members: Members, attachments: Attachments, report: ImportReport, *, index: int, parent_id: str | None = None
) -> ToolCall:
    """Return the call that a tool event records.

    Raises:
        RecordError: it names no tool, or a member has the wrong type.
    """
    tool = take_text(members, "function")
    if not tool or tool.isspace():
        raise RecordError("a tool event names no tool")
    args, result = members.pop("arguments", None), members.pop("result", None)
    error, kind = failure_of(members.pop("error", None))
    pending = value_of(members.pop("pending", None)) is True
    begins, ends = _time(members, "timestamp"), _time(members, "completed")
    for name in _BOOKKEEPING:
        if members.pop(name, None) is not None and name not in ("event", "events", "type"):
            report.drop(f"member {name!r} of a tool event")
    call_id = take_text(members, "id") or None
    failed = value_of(members.get("failed")) is True
    nothing = result is None or bytes(result) == b"null" or (error is not None and bytes(result) == b'""')
    extra = {**members, **({"error_type": msgspec.Raw(_encode(kind))} if kind else {})}
    return ToolCall(
        index=index, tool=tool,
        args_json=None if args is None or bytes(args) == b"null" else attachments.put_back(args),
        result_json=None if nothing or result is None or pending else attachments.put_back(result),
        error=error, outcome=_outcome(error, kind, failed=failed, pending=pending), ts_ms=begins,
        duration_ms=round(ends - begins, 3) if begins is not None and ends is not None and ends >= begins else None,
        call_id=call_id, parent_id=parent_id,
        extra_json=join_members({"inspect": one_line(join_members(extra))}) if extra else b"{}",
    )  # fmt: skip


def failure_of(raw: msgspec.Raw | None) -> tuple[str | None, str | None]:
    """Return message and kind of a tool's error."""
    value = value_of(raw)
    kind = value.get("type") if isinstance(value, dict) else None
    return error_text(value), kind if isinstance(kind, str) else None


def _outcome(error: str | None, kind: str | None, *, failed: bool, pending: bool) -> CallOutcome:
    if pending:
        return "no_response"
    if error is None:
        return "error" if failed else "ok"
    return "denied" if kind == "approval" else "error"


def _time(members: Members, name: str) -> float | None:
    try:
        return milliseconds(value_of(members.pop(name, None)))
    except ValueError as error:
        raise RecordError(f"'{name}' of a tool event: {error}") from error
