"""The client: records one episode of an agent into a trace file."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable, Mapping
from contextvars import Token

from assay.active import CLIENT, current_capture
from assay.open_call import OpenCall
from assay.owner import Owner
from assay.trace_file import MemoryLines, TraceFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from assay.recorder import Recorder
    from assay.replay import Capture
    from assay.trace_file import Lines
    from assay_core.model import CallOutcome, ToolCall

__all__ = ["AssayClient"]


class AssayClient:
    """Records an episode: what one run of an agent was asked, called, got and answered.

    One client, or one `with` block, is one episode. It begins with the first thing recorded, or with the block, and
    ends with the block, with `close`, or when the process ends in peace; where the process dies, it stays open, and
    whatever was recorded is in the file. Threads and asyncio tasks may share a client; a process that is forked off
    records an episode of its own.
    """

    def __init__(
        self,
        trace_file: str | os.PathLike[str] | None = None,
        *,
        prompt: str | None = None,
        episode_id: str | None = None,
        test_id: str | None = None,
        meta: Mapping[str, object] | None = None,
    ) -> None:
        """Open the file, making it where it is missing.

        Args:
            trace_file: JSON Lines, appended to. None: nothing can be recorded but by a test that captures.
            prompt: What the agent is asked.
            episode_id: Names the episode; by default a new random id.
            test_id: The test of a suite that the episode belongs to.
            meta: What else is to be known of the episode, as JSON.

        Raises:
            TraceFileError: E_IO, a RuntimeError: the file cannot be opened, or it is no trace.
            TraceError: E_TRACE_INVALID, a ValueError: `meta` is not JSON.
        """
        lines = None if trace_file is None else TraceFile(os.fspath(trace_file))
        self._set_up(lines, prompt=prompt, episode_id=episode_id, test_id=test_id, meta=meta)

    @classmethod
    def _in_memory(cls, lines: MemoryLines, *, episode_id: str) -> Self:
        """Return a client that writes into memory; `_finish` ends its episode."""
        client = cls.__new__(cls)
        client._set_up(lines, prompt=None, episode_id=episode_id, test_id=None, meta=None)
        client._stays_open = True
        return client

    def _finish(self) -> None:
        """End an episode in memory, which outlives `close`: a test may close the client that its capture needs."""
        self._owner().close(self._outcome)

    def _set_up(
        self,
        lines: Lines | None,
        *,
        prompt: str | None,
        episode_id: str | None,
        test_id: str | None,
        meta: Mapping[str, object] | None,
    ) -> None:
        self.episode_id = episode_id or new_episode_id()
        self._keywords: dict[str, Any] = {"prompt": prompt, "test_id": test_id, "meta": meta}
        self._owners = {os.getpid(): Owner(lines, self.episode_id, self._keywords)}
        self._token: Token[AssayClient | None] | None = None
        self._outcome: str | None = None
        self._stays_open = False
        self._finalizer = weakref.finalize(self, _abandon, self._owners)
        self._finalizer.atexit = False  # `_at_exit` tells a peaceful end from another
        _watch(self)
        if prompt is not None and lines is not None:
            self._owner().run(_begin)

    # -- recording -------------------------------------------------------------------------------------------------

    def record_trace(self, trace: object) -> None:
        """Record one thing in any spelling of the trace formats.

        `{"tool": …, "args": …}` is a call of this episode. A record that says where it belongs (it has a prompt, or
        an episode, session, run or test id) is written as it stands; any other JSON is kept as a step.

        Raises:
            RuntimeError: `trace_file is not configured`.
            TraceError: E_TRACE_INVALID, a ValueError: it is not JSON, or could not be read back.
            NotRecordedError: a test replays a recording that lacks this call.
        """
        from assay.records import plain_record, write_record

        value = plain_record(trace)
        for owner, capture in self._owners_now():
            calls = owner.run(lambda recorder: write_record(recorder, value))
            if capture is not None:
                capture.claim_all(calls)

    def record_prompt(self, text: str) -> None:
        """Record what the agent is asked. The first prompt is the episode's."""
        self._run(lambda recorder: recorder.prompt(text))

    def record_response(self, text: str) -> None:
        """Record an answer of the agent. The last one is the episode's response."""
        self._run(lambda recorder: recorder.response(text))

    def record_call(
        self,
        tool: str,
        args: object = None,
        *,
        result: object = None,
        error: str | None = None,
        outcome: CallOutcome | None = None,
        ts_ms: float | None = None,
        duration_ms: float | None = None,
        server: str | None = None,
        call_id: str | None = None,
        parent_id: str | None = None,
    ) -> None:
        """Record a call that is over.

        Args:
            tool: The tool's name.
            args: Its arguments; what JSON cannot hold is noted beside them.
            result: What it returned.
            error: Why it failed.
            outcome: `ok`, `error`, `denied`, `no_response`; by default what result and error show.
            ts_ms: When it began, in milliseconds since 1970; by default now.
            duration_ms: How long it took.
            server: The server that offers the tool.
            call_id: The id that the agent or the protocol gave the call.
            parent_id: The id of the call in which this one was made.

        Raises:
            RuntimeError: `trace_file is not configured`.
            TraceError: E_TRACE_INVALID, a ValueError: the tool has no name.
            NotRecordedError: a test replays a recording that lacks this call.
        """
        from assay.recorder import build_call

        call = build_call(
            tool, args, result=result, error=error, outcome=outcome, ts_ms=ts_ms, duration_ms=duration_ms,
            server=server, call_id=call_id, parent_id=parent_id,
        )  # fmt: skip
        self._write_call(call, None, claimed=False)

    def call(
        self, tool: str, args: object = None, *, server: str | None = None, call_id: str | None = None
    ) -> OpenCall:
        """Return a block in which the call is made; its time, and an exception that leaves it, are recorded.

        `with client.call("search", {"q": q}) as call: call.result = search(q)`. Where `call.replayed` is true, the
        result is there already and the tool is not to be called.
        """
        return OpenCall(self, tool, args, server=server, call_id=call_id)

    def record_tools(self, tools: list[Mapping[str, object]]) -> None:
        """Record the tools that a server announced: `name`, `description`, `input_schema`, `server_id`."""
        from assay.json_safe import convert

        value = [convert(each).value for each in tools]
        self._run(lambda recorder: recorder.definitions(value))

    # -- beginning and end -----------------------------------------------------------------------------------------

    def close(self, outcome: str | None = None) -> None:
        """End the episode. May be called twice; what is recorded later is refused.

        Args:
            outcome: `pass`, `fail` or `error` by convention.
        """
        self._outcome = outcome
        if not self._stays_open:
            self._owner().close(outcome)
            self._finalizer.detach()

    def __enter__(self) -> Self:
        """Begin the episode, and record here what tools and adapters without a client of their own do."""
        if self._owner().lines is not None or current_capture() is None:
            self._run(_begin)
        self._token = CLIENT.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the episode; its outcome is `error` where an exception leaves the block."""
        if self._token is not None:
            CLIENT.reset(self._token)
            self._token = None
        self.close("error" if error is not None else None)

    # -- the way to the file ---------------------------------------------------------------------------------------

    def _write_call(self, call: ToolCall, step_id: str | None, *, claimed: bool) -> None:
        for owner, capture in self._owners_now():
            owner.run(lambda recorder: recorder.call(call, step_id))
            if capture is not None and not claimed:
                capture.claim(call.tool, call.args)

    def _run(self, write: Callable[[Recorder], object]) -> None:
        for owner, _ in self._owners_now():
            owner.run(write)

    def _owners_now(self) -> list[tuple[Owner, Capture | None]]:
        """Return where to write: the file, if there is one, and the test that captures, if there is one.

        Raises:
            RuntimeError: there is neither.
        """
        owner, capture = self._owner(), current_capture()
        if capture is not None and capture.client is self:
            return [(owner, capture)]
        found: list[tuple[Owner, Capture | None]] = [] if owner.lines is None else [(owner, None)]
        if capture is not None:
            found.append((capture.client._owner(), capture))
        if not found:
            raise RuntimeError("trace_file is not configured: AssayClient(trace_file=...)")
        return found

    def _owner(self) -> Owner:
        """Return what writes in this process; a forked one gets a file and an episode of its own."""
        process = os.getpid()
        owner = self._owners.get(process)
        if owner is None:
            first = next(iter(self._owners.values()))
            keywords = {**self._keywords, "meta": {**(self._keywords["meta"] or {}), "forked_from": self.episode_id}}
            lines = None if first.lines is None else first.lines.reopened()
            owner = self._owners.setdefault(process, Owner(lines, new_episode_id(), keywords))
        return owner


def new_episode_id() -> str:
    """Return an id that no other episode has."""
    return f"episode-{os.urandom(8).hex()}"


def _begin(recorder: Recorder) -> None:
    recorder.begin()


def _watch(client: AssayClient) -> None:
    """See to it that the client's episode ends with the process."""
    if not _watched:
        atexit.register(_at_exit)
    _watched.add(client)


def _at_exit() -> None:
    """End every episode that is still open, unless an exception ends the process: then they did not come to an end."""
    for client in list(_watched):
        _abandon(client._owners, ended=getattr(sys, "last_exc", getattr(sys, "last_value", None)) is None)


def _abandon(owners: dict[int, Owner], *, ended: bool = True) -> None:
    owner = owners.get(os.getpid())
    if owner is not None:
        owner.abandon(ended=ended)


_watched: weakref.WeakSet[AssayClient] = weakref.WeakSet()
