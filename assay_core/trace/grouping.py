"""Episodes out of records that arrive one by one, interleaved or not."""

from __future__ import annotations

import re
from pathlib import PurePath

import msgspec

from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import InputError, Place
from assay_core.model import Episode, Event, SourcePlace, Step, ToolCall, ToolDefinition, Usage
from assay_core.trace.members import Members, join_members, value_of

__all__ = ["IDLE_BYTES", "PROMPTLESS", "EpisodeBuilder", "Grouping"]

IDLE_BYTES = 8 * 1024 * 1024  # a run that is silent for so much of the trace is over
PROMPTLESS = "ignore"  # the prompt of tool calls that were recorded without one
_MAX_NOTES = 20


class EpisodeBuilder:
    """An episode whose records are still arriving."""

    __slots__ = (
        "authoritative", "calls", "context", "definitions", "ended", "events", "explicit", "extra", "has_result", "id",
        "line", "outcome", "output", "prompt", "response", "seen_at", "steps", "test_id", "unanswered", "usage",
    )  # fmt: skip

    def __init__(self, episode_id: str, line: int) -> None:
        self.id = episode_id
        self.line = line  # where it begins
        self.events: list[Event] = []
        self.calls = 0
        self.steps = 0
        self.prompt: str | None = None
        self.response: str | None = None
        self.outcome: str | None = None
        self.test_id: str | None = None
        self.context: tuple[str, ...] = ()
        self.definitions: tuple[ToolDefinition, ...] | None = None
        self.usage: Usage | None = None
        self.extra: Members = {}
        self.explicit = False  # its format marks the end of an episode, so it is incomplete without one
        self.ended = False
        self.has_result = False  # whether some call may carry a result
        self.authoritative = False  # whether the prompt is one that no step may replace
        self.output: str | None = None  # the last output of a step: the response, unless the episode states one
        self.seen_at = 0  # the offset in the trace at which its last record was seen
        self.unanswered: dict[str | None, int] = {}  # call id to event, for formats with separate results

    def add_call(self, call: ToolCall) -> None:
        """Append a call whose `index` is `self.calls`."""
        self.events.append(call)
        self.calls += 1
        self.has_result = self.has_result or call.result_json is not None

    def add_step(self, step: Step) -> None:
        """Append a step."""
        self.events.append(step)
        self.steps += 1

    def build(self, file: str) -> Episode:
        """Return the episode as it stands."""
        prompt, response = self.prompt, self.response
        if response is None:
            response = self.output
        if not self.explicit:
            prompt = PROMPTLESS if prompt is None else prompt
            if response is None and self.has_result:
                response = self._last_result()
        return Episode(
            id=self.id, prompt=prompt, response=response, events=tuple(self.events),
            complete=self.ended or not self.explicit, outcome=self.outcome, test_id=self.test_id, context=self.context,
            tool_definitions=self.definitions, usage=self.usage, source=SourcePlace(file, self.line),
            extra_json=join_members(self.extra),
        )  # fmt: skip

    def _last_result(self) -> str | None:
        """Return the last result as text: what a trace of bare calls offers as its response."""
        for event in reversed(self.events):
            if type(event) is ToolCall and event.result_json is not None:
                value = value_of(event.result_json)
                return value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return None


