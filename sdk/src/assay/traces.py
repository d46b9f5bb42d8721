"""Traces as callers have them - lists of calls, sessions, records or episodes, files - as episodes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from assay.failures import TraceError
from assay.json_safe import convert
from assay.records import MemorySource
from assay_core.analysis.episodes import find_policy, read_episodes
from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, JsonValue, SourcePlace, ToolCall
from assay_core.policy import Policy, load_policy
from assay_core.trace import FileSource

__all__ = ["PolicySource", "Traces", "as_policy", "episodes_of"]

Record: TypeAlias = Mapping[str, object]
Traces: TypeAlias = "str | os.PathLike[str] | Episode | Iterable[object]"
PolicySource: TypeAlias = "str | os.PathLike[str] | Mapping[str, JsonValue] | Policy"


def as_policy(source: PolicySource | None) -> Policy:
    """Return the policy that was named, or the one that `assay run` would use in the working directory.

    Raises:
        UsageError: E_MISSING_CONFIG where none was named and none is found.
        PolicyError, InputError: it does not load.
    """
    if source is None:
        return find_policy(Path.cwd())
    if isinstance(source, Policy):
        return source
    return load_policy(source if isinstance(source, Mapping) else Path(os.fspath(source)))


def episodes_of(traces: Traces) -> Iterator[Episode]:
    """Yield the episodes of some traces, in their order.

    A path names a trace file in any format that is installed. A list holds calls (one session), records or events as
    a trace file has them, sessions (lists of calls), `Episode` or `ToolCall` values, or paths.

    Raises:
        TraceError: E_TRACE_INVALID, a ValueError, naming the element.
        InputError: E_TRACE_NOT_FOUND, E_TRACE_INVALID and the like, for files.
    """
    if isinstance(traces, (str, os.PathLike)):
        yield from read_episodes(FileSource(Path(os.fspath(traces))))
        return
    if isinstance(traces, Episode):
        yield traces
        return
    if isinstance(traces, Mapping) or not isinstance(traces, Iterable):
        raise _invalid(f"traces are a list or a path, not {type(traces).__name__}")
    listed = list(traces)
    if listed and all(isinstance(each, (Mapping, ToolCall)) for each in listed):
        yield from _session(listed, "traces")
        return
    for place, each in enumerate(listed):
        if isinstance(each, Episode):
            yield each
        elif isinstance(each, (str, os.PathLike)):
            yield from episodes_of(each)
        elif isinstance(each, Sequence) and all(isinstance(call, (Mapping, ToolCall)) for call in each):
            yield from _session(each, f"traces[{place}]")
        else:
            raise _invalid(f"traces[{place}] is neither a session (a list of calls) nor an episode nor a path")


def _session(records: Sequence[object], name: str) -> Iterator[Episode]:
    """Read records as a trace file of them would be read. A session without calls is an episode as well."""
    if not records:
        yield Episode(id=name, prompt="ignore", source=SourcePlace(name))
    elif all(isinstance(each, ToolCall) for each in records):
        calls = tuple(
            msgspec.structs.replace(each, index=place)
            for place, each in enumerate(records)
            if isinstance(each, ToolCall)
        )
        yield Episode(id=name, events=calls, source=SourcePlace(name))
    else:
        yield from _records([_line(each, f"{name}[{place}]") for place, each in enumerate(records)], name)


def _records(lines: Sequence[bytes], name: str) -> Iterator[Episode]:
    from assay_importer_jsonl import JsonlImporter

    try:
        yield from JsonlImporter().read(MemorySource(b"\n".join(lines), name), ImportReport())
    except InputError as error:
        line = error.place.line if error.place is not None else 0
        where = f"{name}[{line - 1}]" if line else name
        raise _invalid(f"{where}: {error.message.removeprefix(f'line {line}: ')}", error.code) from error


def _line(record: object, where: str) -> bytes:
    value, notes = convert(record)
    if notes or not isinstance(value, Mapping):
        what = f"{notes[0][0]}: {notes[0][1]}" if notes else "it is no mapping"
        raise _invalid(f"{where}: JSON cannot hold {what}")
    if "name" in value and not {"tool", "tool_name", "type", "prompt"} & value.keys():
        value = {"tool": value["name"], **{key: each for key, each in value.items() if key != "name"}}
    return msgspec.json.encode(value)


def _invalid(reason: str, code: str = "E_TRACE_INVALID") -> TraceError:
    return TraceError(
        code=code, message=f"Invalid trace format: {reason}",
        remedy='a call is {"tool": …, "args": …}; a session is a list of calls',
    )  # fmt: skip
