"""Traces: sources, lines, calls, grouping into episodes, and writing. Public."""

from assay_core.trace.calls import (
    RecordError,
    call_outcome,
    call_with_result,
    error_text,
    holds_calls,
    read_call,
    same_json,
    take_text,
)
from assay_core.trace.definitions import read_definitions
from assay_core.trace.grouping import IDLE_BYTES, PROMPTLESS, EpisodeBuilder, Grouping
from assay_core.trace.lines import Block, check_strict, invalid_line, iter_lines, read_blocks, refuse_line
from assay_core.trace.members import Members, join_members, milliseconds, split_members, value_of
from assay_core.trace.source import FileSource, SpooledSource, open_source, spool_stdin
from assay_core.trace.writing import end_event, episode_events, event_line, start_event, write_episodes

__all__ = [
    "IDLE_BYTES",
    "PROMPTLESS",
    "Block",
    "EpisodeBuilder",
    "FileSource",
    "Grouping",
    "Members",
    "RecordError",
    "SpooledSource",
    "call_outcome",
    "call_with_result",
    "check_strict",
    "end_event",
    "episode_events",
    "error_text",
    "event_line",
    "holds_calls",
    "invalid_line",
    "iter_lines",
    "join_members",
    "milliseconds",
    "open_source",
    "read_blocks",
    "read_call",
    "read_definitions",
    "refuse_line",
    "same_json",
    "spool_stdin",
    "split_members",
    "start_event",
    "take_text",
    "value_of",
    "write_episodes",
]
