"""Real sessions: what the official client and the Inspector recorded, in every form that they have."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
from assay_importer_mcp import McpImporter

from assay_core.contracts import ImportReport
from assay_core.model import Episode
from assay_core.trace import FileSource

RECORDINGS = Path(__file__).parent / "recordings"
ALL = sorted(RECORDINGS.iterdir())


def imported(path: Path, report: ImportReport | None = None) -> Episode:
    (episode,) = McpImporter().read(FileSource(path), report or ImportReport())
    return episode


def timeless(episode: Episode) -> Episode:
    """Return the episode without what the form of a recording decides: its name, its clock, its lines."""
    extra = episode.extra
    meta = {**episode.meta, "episode_id": ""}
    calls = tuple(msgspec.structs.replace(call, ts_ms=None, duration_ms=None, line=None) for call in episode.tool_calls)
    return msgspec.structs.replace(
        episode, id="", events=calls, source=None,
        extra_json=msgspec.json.encode({**extra, "meta": meta, "timestamp": 0, "end_timestamp": 0}, order="sorted"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("inspector.export.json", "inspector.wire.jsonl"),
        ("inspector.export.json", "inspector.jsonrpc.jsonl"),
        ("filesystem.wire.jsonl", "filesystem.jsonrpc.jsonl"),
        ("memory.wire.jsonl", "memory.jsonrpc.jsonl"),
        ("everything.wire.jsonl", "everything.jsonrpc.jsonl"),
    ],
)
def test_the_same_session_gives_equal_episodes_in_every_form(first: str, second: str) -> None:
    assert timeless(imported(RECORDINGS / first)) == timeless(imported(RECORDINGS / second))


def test_the_same_agent_over_stdio_and_both_http_transports_makes_the_same_calls() -> None:
    names = ("everything.wire.jsonl", "everything.streamable-http.json", "everything.http-sse.json")
    calls = [
        [(call.tool, call.args, call.result, call.outcome) for call in imported(RECORDINGS / name).tool_calls]
        for name in names
    ]

    assert calls[0] == calls[1] == calls[2]
    assert [each[3] for each in calls[0]] == ["ok", "ok", "error", "ok", "no_response"]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_every_call_names_the_line_its_request_stands_on(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    jsonl = path.suffix == ".jsonl"

    for call in imported(path).tool_calls:
        assert call.line is not None
        text = "\n".join(lines[call.line - 1 : call.line if jsonl else call.line + 25])
        assert call.tool in text


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_every_recording_is_claimed_for_sure_and_keeps_definitions_and_names(path: Path) -> None:
    episode = imported(path)

    assert McpImporter().sniff(path.read_bytes()[:65536]) >= 90
    assert episode.tool_definitions
    assert {each.server for each in episode.tool_definitions} == {episode.meta["mcp"]["server"]["name"]}
    assert all(each.input_schema is not None and each.description for each in episode.tool_definitions)
    assert {call.server for call in episode.tool_calls} == {episode.meta["mcp"]["server"]["name"]}


def test_tokens_of_a_real_transcript_appear_nowhere() -> None:
    report = ImportReport()
    path = RECORDINGS / "everything.streamable-http.json"

    episode = imported(path, report)

    assert b"not-a-real-token" in path.read_bytes()
    assert b"not-a-real-token" not in msgspec.json.encode(episode.events) + episode.extra_json
    assert report.dropped["header authorization"] == 11
    assert report.dropped["header mcp-session-id"] == 10


def test_times_of_a_wire_log_in_seconds_become_milliseconds() -> None:
    path = RECORDINGS / "memory.wire.jsonl"
    times = [json.loads(line)["t"] for line in path.read_text(encoding="utf-8").splitlines()]

    call = imported(path).tool_calls[0]

    assert call.ts_ms == round(times[call.line - 1] * 1000)
    assert call.duration_ms is not None
    assert 0 <= call.duration_ms < 60_000


def test_a_session_can_be_recorded_anew(tmp_path: Path) -> None:
    if not shutil.which("npm") or not find_spec("mcp"):
        pytest.skip("recording needs npm and the package mcp")
    names = [] if os.environ.get("ASSAY_NIGHTLY") else ["memory"]

    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "record_sessions.py"), str(tmp_path), *names],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    if "returned non-zero exit status" in done.stderr and "'npm', 'install'" in done.stderr:
        pytest.skip("npm could not install the servers: " + done.stderr.strip().splitlines()[-1][:300])
    assert done.returncode == 0, done.stderr
    for path in sorted(tmp_path.iterdir()):
        now = [(call.tool, call.outcome) for call in imported(path).tool_calls]
        assert now == [(call.tool, call.outcome) for call in imported(RECORDINGS / path.name).tool_calls]
