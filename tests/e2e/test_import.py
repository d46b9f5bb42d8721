"""`assay import` and `assay trace` as a process, on real recordings of MCP sessions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from assay_core.contracts import ImportReport
from assay_core.model import Episode, SourcePlace
from assay_core.plugins.drivers import load
from assay_core.trace import FileSource
from tests.e2e.command import assay

RECORDINGS = Path(__file__).resolve().parents[2] / "plugins" / "importers" / "mcp" / "tests" / "recordings"
POLICY = 'version: "2.0"\nname: p\ntools:\n  deny: [write_file]\n'


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return Path(shutil.copy(RECORDINGS / "filesystem.wire.jsonl", tmp_path / "session.jsonl"))


def episodes(path: Path, importer: str) -> list[Episode]:
    found = load("assay.importers", importer).read(FileSource(path), ImportReport())  # type: ignore[attr-defined]  # an importer
    return list(found)


def test_import_writes_a_trace_that_reads_back_to_the_same_episode(recording: Path, tmp_path: Path) -> None:
    import msgspec

    done = assay("import", "session.jsonl", cwd=tmp_path)

    def bare(episode: Episode) -> Episode:
        calls = tuple(msgspec.structs.replace(call, line=None) for call in episode.tool_calls)
        return msgspec.structs.replace(
            episode, events=calls, source=SourcePlace(""), extra_json=msgspec.json.encode(episode.extra, order="sorted")
        )

    assert done.exit_code == 0, done.err
    assert "17 records, 1 episode, 5 tool calls" in done.out
    assert "Next: assay validate session.trace.jsonl" in done.out
    written = episodes(tmp_path / "session.trace.jsonl", "jsonl")
    assert [bare(each) for each in written] == [bare(each) for each in episodes(recording, "mcp")]


def test_import_report_for_machines_counts_everything(recording: Path, tmp_path: Path) -> None:
    done = assay("import", recording.name, "--report-format", "json", "--out-trace", "t.jsonl", cwd=tmp_path)

    document = json.loads(done.out)
    assert (document["importer"], document["records"], document["episodes"], document["tool_calls"]) == (
        "mcp",
        17,
        1,
        5,
    )
    assert document["dropped"] == {"notifications/initialized notification": 1}
    assert document["output"] == "t.jsonl"


def test_import_init_writes_a_suite_and_a_policy_that_pass_at_once(recording: Path, tmp_path: Path) -> None:
    done = assay("import", recording.name, "--init", cwd=tmp_path)
    checked = assay("validate", "session.trace.jsonl", cwd=tmp_path)
    verified = assay("trace", "verify", "--trace", "session.trace.jsonl", "--config", "eval.yaml", cwd=tmp_path)

    assert "Created eval.yaml" in done.out
    assert (checked.exit_code, verified.exit_code) == (0, 0), checked.err + verified.err
    assert "1 of 1 tests find an episode" in verified.out


@pytest.mark.parametrize("command", [("import", "--out-trace"), ("trace", "ingest", "-o"), ("trace", "convert", "-o")])
def test_neither_the_recording_nor_a_file_that_is_there_is_overwritten(
    recording: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    *words, option = command
    before = recording.read_bytes()
    (tmp_path / "there.jsonl").write_text("mine\n")
    (tmp_path / "link.jsonl").symlink_to(recording)

    itself = assay(*words, recording.name, option, recording.name, "--force", cwd=tmp_path)
    linked = assay(*words, recording.name, option, "link.jsonl", "--force", cwd=tmp_path)
    there = assay(*words, recording.name, option, "there.jsonl", cwd=tmp_path)

    assert [each.exit_code for each in (itself, linked, there)] == [2, 2, 2]
    assert all("E_FILE_EXISTS" in each.err for each in (itself, linked, there))
    assert recording.read_bytes() == before
    assert (tmp_path / "there.jsonl").read_text() == "mine\n"

    forced = assay(*words, recording.name, option, "there.jsonl", "--force", cwd=tmp_path)
    assert forced.exit_code == 0
    assert (tmp_path / "there.jsonl").read_text().startswith("{")


def test_a_recording_that_breaks_off_leaves_no_trace(tmp_path: Path) -> None:
    lines = (RECORDINGS / "filesystem.wire.jsonl").read_text().splitlines()
    (tmp_path / "broken.jsonl").write_text("\n".join([*lines, lines[5].replace('"c2s"', '"up"')]))

    done = assay("import", "broken.jsonl", cwd=tmp_path)

    assert done.exit_code == 2
    assert f"broken.jsonl:{len(lines) + 1}" in done.err
    assert "E_TRACE_INVALID" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["broken.jsonl"]


def test_an_empty_recording_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")

    done = assay("import", "empty.json", "--format", "inspector", cwd=tmp_path)

    assert (done.exit_code, "E_TRACE_EMPTY" in done.err) == (2, True)
    assert not (tmp_path / "empty.trace.jsonl").exists()


def test_the_recording_is_named_once(recording: Path, tmp_path: Path) -> None:
    twice = assay("import", recording.name, "-i", recording.name, cwd=tmp_path)
    never = assay("trace", "stats", cwd=tmp_path)
    nameless = assay("import", "-", cwd=tmp_path)

    assert [each.exit_code for each in (twice, never, nameless)] == [2, 2, 2]
    assert "--out-trace" in nameless.err


def test_sarif_of_an_imported_file_points_into_the_imported_trace(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    assay("import", recording.name, cwd=tmp_path)

    for trace in ("session.trace.jsonl", "session.jsonl"):
        done = assay("validate", "policy.yaml", trace, "--format", "sarif", cwd=tmp_path)
        (found,) = [each for each in json.loads(done.out)["runs"][0]["results"] if each["level"] == "error"]
        place = found["locations"][0]["physicalLocation"]

        assert place["artifactLocation"]["uri"] == trace
        line = (tmp_path / trace).read_text().splitlines()[place["region"]["startLine"] - 1]
        assert "write_file" in line
        assert "tool_call" in line or "tools/call" in line


def test_verify_names_every_test_without_an_episode(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "eval.yaml").write_text(
        "configVersion: 1\nsuite: s\nmodel: trace\npolicy: null\ntests:\n"
        '  - {id: there, input: {prompt: "<mcp:session>"}, expected: {type: must_contain, must_contain: [x]}}\n'
        '  - {id: gone, input: {prompt: "<mcp:sesion>"}, expected: {type: must_contain, must_contain: [x]}}\n'
    )

    done = assay("trace", "verify", recording.name, cwd=tmp_path)
    document = json.loads(assay("trace", "verify", recording.name, "--report-format", "json", cwd=tmp_path).out)

    assert done.exit_code == 2
    assert "eval.yaml:7" in done.err
    assert "E_TRACE_MISS" in done.err
    assert "'gone'" in done.err
    assert "the nearest recorded one is '<mcp:session>'" in done.err
    assert "1 of 2 tests find an episode" in done.out
    assert (document["ok"], [each["episodes"] for each in document["tests"]]) == (False, [1, 0])


def test_stats_count_calls_outcomes_and_sizes(recording: Path, tmp_path: Path) -> None:
    text = assay("trace", "stats", recording.name, cwd=tmp_path)
    document = json.loads(assay("trace", "stats", recording.name, "--report-format", "json", cwd=tmp_path).out)

    (episode,) = episodes(recording, "mcp")
    sizes = [len(call.args_json or b"") for call in episode.tool_calls]
    assert "2  read_text_file  (error 1, ok 1)" in text.out
    assert document["tools"]["read_text_file"] == {"calls": 2, "outcomes": {"error": 1, "ok": 1}}
    assert document["bytes"]["args"] == {"total": sum(sizes), "largest": max(sizes)}
    assert document["episodes_with_tool_definitions"] == 1


def test_converted_calls_are_a_trace_again(recording: Path, tmp_path: Path) -> None:
    done = assay("trace", "convert", recording.name, "--to", "calls", cwd=tmp_path)
    (tmp_path / "calls.jsonl").write_text(done.out)

    (written,), (original,) = episodes(tmp_path / "calls.jsonl", "jsonl"), episodes(recording, "mcp")

    assert done.exit_code == 0
    assert written.id == original.id
    assert [(call.tool, call.args, call.result, call.outcome, call.call_id) for call in written.tool_calls] == [
        (call.tool, call.args, call.result, call.outcome, call.call_id) for call in original.tool_calls
    ]


def test_convert_reads_standard_input_and_writes_nothing_of_a_broken_trace(recording: Path, tmp_path: Path) -> None:
    whole = assay("trace", "convert", "-", cwd=tmp_path, stdin=recording.read_bytes())
    broken = assay("trace", "convert", "-", cwd=tmp_path, stdin=recording.read_bytes() + b"{")

    assert whole.exit_code == 0
    assert len(whole.out.splitlines()) == 7
    assert (broken.exit_code, broken.out) == (2, "")


def test_ingest_keeps_the_episodes_in_a_store(recording: Path, tmp_path: Path) -> None:
    from assay_core.store.reader import StoreReader

    first = assay("trace", "ingest", "--input", recording.name, "--output", "traces.db", cwd=tmp_path)
    second = assay("trace", "ingest", recording.name, "-o", "traces.db", cwd=tmp_path)

    assert (first.exit_code, second.exit_code) == (0, 0), first.err + second.err
    with StoreReader(tmp_path / "traces.db") as store:
        runs = store.runs()
        assert [(run.command, run.suite, run.exit_code) for run in runs] == [("ingest", "session", 0)] * 2
        assert [store.episode_ids(run.id) for run in runs] == [("session",), ("session",)]
