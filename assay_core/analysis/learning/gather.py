"""From the files that a user named to one learner: traces of agents, and files of learning events."""

from __future__ import annotations

import os
from collections.abc import Sequence

import attrs

from assay_core.analysis.learning.event_lines import read_events
from assay_core.analysis.learning.learner import Learner
from assay_core.analysis.learning.self_check import Sample
from assay_core.errors import InputError, UsageError
from assay_core.model import Notice
from assay_core.plugins.drivers import Drivers
from assay_core.run.ingest import choose_importer, notices_of
from assay_core.run.opened import OpenedTrace
from assay_core.trace import FileSource, open_source

__all__ = ["Gathered", "gather"]


@attrs.define(kw_only=True)
class Gathered:
    """What the files show."""

    learner: Learner
    sample: Sample = attrs.field(factory=Sample)
    sources: list[str] = attrs.field(factory=list)  # each file with what it holds, for people
    notices: list[Notice] = attrs.field(factory=list)
    traces: list[str] = attrs.field(factory=list)  # those that are traces of an agent


def gather(
    paths: Sequence[str], *, drivers: Drivers, trace_format: str | None = None, include_denied: bool = False
) -> Gathered:
    """Read every file once, as a stream.

    Args:
        paths: Files; `-` is standard input.
        drivers: Where importers come from.
        trace_format: The importer of all of them; None: each file's content decides.
        include_denied: Learn from calls too that were recorded as denied.

    Raises:
        UsageError: E_INVALID_ARGS for a file named twice.
        InputError: what reading a file raises; E_TRACE_EMPTY for traces that show nothing to learn.
    """
    _refuse_repeated(paths)
    found = Gathered(learner=Learner(include_denied=include_denied))
    for path in paths:
        source = open_source(path)
        found.learner.name = source.name
        if trace_format is None and (events := read_events(source)) is not None:
            found.learner.merge(events.learner)
            found.notices += events.notices(source.name)
            found.sources.append(f"{source.name}: {_count(events.events, 'learning event')}")
        else:
            _read_trace(source, trace_format, drivers, found)
    learner = found.learner
    if found.traces and not learner.tools and not any(learner.resources.values()):
        denied = ", but such that were denied" if learner.denied else ""
        raise InputError(
            code="E_TRACE_EMPTY",
            message=f"{', '.join(found.traces)}: no episode calls a tool{denied}, so there is nothing to learn",
            remedy="record a run that calls tools" + ("; --include-denied learns from denied calls" if denied else ""),
        )
    return found


def _read_trace(source: FileSource, trace_format: str | None, drivers: Drivers, found: Gathered) -> None:
    trace = OpenedTrace(source=source, chosen=choose_importer(drivers, source, trace_format))
    found.notices += trace.notices
    learner, sample = found.learner, found.sample
    for episode in trace.read():
        learner.add(episode)
        sample.offer(episode)
    found.notices += notices_of(trace.report)
    found.traces.append(source.name)
    counts = f"{_count(trace.episodes, 'episode')}, {_count(trace.tool_calls, 'tool call')}"
    found.sources.append(f"{source.name}: {counts}")


def _refuse_repeated(paths: Sequence[str]) -> None:
    seen: set[str] = set()
    for path in paths:
        real = path if path == "-" else os.path.realpath(path)
        if real in seen:
            raise UsageError(
                code="E_INVALID_ARGS", message=f"{path!r} is named twice, and would count twice",
                remedy="name every recording once",
            )  # fmt: skip
        seen.add(real)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
