"""A trace written anew: as V2 events, as bare calls, or into the store. Whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import msgspec

from assay_core import __version__
from assay_core.documents.writing import open_atomic
from assay_core.errors import UsageError
from assay_core.model import Episode, ToolCall
from assay_core.run.opened import OpenedTrace
from assay_core.trace import join_members, write_episodes

__all__ = ["TraceForm", "check_target", "ingest", "is_store", "rewrite", "write_calls"]

TraceForm: TypeAlias = Literal["v2", "calls"]

_STORES = (".db", ".sqlite", ".sqlite3")
_BATCH = 256
_encode = msgspec.json.Encoder().encode


def is_store(target: str) -> bool:
    """Tell whether a path names an SQLite file."""
    return Path(target).suffix.lower() in _STORES


def check_target(target: Path, source: Path | None, *, force: bool) -> None:
    """Return if the target may be written.

    Raises:
        UsageError: E_FILE_EXISTS if it is the input itself, or is there already and `force` is not set.
    """
    if source is not None and _same(target, source):
        raise UsageError(
            code="E_FILE_EXISTS", message=f"{str(target)!r} is the recording itself and is never overwritten",
            remedy="name another file for the imported trace",
        )  # fmt: skip
    if target.exists() and not force:
        raise UsageError(
            code="E_FILE_EXISTS", message=f"{str(target)!r} is there already",
            remedy="name another file, delete this one, or give --force",
        )  # fmt: skip


def rewrite(trace: OpenedTrace, target: Path | BinaryIO, form: TraceForm = "v2") -> int:
    """Write every episode and return how many lines that made. A file appears at the end, whole, or not at all.

    Raises:
        AssayError: what reading the trace raises; ServiceError E_IO.
    """
    write: Callable[[Iterable[Episode], BinaryIO], int] = write_episodes if form == "v2" else write_calls
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(open_atomic(target)) if isinstance(target, Path) else target
        return write(trace.read(), sink)


def write_calls(episodes: Iterable[Episode], sink: BinaryIO) -> int:
    """Write each tool call as a line of its own, `run_id` naming its episode; return how many there were."""
    count = 0
    for episode in episodes:
        for call in episode.tool_calls:
            sink.write(_call_line(episode.id, call) + b"\n")
            count += 1
    return count


def ingest(trace: OpenedTrace, target: Path) -> int:
    """Keep every episode in a store, under a run of its own; return the run's number.

    Raises:
        AssayError: what reading the trace raises; ServiceError E_STORE_INVALID, E_STORE_VERSION, E_STORE_FAILED.
    """
    from assay_core.store import RunEnd, RunStart, RunStore

    store = RunStore(target)
    try:
        name = Path(trace.source.name).stem or "trace"
        start = RunStart(suite=name, command="ingest", assay_version=__version__, trace_file=trace.source.name)
        episodes = trace.read()
        first = list(islice(episodes, _BATCH))  # a trace that cannot be read begins no run
        run_id = store.begin_run(start)
        batch = first
        while batch:
            store.add_episodes(run_id, batch)
            batch = list(islice(episodes, _BATCH))
        counts = {"episodes": trace.episodes, "tool_calls": trace.tool_calls}
        end = RunEnd(exit_code=0, trace_digest=trace.source.digest(), counts=counts)
        store.finish_run(run_id, end, ())
    finally:
        store.close()
    return run_id


def _call_line(episode_id: str, call: ToolCall) -> bytes:
    members: dict[str, bytes | msgspec.Raw] = {"run_id": _encode(episode_id), "tool": _encode(call.tool)}
    if call.args_json is not None:
        members["args"] = call.args_json
    members |= dict(_further(call))
    return join_members(members).replace(b"\n", b" ")


def _further(call: ToolCall) -> Iterator[tuple[str, bytes]]:
    if call.result_json is not None:
        yield "result", call.result_json
    for name in ("error", "ts_ms", "duration_ms", "server", "call_id", "parent_id"):
        value = getattr(call, name)
        if value is not None:
            yield name, _encode(value)
    if call.outcome != "unknown":
        yield "outcome", _encode(call.outcome)


def _same(target: Path, source: Path) -> bool:
    try:
        return target.samefile(source)
    except OSError:
        return target.resolve() == source.resolve()
