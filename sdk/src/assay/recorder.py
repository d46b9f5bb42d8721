"""One episode, written event by event as it happens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from assay.failures import TraceError
from assay.json_safe import convert
from assay_core.model import CallOutcome, Episode, Event, JsonValue, Step, ToolCall
from assay_core.trace import call_outcome, end_event, event_line, start_event

if TYPE_CHECKING:
    from assay.trace_file import Lines

__all__ = ["Recorder", "build_call", "now_ms"]

_encode = msgspec.json.Encoder().encode
_canonical = msgspec.json.Encoder(order="sorted").encode


class Recorder:
    """Writes the events of one episode. Not safe between threads: its owner holds a lock."""

    def __init__(
        self,
        lines: Lines,
        episode_id: str,
        *,
        prompt: str | None = None,
        test_id: str | None = None,
        meta: JsonValue = None,
    ) -> None:
        self.lines = lines
        self.id = episode_id
        self.ended = False
        self.waiting: dict[str, list[str | None]] = {}  # group to the ids of its calls whose result comes apart
        self._started = False
        self._prompt = prompt
        self._test_id = test_id
        self._meta = meta
        self._response: str | None = None
        self._steps = 0
        self._calls = 0
        self._definitions: set[bytes] = set()

    def prompt(self, text: str) -> None:
        """Write the prompt: the start of the episode, or a step where the episode began already."""
        if not self._started and self._prompt is None:
            self._prompt = text
            self.begin()
        else:
            self._step("prompt", meta={"gen_ai.prompt": text})

    def response(self, text: str) -> None:
        """Write an answer of the agent; the last one is the episode's response."""
        if text.lstrip().startswith("{"):  # readers would look for a prompt and a completion inside
            self._step("model", meta={"gen_ai.completion": text})
        else:
            self._step("model", content=text)
        self._response = text

    def begin_call(self, tool: str) -> str:
        """Write that a call begins, and return its step id."""
        step_id = self._next_step_id()
        self._step("tool", name=tool, step_id=step_id)
        return step_id

    def call(self, call: ToolCall, step_id: str | None = None) -> None:
        """Write a call; its index becomes that of the episode."""
        given = {} if call.call_id is not None else {"call_id": f"{step_id or self._call_step_id()}-0"}
        self._write(msgspec.structs.replace(call, index=self._calls, **given))
        self._calls += 1

    def definitions(self, tools: list[JsonValue]) -> None:
        """Write the tools that a server announced, but for those that it announced already."""
        fresh = []
        for each in tools:
            digest = _canonical(each)
            if digest not in self._definitions:
                self._definitions.add(digest)
                fresh.append(each)
        if fresh:
            self._step("tool", name="tools/list.result", content=_encode({"tools": fresh}).decode())

    def note(self, value: JsonValue) -> None:
        """Write a value that is neither call, prompt nor response."""
        self._step("record", meta={"record": value})

    def typed(self, members: Mapping[str, JsonValue]) -> None:
        """Write an event that names no episode as one of this one."""
        given = dict(members)
        head = {"type": given.pop("type"), "episode_id": self.id, "timestamp": given.pop("timestamp", now_ms())}
        self.begin()
        self.lines.append(_encode({**head, **given}) + b"\n")
        self._steps += head["type"] == "step"

    def end(self, outcome: str | None) -> None:
        """Write the end, once, if anything was written."""
        if self._started and not self.ended:
            self.ended = True
            extra = _encode({"end_timestamp": now_ms()})
            over = Episode(id=self.id, response=self._response, outcome=outcome, extra_json=extra)
            self.lines.append(end_event(over) + b"\n")
        self.ended = True

    def begin(self) -> None:
        """Write the start, once; an episode in which nothing happens is an episode, too.

        Raises:
            TraceError: E_TRACE_INVALID where the episode is over.
        """
        if self.ended:
            raise TraceError(
                code="E_TRACE_INVALID", message=f"the episode {self.id!r} is over: the client was closed",
                remedy="use one client per episode",
            )  # fmt: skip
        if not self._started:
            extra: dict[str, JsonValue] = {"timestamp": now_ms()}
            if self._meta is not None:
                extra["meta"] = self._meta
            start = Episode(
                id=self.id, prompt=self._prompt, test_id=self._test_id, complete=False, extra_json=_encode(extra)
            )
            self.lines.append(start_event(start) + b"\n")
            self._started = True

    def _step(
        self,
        kind: str,
        *,
        name: str | None = None,
        content: str | None = None,
        step_id: str | None = None,
        meta: JsonValue = None,
    ) -> None:
        extra = b"{}" if meta is None else _encode({"meta": meta})
        self._write(
            Step(
                kind=kind, name=name, content=content, step_id=step_id or self._next_step_id(), ts_ms=now_ms(),
                extra_json=extra,
            )
        )  # fmt: skip
        self._steps += 1

    def _next_step_id(self) -> str:
        return f"step_{self._steps:03d}"

    def _call_step_id(self) -> str:
        return f"call_{self._calls:03d}"

    def _write(self, event: Event) -> None:
        self.begin()
        self.lines.append(event_line(self.id, event, self._steps) + b"\n")


def build_call(
    tool: str,
    args: object,
    *,
    result: object = None,
    error: str | None = None,
    outcome: CallOutcome | None = None,
    ts_ms: float | None = None,
    duration_ms: float | None = None,
    server: str | None = None,
    call_id: str | None = None,
    parent_id: str | None = None,
) -> ToolCall:
    """Return a call out of Python values; what JSON cannot hold is noted in its member `unrepresentable`.

    Raises:
        TraceError: E_TRACE_INVALID where the tool has no name.
    """
    if not isinstance(tool, str) or not tool.strip():
        raise TraceError(code="E_TRACE_INVALID", message=f"Invalid trace format: a tool has a name, not {tool!r}")
    name = str(convert(tool).value)
    given, answered = convert(args), convert(result)
    notes = [("/args" + pointer, what) for pointer, what in given.notes]
    notes += [("/result" + pointer, what) for pointer, what in answered.notes]
    extra = {"unrepresentable": [{"pointer": pointer, "type": what} for pointer, what in notes]} if notes else {}
    return ToolCall(
        index=0,
        tool=name,
        args_json=None if args is None else _encode(given.value),
        result_json=None if result is None else _encode(answered.value),
        error=None if error is None else str(convert(error).value),
        outcome=outcome or call_outcome(answered.value, error),
        ts_ms=now_ms() if ts_ms is None else ts_ms,
        duration_ms=duration_ms,
        server=server,
        call_id=call_id,
        parent_id=parent_id,
        extra_json=_encode(extra),
    )


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
