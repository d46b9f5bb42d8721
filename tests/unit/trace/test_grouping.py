"""Records become episodes: by key, by neighbourhood, by explicit ends."""

from __future__ import annotations

import pytest

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, ToolCall
from assay_core.testing.importers import MemorySource
from assay_core.trace import EpisodeBuilder, Grouping


def grouping(name: str = "calls.jsonl", idle_bytes: int = 1000) -> Grouping:
    return Grouping(MemorySource(b"", name), ImportReport(), idle_bytes=idle_bytes)


def put(builder: EpisodeBuilder, tool: str) -> None:
    builder.add_call(ToolCall(index=builder.calls, tool=tool))


def shape(episodes: list[Episode]) -> list[tuple[str, list[str], bool]]:
    return [(each.id, [call.tool for call in each.tool_calls], each.complete) for each in episodes]


def test_interleaved_runs_are_told_apart() -> None:
    groups = grouping()

    for line, (key, tool) in enumerate([("a", "x"), ("b", "y"), ("a", "z"), ("b", "w")], 1):
        put(groups.keyed(key, line), tool)
    groups.close()

    assert shape(groups.take()) == [("a", ["x", "z"], True), ("b", ["y", "w"], True)]


def test_run_that_is_silent_for_long_is_over_and_may_not_return() -> None:
    groups = grouping(idle_bytes=1000)
    put(groups.keyed("old", 1), "x")
    for groups.offset in range(0, 3000, 500):
        put(groups.keyed("busy", 2), "y")
        groups.settle()

    assert shape(groups.take()) == [("old", ["x"], True)]
    with pytest.raises(InputError, match="'old' stands twice: first on line 1, again on line 9") as caught:
        groups.keyed("old", 9)
    assert caught.value.code == "E_TRACE_DUPLICATE"


def test_nameless_records_are_one_episode_until_interrupted() -> None:
    groups = grouping("folder/calls.trace.jsonl")
    put(groups.nameless(1), "a")
    put(groups.nameless(2), "b")
    groups.finish(groups.single("q1", 3))
    put(groups.nameless(4), "c")
    groups.close()

    assert shape(groups.take()) == [
        ("calls.trace", ["a", "b"], True), ("q1", [], True), ("calls.trace:4", ["c"], True),
    ]  # fmt: skip


def test_nameless_episode_has_the_prompt_ignore_and_its_last_result_as_response() -> None:
    groups = grouping("<stdin>")
    builder = groups.nameless(1)
    builder.add_call(ToolCall(index=0, tool="a", result_json=b'{"a": 1}'))
    builder.add_call(ToolCall(index=1, tool="b"))
    groups.close()

    (episode,) = groups.take()

    assert (episode.id, episode.prompt, episode.response) == ("stdin", "ignore", '{"a":1}')


def test_explicit_episodes_end_at_their_end_or_stay_incomplete() -> None:
    groups = grouping()
    put(groups.start("open", 1), "a")
    done = groups.start("done", 2)
    done.ended = True
    groups.finish(done)
    groups.offset = 10_000
    groups.settle()

    assert shape(groups.take()) == [("done", [], True)]
    groups.close()
    assert shape(groups.take()) == [("open", ["a"], False)]


def test_event_without_a_start_opens_its_episode_and_is_noted() -> None:
    report = ImportReport()
    groups = Grouping(MemorySource(b"", "t"), report)

    for line in range(1, 40):
        groups.event(f"e{line}", line)

    assert report.notes[0] == "episode e1 has no start; its first event is on line 1"
    assert len(report.notes) == 20


def test_bare_calls_join_the_explicit_episode_of_their_key() -> None:
    groups = grouping()
    put(groups.keyed("e", 1), "a")
    put(groups.event("e", 2), "b")
    put(groups.keyed("e", 3), "c")
    groups.close()

    assert shape(groups.take()) == [("e", ["a", "b", "c"], False)]


@pytest.mark.parametrize("again", ["start", "single"])
def test_id_that_stands_twice_is_an_error(again: str) -> None:
    groups = grouping()
    groups.start("e", 1)

    with pytest.raises(InputError, match="stands twice") as caught:
        getattr(groups, again)("e", 2)

    assert caught.value.code == "E_TRACE_DUPLICATE"
    assert caught.value.place is not None
    assert caught.value.place.line == 2