class Grouping:
    """Hands each record its episode and says when an episode is over.

    Memory grows with the open episodes and an index of all ids. Finished episodes wait in `ready` until `take`.

    * An episode with explicit ends (`start`, `end`) is over at its end, or with the trace, incomplete.
    * A run of records that share a key is over after `IDLE_BYTES` of the trace without a record of it.
    * Records without a key are one episode named after the file for as long as they follow one another.
    """

    def __init__(self, source: BinarySource, report: ImportReport, *, idle_bytes: int = IDLE_BYTES) -> None:
        self._source = source
        self._report = report
        self._idle_bytes = idle_bytes
        self._stem = PurePath(re.sub(r"[<>]", "", source.name)).stem or "trace"
        self._runs: dict[str, EpisodeBuilder] = {}  # open, by key, least recently seen first
        self._explicit: dict[str, EpisodeBuilder] = {}  # open until their end
        self._nameless: EpisodeBuilder | None = None
        self._lines: dict[str, int] = {}  # every id to the line its episode begins on
        self._ready: list[Episode] = []
        self._notes = 0
        self.offset = 0  # how far the trace has been read; the reader keeps it current

    def keyed(self, key: str, line: int) -> EpisodeBuilder:
        """Return the open episode with this id, opening it where it is new.

        Raises:
            InputError: E_TRACE_DUPLICATE if that episode was over already.
        """
        self.interrupt()
        if (explicit := self._explicit.get(key)) is not None:
            return explicit
        builder = self._runs.pop(key, None) or self._register(key, line)
        self._runs[key] = builder  # now the most recently seen
        builder.seen_at = self.offset
        return builder

    def nameless(self, line: int) -> EpisodeBuilder:
        """Return the episode of the consecutive records without a key."""
        if self._nameless is None:
            taken = self._stem in self._lines
            self._nameless = self._register(f"{self._stem}:{line}" if taken else self._stem, line)
        return self._nameless

    def single(self, episode_id: str, line: int) -> EpisodeBuilder:
        """Return a new episode of one record. It is over when `finish` gets it.

        Raises:
            InputError: E_TRACE_DUPLICATE if the id was used before.
        """
        self.interrupt()
        return self._register(episode_id, line)

    def start(self, episode_id: str, line: int) -> EpisodeBuilder:
        """Return a new episode that has an explicit end.

        Raises:
            InputError: E_TRACE_DUPLICATE if the id was used before.
        """
        self.interrupt()
        builder = self._explicit[episode_id] = self._register(episode_id, line)
        builder.explicit = True
        return builder

    def event(self, episode_id: str, line: int) -> EpisodeBuilder:
        """Return the episode of an event; one that never started is opened, and noted.

        Raises:
            InputError: E_TRACE_DUPLICATE if that episode was over already.
        """
        self.interrupt()
        builder = self._explicit.get(episode_id)
        if builder is None and episode_id in self._runs:
            builder = self._explicit[episode_id] = self._runs.pop(episode_id)
            builder.explicit = True
        if builder is None:
            builder = self.start(episode_id, line)
            self._notes += 1
            if self._notes <= _MAX_NOTES:
                self._report.notes.append(f"episode {episode_id} has no start; its first event is on line {line}")
        return builder

    def finish(self, builder: EpisodeBuilder) -> None:
        """Take an episode that is over."""
        (self._explicit if builder.explicit else self._runs).pop(builder.id, None)
        self._ready.append(builder.build(self._source.name))

    def interrupt(self) -> None:
        """End the episode of consecutive records without a key: another record stands between."""
        if self._nameless is not None:
            builder, self._nameless = self._nameless, None
            self.finish(builder)

    def settle(self) -> None:
        """End the runs that have been silent for too long."""
        horizon = self.offset - self._idle_bytes
        over = []
        for builder in self._runs.values():
            if builder.seen_at >= horizon:
                break
            over.append(builder)
        for builder in over:
            self.finish(builder)

    def unended(self) -> tuple[EpisodeBuilder, ...]:
        """Return the open episodes that should have an end."""
        return tuple(self._explicit.values())

    def close(self) -> None:
        """End everything: the trace is over."""
        self.interrupt()
        for builder in sorted((*self._runs.values(), *self._explicit.values()), key=lambda each: each.line):
            self.finish(builder)

    def take(self) -> list[Episode]:
        """Return the episodes that are over since the last call, in the order in which they ended."""
        ready, self._ready = self._ready, []
        return ready

    def _register(self, episode_id: str, line: int) -> EpisodeBuilder:
        first = self._lines.setdefault(episode_id, line)
        if first != line:
            raise InputError(
                code="E_TRACE_DUPLICATE",
                message=f"the episode id {episode_id!r} stands twice: first on line {first}, again on line {line}",
                remedy="give every episode an id of its own, and keep the records of one run within "
                f"{IDLE_BYTES // 1024 // 1024} MiB of one another",
                place=Place(self._source.name, line),
            )
        return EpisodeBuilder(episode_id, line)
