"""Real results: what promptfoo wrote, in every form that it has."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from assay_importer_promptfoo import PromptfooImporter

from assay_core.contracts import ImportReport
from assay_core.model import Episode, Usage
from assay_core.testing.importers import MemorySource
from assay_core.trace import FileSource, write_episodes

RESULTS = Path(__file__).parent / "results"
FORMS = ["office.json", "office.jsonl"]


def imported(name: str, report: ImportReport | None = None, folder: Path = RESULTS) -> dict[str, Episode]:
    source = FileSource(folder / name)
    return {each.id: each for each in PromptfooImporter().read(source, report or ImportReport())}


def lasting(episode: Episode) -> object:
    """Return what two forms, and two runs, of one evaluation have in common."""
    calls = [
        (call.index, call.tool, call.args_json, call.result_json, call.error, call.outcome, call.call_id)
        for call in episode.tool_calls
    ]
    return episode.prompt, episode.response, episode.outcome, episode.test_id, episode.usage, calls


def alike(first: dict[str, Episode], second: dict[str, Episode]) -> bool:
    return {name: lasting(each) for name, each in first.items()} == {
        name: lasting(each) for name, each in second.items()
    }


@pytest.fixture(params=FORMS)
def episodes(request: pytest.FixtureRequest) -> dict[str, Episode]:
    return imported(request.param)


def test_both_forms_of_one_evaluation_give_the_same_episodes() -> None:
    assert alike(imported("office.json"), imported("office.jsonl"))


def test_passed_failed_and_errored_stay_distinct(episodes: dict[str, Episode]) -> None:
    outcomes = {name: each.outcome for name, each in episodes.items()}

    assert outcomes == {
        **{f"test-0:prompt-{number}": "pass" for number in range(5)},
        **{f"test-1:prompt-{number}": "fail" for number in (0, 2, 3, 4)},
        "test-1:prompt-1": "error",
    }
    assert episodes["test-1:prompt-1"].meta["promptfoo"]["error"] == "the model is down"
    assert episodes["test-1:prompt-1"].response is None


def test_prompt_vars_response_usage_and_grading_are_read(episodes: dict[str, Episode]) -> None:
    episode = episodes["test-0:prompt-1"]
    about = episode.meta["promptfoo"]

    assert (episode.prompt, episode.response) == ("Answer: the weather in Oslo?", "It is 7 degrees in Oslo.")
    assert episode.usage == Usage(input_tokens=20, output_tokens=10, cost_usd=0.001)
    assert episode.test_id == "weather"
    assert (about["provider"], about["vars"]) == ("office-agent", {"question": "the weather in Oslo?"})
    assert about["grading"]["components"] == [
        {"pass": True, "score": 1, "reason": "Assertion passed", "type": "contains"}
    ]
    assert about["latencyMs"] >= 0
    assert episodes["test-1:prompt-0"].meta["promptfoo"]["metadata"] == {"topic": "health"}


def test_agents_calls_have_their_results_and_errors(episodes: dict[str, Episode]) -> None:
    weather, mail = episodes["test-0:prompt-1"].tool_calls

    assert (weather.tool, weather.args, weather.result) == ("get_weather", {"city": "Oslo"}, "7 degrees")
    assert (weather.outcome, weather.error, weather.call_id) == ("ok", None, "toolu_1")
    assert (mail.tool, mail.outcome, mail.error) == ("send_mail", "error", "not allowed")


def test_calls_of_openai_chat_are_read_and_broken_arguments_stay_a_text(episodes: dict[str, Episode]) -> None:
    weather, mail = episodes["test-0:prompt-2"].tool_calls

    assert (weather.tool, weather.args, weather.args_json) == ("get_weather", {"city": "Oslo"}, b'{"city": "Oslo"}')
    assert (weather.outcome, weather.result_json, weather.call_id) == ("unknown", None, "call_1")
    assert (mail.tool, mail.args) == ("send_mail", '{"to":')


@pytest.mark.parametrize(("prompt", "call_id"), [(3, "call_3"), (4, "toolu_9")])
def test_calls_of_other_interfaces_are_read_once(episodes: dict[str, Episode], prompt: int, call_id: str) -> None:
    (call,) = episodes[f"test-0:prompt-{prompt}"].tool_calls

    assert (call.tool, call.args, call.call_id) == ("get_weather", {"city": "Oslo"}, call_id)


def test_answers_without_calls_have_none(episodes: dict[str, Episode]) -> None:
    assert episodes["test-0:prompt-0"].tool_calls == ()


@pytest.mark.parametrize("name", ["office.json", "office.v2.json"])
def test_episodes_of_a_document_name_the_line_their_result_begins_on(name: str) -> None:
    lines = (RESULTS / name).read_text(encoding="utf-8").splitlines()

    for episode in imported(name).values():
        assert episode.source.line is not None
        assert lines[episode.source.line - 1] == "      {"
        assert {call.line for call in episode.tool_calls} <= {episode.source.line}


def test_episodes_of_lines_name_their_line() -> None:
    assert [each.source.line for each in imported("office.jsonl").values()] == list(range(1, 11))


def test_results_of_an_old_promptfoo_keep_the_three_outcomes_apart() -> None:
    episodes = imported("office.v2.json")

    assert {each.prompt: each.outcome for each in episodes.values()} == {
        "Answer: the weather in Oslo?": "pass", "Answer: is there an outage?": "error", "Answer: is it calm?": "fail",
    }  # fmt: skip
    assert sorted(episodes) == ["row-1", "row-2", "row-3"]
    passed = next(each for each in episodes.values() if each.outcome == "pass")
    assert [call.tool for call in passed.tool_calls] == ["get_weather", "send_mail"]
    assert passed.usage == Usage(input_tokens=20, output_tokens=10, cost_usd=0.001)


def test_what_is_left_out_is_counted_and_holds_every_key() -> None:
    report = ImportReport()

    episodes = imported("office.json", report)

    assert report.records == 10
    assert report.dropped["member 'config' of the file"] == 1
    assert report.dropped["member 'raw' of a response"] == 4
    assert report.dropped["member 'assert' of a test case"] == 10
    assert all("apiKey" not in str(each.extra) for each in episodes.values())


def test_repetitions_of_a_test_are_attempts_with_ids_of_their_own() -> None:
    data = (RESULTS / "office.jsonl").read_bytes()

    ids = [each.id for each in PromptfooImporter().read(MemorySource(data + data), ImportReport())]

    assert len(set(ids)) == 20
    assert "test-0:prompt-0:2" in ids


@pytest.mark.parametrize("name", [*FORMS, "office.v2.json"])
def test_every_form_is_claimed_for_sure_and_can_be_written_as_a_trace(name: str) -> None:
    sink = io.BytesIO()

    write_episodes(imported(name).values(), sink)

    assert PromptfooImporter().sniff((RESULTS / name).read_bytes()[:65536]) >= 95
    written = [json.loads(line) for line in sink.getvalue().splitlines()]
    calls = sum(len(each.tool_calls) for each in imported(name).values())
    assert sum(event["type"] == "tool_call" for event in written) == calls > 0


def test_results_can_be_recorded_anew(tmp_path: Path) -> None:
    promptfoo = os.environ.get("PROMPTFOO") or shutil.which("promptfoo")
    if not promptfoo:
        pytest.skip("recording needs promptfoo of npm, on the path or in $PROMPTFOO")

    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "record_results.py"), str(tmp_path), promptfoo],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    for name in FORMS:
        assert alike(imported(name, folder=tmp_path), imported(name))
