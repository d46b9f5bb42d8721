"""Hostile input: a clear error that names the line, never a crash, never a silent skip."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from assay_importer_jsonl import JsonlImporter
from assay_importer_jsonl.importer import _Reader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, Limits
from assay_core.testing.importers import MemorySource
from assay_core.trace import FileSource, write_episodes

GOOD = b'{"tool":"fine","args":{"a":1}}'


def read(data: bytes, limits: Limits = Limits()) -> list[Episode]:  # noqa: B008 - frozen
    source = MemorySource(data, "t.jsonl")
    source.limits = limits
    return list(JsonlImporter().read(source, ImportReport()))


@pytest.mark.parametrize(
    ("line", "code", "message", "column"),
    [
        (b'{"tool":"t","args":{"a":1}', "E_TRACE_INVALID", "ends too early", 27),
        (b'{"tool":"t","tool":"u"}', "E_TRACE_INVALID", "'tool' stands twice", 13),
        (b'{"tool":"t","args":{"a":1,"\\u0061":2}}', "E_TRACE_INVALID", "'a' stands twice", 27),
        (b'{"tool":"t","args":{"x":[{"a":1,"a":1}]}}', "E_TRACE_INVALID", "'a' stands twice", 33),
        (b'{"prompt":"p","meta":{"a":{"b":1,"b":2}}}', "E_TRACE_INVALID", "'b' stands twice", 34),
        (b'{"type":"tool_call","type":"step","tool":"t"}', "E_TRACE_INVALID", "'type' stands twice", 21),
        (b'{"tool":"t","args":{"a":NaN}}', "E_TRACE_INVALID", "NaN is not JSON", 25),
        (b'{"tool":"t","args":{"a":1e999}}', "E_TRACE_INVALID", "range of a double", 25),
        (b'{"tool":"t","args":{"a":"\xff"}}', "E_TRACE_INVALID", "byte 0xff is not UTF-8", 26),
        (b'{"tool":"\xff"}', "E_TRACE_INVALID", "byte 0xff is not UTF-8", 10),
        (b'{"x":"\xed\xa0\x80","tool":"t"}', "E_TRACE_INVALID", "byte 0xed is not UTF-8", 7),
        (b'{"tool":"t","args":{"a":"\\ud800"}}', "E_TRACE_INVALID", "lone surrogate", 25),
        (b'{"tool":"t"} {"tool":"u"}', "E_TRACE_INVALID", "follows the JSON text", 14),
        (b'{"tool":"t"},', "E_TRACE_INVALID", "follows the JSON text", 13),
        (b'{"tool":"t","args":' + b"[" * 129 + b"]" * 129 + b"}", "E_TRACE_LIMIT", "deeper than 128", 0),
        (b'{"tool":"t","args":' + b'{"a":' * 100_000, "E_TRACE_LIMIT", "deeper than 128", 0),
        (b'{"args":"' + b"x" * 2000 + b'"}', "E_TRACE_LIMIT", "longer than 1500 bytes", 0),
        (b"\x00\x01\x02", "E_TRACE_INVALID", "expected a value", 1),
        (b"\xef\xbb\xbf" + GOOD, "E_TRACE_INVALID", "byte order mark", 1),
    ],
)
@pytest.mark.parametrize("before", [GOOD, b'{"prompt":"p","response":"r"}'])
def test_hostile_line_is_an_error_that_names_it(
    before: bytes, line: bytes, code: str, message: str, column: int
) -> None:
    limits = Limits() if b"[[" in line or b'{"a":{"a":{' in line else Limits(line_bytes=1500)

    with pytest.raises(InputError, match=message) as caught:
        read(b"\n".join([before, b"", line, GOOD]), limits)

    error = caught.value
    assert error.code == code
    assert error.place is not None
    assert (error.place.file, error.place.line, error.place.column) == ("t.jsonl", 3, column)
    assert "line 3" in error.message


def test_line_of_50_mb_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with path.open("wb") as stream:
        stream.write(GOOD + b'\n{"tool":"')
        stream.seek(50_000_000, io.SEEK_CUR)  # a sparse file: zeros
        stream.write(b'"}\n')

    with pytest.raises(InputError, match="line 2 is longer than 16777216 bytes") as caught:
        list(JsonlImporter().read(FileSource(path), ImportReport()))

    assert caught.value.code == "E_TRACE_LIMIT"


def test_error_in_a_later_block_names_its_line() -> None:
    data = b"\n".join([GOOD] * 10_000) + b'\n{"tool":"t","args":{"a":1,"a":2}}\n' + b"\n".join([GOOD] * 10_000)

    with pytest.raises(InputError, match="line 10001: the key 'a' stands twice"):
        read(data)


def test_run_with_a_line_of_many_megabytes_is_one_run() -> None:
    big = b'{"run_id":"r","tool":"t","args":{"a":"' + b"x" * 10_000_000 + b'"}}'

    episodes = read(b"\n".join([big, b'{"run_id":"r","tool":"u"}', b'{"run_id":"s","tool":"v"}', big]))

    assert {each.id: len(each.tool_calls) for each in episodes} == {"r": 3, "s": 1}


def test_empty_files_give_no_episode() -> None:
    assert read(b"") == read(b"\n\r\n \n") == []


# -- fuzz ------------------------------------------------------------------------------------------------------------

words = st.sampled_from([
    "type", "tool", "tool_name", "args", "arguments", "prompt", "response", "text", "meta", "tool_calls", "result",
    "error", "episode_id", "session_id", "run_id", "test_id", "request_id", "step_id", "kind", "content", "timestamp",
    "ts_ms", "id", "call_id", "call_index", "idx", "path", "dest", "pid", "name", "input", "context", "usage",
    "tool_definitions", "final_output", "outcome", "truncations", "schema_version", "duration_ms", "server", "access",
])  # fmt: skip
texts = st.sampled_from([
    "e1", "e2", "tool_call", "step", "episode_start", "episode_end", "model", "file_open", "tool_result", "call_tool",
    "assay.trace", '{"prompt":"p"}', "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
])  # fmt: skip
numbers = st.one_of(st.integers(), st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=5), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=4)),
    max_leaves=6,
)
records = st.dictionaries(words, values, max_size=7)
typed = st.builds(
    lambda kind, episode, rest: {"type": kind, "episode_id": episode, "kind": "model", "tool_name": "t", **rest},
    st.sampled_from(["episode_start", "step", "tool_call", "episode_end", "tool_result"]),
    st.sampled_from(["e1", "e2"]),
    records,
)


json_lines = st.one_of(records, typed).map(lambda value: json.dumps(value).encode())
HUGE = b"9" * 4301


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=20), json_lines), max_size=5))
@example([b'{"type":"step","episode_id":"e","kind":"k","timestamp":"9999-12-31T23:59:59-23:59"}'])
@example([b'{"tool":"t","run_id":' + HUGE + b"}"])
@example([b'{"tool":"t","ts_ms":' + HUGE[:4000] + b"}"])
@example([b'{"type":"tool_call","episode_id":"e","step_id":"s","tool_name":"t","call_index":' + HUGE + b"}"])
def test_any_input_gives_episodes_or_an_input_error(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    JsonlImporter().sniff(data)

    episodes, error = _attempt(data)

    if error is not None:
        assert error.code in ("E_TRACE_INVALID", "E_TRACE_LIMIT", "E_TRACE_DUPLICATE")
        assert error.place is not None
        assert 1 <= error.place.line <= data.count(b"\n") + 1
    sink = io.BytesIO()
    write_episodes(episodes, sink)
    for episode in episodes:
        assert isinstance(episode.extra, dict)
        for call in episode.tool_calls:
            assert call.args is not None
            assert isinstance(call.extra, dict)


def _attempt(data: bytes) -> tuple[list[Episode], InputError | None]:
    try:
        return read(data), None
    except InputError as error:
        return [], error


calls = st.fixed_dictionaries(
    {"tool": st.sampled_from(["a", "b", "é"])},
    optional={
        "run_id": st.sampled_from(["r1", "r2", ""]),
        "args": values,
        "ts_ms": st.one_of(st.none(), st.integers(-5, 2**62), st.floats(0, 1e6)),
        "call_id": st.one_of(st.none(), st.text(max_size=3)),
        "result": values,
        "error": st.one_of(st.none(), st.text(max_size=3)),
        "duration_ms": st.one_of(st.none(), st.integers(0, 9)),
        "server": st.one_of(st.none(), st.text(min_size=1, max_size=3)),
        "parent_id": st.one_of(st.none(), st.just("p")),
        "x": values,
    },
)
events = st.fixed_dictionaries(
    {
        "type": st.just("tool_call"), "episode_id": st.sampled_from(["e1", "e2"]),
        "step_id": st.sampled_from(["s", ""]), "timestamp": st.integers(0, 9), "tool_name": st.just("t"),
    },
    optional={
        "call_index": st.one_of(st.none(), st.integers(0, 3)), "args": values, "result": values,
        "error": st.one_of(st.none(), st.text(max_size=3)), "truncations": st.just([]), "args_sha256": st.none(),
    },
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(calls, events), max_size=6), st.booleans())
def test_bulk_path_and_slow_path_agree(lines: list[dict[str, object]], compact: bool) -> None:
    class Slow(_Reader):
        def _decode_calls(self, lines: list[bytes]) -> list[None]:  # type: ignore[override]  # it never decodes any
            return [None] * len(lines)

    separators = (",", ":") if compact else None
    data = b"\n".join(json.dumps(line, separators=separators).encode() for line in lines)
    results = []
    for kind in (_Reader, Slow):
        reader = kind(MemorySource(data, "t.jsonl"), ImportReport())
        try:
            for block in _blocks(data):
                reader.read(block)
            reader.groups.close()
            results.append(reader.groups.take())
        except InputError as error:
            results.append(str(error))  # type: ignore[arg-type]  # either an error or episodes

    assert results[0] == results[1]


def _blocks(data: bytes) -> list[object]:
    from assay_core.trace import read_blocks

    return list(read_blocks(MemorySource(data, "t.jsonl")))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(records, typed, calls, events), max_size=6))
def test_what_is_read_and_written_reads_the_same_again(lines: list[dict[str, object]]) -> None:
    first, _ = _attempt(b"\n".join(json.dumps(line).encode() for line in lines))
    sink = io.BytesIO()
    write_episodes(first, sink)

    second = read(sink.getvalue())

    assert {each.id: _bare(each) for each in second} == {each.id: _bare(each) for each in first}


def _bare(episode: Episode) -> object:
    """Return what must survive: everything but the places, and members in any order."""
    members = {name: getattr(episode, name) for name in ("id", "prompt", "response", "complete", "outcome", "test_id")}
    events = []
    for event in episode.events:
        fields = {name: getattr(event, name) for name in event.__struct_fields__ if name not in ("line", "extra_json")}
        events.append((type(event).__name__, fields, json.loads(event.extra_json)))
    definitions = episode.tool_definitions
    return members, episode.context, definitions, episode.usage, json.loads(episode.extra_json), events
