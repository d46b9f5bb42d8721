"""Real logs: what Inspect wrote of one task, in both of its formats."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
from assay_importer_inspect import InspectImporter
from assay_importer_inspect.archive import open_archive

from assay_core.contracts import ImportReport
from assay_core.model import Episode, Usage
from assay_core.testing.importers import MemorySource
from assay_core.trace import FileSource, write_episodes

LOGS = Path(__file__).parent / "logs"
FILES = [LOGS / "office.eval", LOGS / "office.json"]
LETTER = "a letter to Zoë: " + "one line of many\n" * 20


def imported(path: Path, report: ImportReport | None = None) -> dict[str, Episode]:
    return {each.id: each for each in InspectImporter().read(FileSource(path), report or ImportReport())}


def lasting(episode: Episode) -> object:
    """Return what two runs of one task have in common."""
    calls = [(call.tool, call.args_json, call.result_json, call.error, call.outcome) for call in episode.tool_calls]
    return episode.prompt, episode.response, episode.outcome, episode.usage, episode.tool_definitions, calls


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param  # type: ignore[no-any-return]  # one of FILES


def test_both_formats_of_one_task_give_the_same_episodes() -> None:
    first, second = (imported(path) for path in FILES)

    assert {name: lasting(each) for name, each in first.items()} == {
        name: lasting(each) for name, each in second.items()
    }


def test_epochs_are_attempts_under_one_prompt_with_ids_of_their_own(path: Path) -> None:
    episodes = imported(path)

    assert sorted(episodes) == [f"{name}:epoch-{epoch}" for name in ("7", "broken", "sum") for epoch in (1, 2)]
    assert {(each.test_id, each.prompt) for each in episodes.values()} == {
        ("sum", "What is 1 + 1?"), ("7", "Send the letter."), ("broken", "Break."),
    }  # fmt: skip


def test_calls_have_arguments_results_errors_and_times_in_order(path: Path) -> None:
    add, lookup = imported(path)["sum:epoch-1"].tool_calls

    assert (add.tool, add.args, add.result, add.outcome, add.index) == ("add", {"x": 1, "y": 1}, "2", "ok", 0)
    assert (lookup.tool, lookup.args, lookup.result, lookup.outcome) == ("lookup", {"key": "pi"}, None, "error")
    assert lookup.error == "nothing is known of pi"
    assert (add.call_id, lookup.call_id) == ("call-1", "call-2")
    assert add.ts_ms is not None
    assert lookup.ts_ms is not None
    assert add.ts_ms < lookup.ts_ms
    assert (add.duration_ms or 0) > 0


def test_refused_call_is_denied_and_unknown_tool_is_an_error(path: Path) -> None:
    sent, refused, unknown = imported(path)["7:epoch-2"].tool_calls

    assert (sent.outcome, refused.outcome, unknown.outcome) == ("ok", "denied", "error")
    assert refused.error == "no viruses"
    assert (unknown.tool, unknown.error) == ("shred", "Tool shred not found")


def test_texts_that_inspect_stores_apart_are_put_back(path: Path) -> None:
    sent = imported(path)["7:epoch-1"].tool_calls[0]

    assert sent.args == {"text": LETTER}
    assert sent.result == f"sent: {LETTER}"


def test_outcomes_scores_and_errors_are_kept(path: Path) -> None:
    episodes = imported(path)
    about = {name: each.meta["inspect"] for name, each in episodes.items()}

    assert [episodes[f"{name}:epoch-1"].outcome for name in ("sum", "7", "broken")] == ["pass", "fail", "error"]
    assert about["sum:epoch-1"]["scores"]["includes"]["value"] == "C"
    assert about["sum:epoch-1"]["scores"]["unsure"]["value"] == "NaN"
    assert about["sum:epoch-2"]["metadata"] == {"topic": "arithmetic"}
    assert about["broken:epoch-1"]["error"] == "RuntimeError('the agent fell over')"
    assert about["7:epoch-2"]["epoch"] == 2
    assert episodes["sum:epoch-1"].usage == Usage(input_tokens=20, output_tokens=10)


def test_tools_the_model_was_offered_are_the_definitions(path: Path) -> None:
    episodes = imported(path)
    definitions = episodes["sum:epoch-1"].tool_definitions

    assert definitions is not None
    assert [(each.name, each.description) for each in definitions] == [
        ("add", "Add two numbers."), ("lookup", "Look something up."), ("send", "Send a message."),
    ]  # fmt: skip
    assert definitions[1].input_schema["required"] == ["key"]  # type: ignore[index,call-overload]  # it is an object
    assert episodes["broken:epoch-1"].tool_definitions is None


def test_calls_of_a_json_log_name_the_line_of_their_event() -> None:
    lines = FILES[1].read_text(encoding="utf-8").splitlines()

    for episode in imported(FILES[1]).values():
        assert lines[(episode.source.line or 0) - 1].strip() == "{"
        for call in episode.tool_calls:
            assert call.line is not None
            event = "\n".join(lines[call.line - 1 : call.line + 9])
            assert '"event": "tool"' in event
            assert f'"id": "{call.call_id}"' in event


def test_episodes_of_an_archive_name_its_member() -> None:
    for episode in imported(FILES[0]).values():
        assert episode.source.line is None
        assert episode.meta["inspect"]["member"] == f"samples/{episode.id.replace(':epoch-', '_epoch_')}.json"


def test_what_is_left_out_is_counted(path: Path) -> None:
    report = ImportReport()

    imported(path, report)

    assert report.records == 6
    assert report.dropped["event model"] == 12
    assert report.dropped["event approval"] == 8
    assert report.dropped["message of the system"] == 2
    assert report.dropped["member 'traceback' of an error"] == 2
    assert report.dropped["number that JSON does not have, kept as a text"] >= 4
    assert report.notes == []


def test_what_is_read_can_be_written_as_a_trace(path: Path) -> None:
    sink = io.BytesIO()

    write_episodes(imported(path).values(), sink)

    events = [msgspec.json.decode(line) for line in sink.getvalue().splitlines()]
    assert sum(event["type"] == "tool_call" for event in events) == 10


def test_every_log_is_claimed_for_sure(path: Path) -> None:
    assert InspectImporter().sniff(path.read_bytes()[:65536]) >= 95


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_archives_of_older_inspect_give_the_same_episodes(tmp_path: Path, method: int) -> None:
    source = FileSource(FILES[0])
    with source.open() as stream, zipfile.ZipFile(tmp_path / "office.eval", "w", method) as copy:
        archive = open_archive(stream, source)
        for name in archive.names():
            copy.writestr(name, archive.read(name))

    found, expected = imported(tmp_path / "office.eval"), imported(FILES[0])

    assert {name: lasting(each) for name, each in found.items()} == {
        name: lasting(each) for name, each in expected.items()
    }


def test_log_of_a_run_that_was_cut_off_is_read_and_noted(tmp_path: Path) -> None:
    source, report = FileSource(FILES[0]), ImportReport()
    with source.open() as stream, zipfile.ZipFile(tmp_path / "office.eval", "w") as copy:
        archive = open_archive(stream, source)
        for name in ("_journal/start.json", "samples/sum_epoch_1.json"):
            if name in archive.names():
                copy.writestr(name, archive.read(name))

    assert list(imported(tmp_path / "office.eval", report)) == ["sum:epoch-1"]
    assert report.notes == ["the run ended with the status 'started': samples may be missing"]


def test_logs_without_events_give_the_calls_of_the_conversation() -> None:
    log = msgspec.json.decode(FILES[1].read_bytes().replace(b"NaN", b"null"))
    for sample in log["samples"]:
        del sample["events"]

    episodes = {
        each.id: each for each in InspectImporter().read(MemorySource(msgspec.json.encode(log)), ImportReport())
    }

    for name, whole in imported(FILES[1]).items():
        assert [
            (call.tool, call.args, call.result, call.error, call.outcome) for call in episodes[name].tool_calls
        ] == [(call.tool, call.args, call.result, call.error, call.outcome) for call in whole.tool_calls]
        assert episodes[name].tool_definitions is None


def test_call_without_an_event_stands_where_it_was_asked_for() -> None:
    log = msgspec.json.decode(FILES[1].read_bytes().replace(b"NaN", b"null"))
    sample = next(each for each in log["samples"] if each["id"] == 7)
    sample["events"] = [each for each in sample["events"] if each.get("id") != "call-4"]
    sample["messages"] = [each for each in sample["messages"] if each.get("tool_call_id") != "call-4"]
    source = MemorySource(msgspec.json.encode(log))

    episode = next(each for each in InspectImporter().read(source, ImportReport()) if each.id == "7:epoch-1")

    assert [(call.index, call.call_id, call.outcome) for call in episode.tool_calls] == [
        (0, "call-3", "ok"), (1, "call-4", "no_response"), (2, "call-5", "error"),
    ]  # fmt: skip


def test_tool_calls_of_scorers_are_not_the_agents() -> None:
    log = msgspec.json.decode(FILES[1].read_bytes().replace(b"NaN", b"null"))
    log["samples"] = [each for each in log["samples"] if each["id"] == "sum" and each["epoch"] == 1]
    events = log["samples"][0]["events"]
    scorer = next(each["id"] for each in events if each["event"] == "span_begin" and each["type"] == "scorer")
    judged = next(each for each in events if each["event"] == "tool")
    events.append({**judged, "id": "of-the-judge", "span_id": scorer})
    report = ImportReport()

    (episode,) = InspectImporter().read(MemorySource(msgspec.json.encode(log)), report)

    assert [call.call_id for call in episode.tool_calls] == ["call-1", "call-2"]
    assert report.dropped["event tool of a scorer"] == 1


def test_logs_can_be_recorded_anew(tmp_path: Path) -> None:
    if not find_spec("inspect_ai"):
        pytest.skip("recording needs the package inspect-ai")

    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "record_logs.py"), str(tmp_path)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    for path in FILES:
        now = {name: lasting(each) for name, each in imported(tmp_path / path.name).items()}
        assert now == {name: lasting(each) for name, each in imported(path).items()}
