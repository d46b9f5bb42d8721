"""Files of learning events: bad lines are told, never dropped in silence, and traces are left to importers."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.analysis.learning.event_lines import EventFile, read_events
from assay_core.trace import FileSource

GOOD = '{"type":"file_open","path":"/a","pid":1,"timestamp":5}\n'


def read(folder: Path, data: str | bytes) -> EventFile | None:
    path = folder / "events.jsonl"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_events(FileSource(path))


def test_events_are_counted_by_kind_and_target(tmp_path: Path) -> None:
    found = read(
        tmp_path, f'# remark\n\n{GOOD}{GOOD}{{"type":"net_connect","dest":"h:1"}}\n{{"type":"proc_exec","path":"/b"}}'
    )

    assert found is not None
    counts = {
        section: {target: each.hits for target, each in kept.items()}
        for section, kept in found.learner.resources.items()
    }
    assert counts == {"files": {"/a": 2}, "network": {"h:1": 1}, "processes": {"/b": 1}}
    assert (found.events, found.bad, found.learner.latest) == (4, 0, 5)
    assert found.notices("e") == []


@pytest.mark.parametrize(
    "line",
    ["{", "[1]", "3", '{"type":"file_open"}', '{"type":"file_open","path":""}', '{"type":"file_open","path":3}',
     '{"type":"net_connect","path":"/a"}', '{"type":"file_opn","path":"/a"}',
     '{"type":"file_open","path":"/a","path":"/b"}',
     '{"type":"file_open","path":"\\ud800"}', '{"type":"file_open","path":NaN}'],
)  # fmt: skip
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    found = read(tmp_path, GOOD + line + "\n" + GOOD)

    assert found is not None
    assert (found.events, found.bad) == (2, 1)
    (notice,) = found.notices("e")
    assert notice.code == "W_TRACE_DROPPED"
    assert notice.place is not None
    assert notice.place.line == 2


def test_the_first_three_bad_lines_are_named_then_all_counted(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + "bad\n" * 7)

    assert found is not None
    messages = [notice.message for notice in found.notices("e")]
    assert len(messages) == 5
    assert "7 lines in all" in messages[3]
    assert "more than half" in messages[4]


@pytest.mark.parametrize(
    "data",
    ["bad\n", b"\xff\xfe\n", '{"tool":"x","args":{}}\n', GOOD + '{"type":"tool_call","tool_name":"x"}\n',
     '{"type":"file_open","path":"/a","episode_id":"e"}\n', '{"prompt":"p","tool_calls":[]}\n'],
)  # fmt: skip
def test_what_is_no_event_file_is_left_to_importers(tmp_path: Path, data: str | bytes) -> None:
    assert read(tmp_path, data) is None


@pytest.mark.parametrize("data", ["", "\n\n", "# nothing\n"])
def test_a_file_of_no_lines_holds_no_events(tmp_path: Path, data: str) -> None:
    found = read(tmp_path, data)

    assert found is not None
    assert (found.events, found.learner.episodes) == (0, 0)
