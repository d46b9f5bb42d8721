"""What a marked test did: captured, compared with its recording, judged, and recorded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from assay.client import AssayClient
from assay.failures import NotRecordedError
from assay.records import MemorySource
from assay.trace_file import MemoryLines
from assay_core.analysis.episodes import read_episodes
from assay_core.analysis.explanation import explain
from assay_core.commandline.explanations import explanation_text
from assay_core.commandline.visible import excerpt
from assay_core.contracts import ImportReport
from assay_core.documents import write_atomic
from assay_core.model import Episode, JsonValue, ToolCall
from assay_core.policy import Policy
from assay_core.trace import FileSource

__all__ = ["Capture", "Mode", "load_recording"]

Mode: TypeAlias = Literal["none", "once", "new", "all"]
_canonical = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_KEYS = ("episode_id", "session_id", "run_id", "test_id", "request_id")
_MAX_STEPS = 200


class Capture:
    """Everything that one test records, and the recording that it replays."""

    def __init__(self, test: str, recording: tuple[Episode, ...] | None, mode: Mode) -> None:
        """Begin.

        Args:
            test: The test's id, the id of its episode.
            recording: What was recorded of it before; None: nothing, or there is no file.
            mode: When calls are run and recorded.
        """
        self.test = test
        self.lines = MemoryLines()
        self.client = AssayClient._in_memory(self.lines, episode_id=test)
        self.episodes: tuple[Episode, ...] = ()  # what was captured, once it is finished
        self.unrecorded: list[str] = []  # calls that the recording lacks, where it has to hold them
        self.new_calls = 0
        self.over = False  # True: what is done from now on is nobody's
        self._records = mode == "all" or (mode == "once" and recording is None) or mode == "new"
        self._waiting: dict[tuple[str, bytes], deque[ToolCall]] = {}
        for episode in recording or () if mode != "all" else ():
            for call in episode.tool_calls:
                self._waiting.setdefault(_key(call.tool, call.args), deque()).append(call)

    def claim(self, tool: str, args: JsonValue) -> ToolCall | None:
        """Return the next recorded call of this tool with these arguments; None: the call is new, and to be run.

        Raises:
            NotRecordedError: it is new, and the mode allows no new call.
        """
        waiting = self._waiting.get(_key(tool, args))
        if waiting:
            return waiting.popleft()
        self.new_calls += 1
        if self._records:
            return None
        shown = f"{excerpt(tool, 80)}({excerpt(_canonical(args).decode(), 200)})"
        self.unrecorded.append(shown)
        raise NotRecordedError(f"the recording of {self.test} has no further call {shown}")

    def claim_all(self, calls: Sequence[ToolCall]) -> None:
        """Claim calls that were made already. Raises as `claim`."""
        for call in calls:
            self.claim(call.tool, call.args)

    def finish(self) -> None:
        """End the capture. The test's own episode is complete then."""
        from assay_importer_jsonl import JsonlImporter

        if not self.over:
            self.over = True
            self.client._finish()
            source = MemorySource(self.lines.data(), self.test)
            self.episodes = tuple(JsonlImporter().read(source, ImportReport()))

    def complaint(self, policy: Policy | None) -> str:
        """End the capture and return why the test fails, "" where it does not."""
        self.finish()
        if self.unrecorded:
            listed = "".join(f"\n  {call}" for call in self.unrecorded[:20])
            return (
                f"{len(self.unrecorded)} tool call(s) are not in the recording:{listed}\n"
                "Record them with --assay-record=new, or everything anew with --assay-record=all."
            )
        if not any(episode.events or episode.prompt or episode.response for episode in self.episodes):
            return "E_NO_CHECKS: the test is marked `assay` and recorded nothing, so nothing was checked"
        return "" if policy is None else _judged(policy, self.episodes)

    def save(self, path: Path) -> None:
        """Write what was captured in place of what the file holds of this test.

        Raises:
            OSError, AssayError: the file cannot be written.
        """
        own = {episode.id for episode in self.episodes} | {self.test}
        path.parent.mkdir(parents=True, exist_ok=True)
        with _folder_locked(path.parent):
            old = path.read_bytes().splitlines(keepends=True) if path.exists() else []
            kept = [line if line.endswith(b"\n") else line + b"\n" for line in old if _owner_of(line) not in own]
            write_atomic(path, b"".join(kept) + self.lines.data())


def load_recording(path: Path, test: str) -> tuple[Episode, ...] | None:
    """Return what a file holds of a test, None where it holds nothing.

    Raises:
        AssayError: the file is no trace.
    """
    if not path.exists():
        return None
    found = tuple(episode for episode in read_episodes(FileSource(path)) if episode.id == test)
    return found or None


def _judged(policy: Policy, episodes: Sequence[Episode]) -> str:
    verdicts = [policy.judge(episode) for episode in episodes]
    if not any(each.decided or any(rule.state != "not_exercised" for rule in each.outcomes) for each in verdicts):
        return "E_NO_CHECKS: the test recorded no tool call, and no rule of the policy applies: nothing was checked"
    told = []
    for episode in episodes:
        explanation = explain(policy, episode)
        if not explanation.passed:
            told.append(explanation_text(explanation, max_steps=_MAX_STEPS))
    return "\n".join(["the tool calls of the test break the policy", *told]) if told else ""


def _key(tool: str, args: JsonValue) -> tuple[str, bytes]:
    return tool, _canonical(args)


def _owner_of(line: bytes) -> str | None:
    """Return the id of the episode that a line of a recording belongs to, as far as the line says."""
    try:
        members = _decode(line)
        found = next((members[name] for name in _KEYS if name in members), None)
        value = None if found is None else msgspec.json.decode(found)
    except msgspec.MsgspecError:
        return None
    return value if isinstance(value, str) else None


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Keep other processes, such as those of pytest-xdist, from rewriting a file of the folder meanwhile."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
