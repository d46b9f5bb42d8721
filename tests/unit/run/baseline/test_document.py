"""The file of a baseline: what is written is read, what is wrong is told at its place."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from assay_core.errors import InputError, UsageError
from assay_core.run.baseline.behaviour import BehaviourTally, EpisodeActs
from assay_core.run.baseline.document import Baseline, KnownTest, baseline_bytes, check_target, read_baseline
from assay_core.run.baseline.measured import Sample
from assay_core.testing import make_call, make_episode

HEAD = '{"schema_version": 1, "suite": "s", "entries": '
ENTRY = '{"test_id": "t", "metric": "m", "score": 1.0}'


def test_what_is_written_is_read_again_to_the_last_bit(tmp_path: Path) -> None:
    tally = BehaviourTally()
    tally.add(
        EpisodeActs(make_episode(make_call("a", {"x": 1}), make_call("b/~", {"y": [None, {"z": True}]}, index=1)))
    )
    written = Baseline(
        suite="s\u202e",
        assay_version="1",
        created_at="2026-01-01T00:00:00+00:00",
        git_info={"commit": "c"},
        tests={
            "t": KnownTest(
                samples={
                    "m": Sample(passed=2, measured=3),
                    "n": Sample(passed=2, measured=2, scores=(0.1, 0.7)),
                    "o": Sample.single(0.25),
                },
                digest="d",
                behaviour=tally.result(),
                is_own=True,
            )
        },
    )
    path = tmp_path / "b.json"
    path.write_bytes(baseline_bytes(written))

    found = read_baseline(path)

    assert found.tests == written.tests
    assert (found.suite, found.git_info) == (written.suite, written.git_info)
    assert baseline_bytes(found) == path.read_bytes()
    assert path.read_bytes().isascii()


def test_entries_are_sorted_and_hold_what_other_readers_know(tmp_path: Path) -> None:
    tests = {name: KnownTest(samples={"z": Sample.single(1.0), "a": Sample.single(0.0)}) for name in ("b", "a")}

    body = json.loads(baseline_bytes(Baseline(suite="s", tests=tests)))

    assert [(each["test_id"], each["metric"]) for each in body["entries"]] == [
        ("a", "a"), ("a", "z"), ("b", "a"), ("b", "z"),
    ]  # fmt: skip
    assert {*body} == {
        "schema_version", "suite", "assay_version", "created_at", "config_fingerprint", "entries", "x-assay",
    }  # fmt: skip
    assert all({*each} == {"test_id", "metric", "score"} for each in body["entries"])


def test_policy_rows_of_others_are_counted_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(HEAD + '[{"test_id": "policy:e", "metric": "m", "score": 1}, ' + ENTRY + "]}")

    found = read_baseline(path)

    assert ([*found.tests], found.ignored) == (["t"], 1)


OWN = HEAD + "[" + ENTRY + '], "x-assay": {"version": 1, "tests": {"t": '


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("", "found null", ""),
        ("[]", "found a list", "[]"),
        ("{", "expected", ""),
        ('{"suite": "s"}', "missing key 'schema_version'", "{"),
        ('{"schema_version": 2, "suite": "s", "entries": []}', "schema_version is 1, found 2", "2"),
        ('{"schema_version": true, "suite": "s", "entries": []}', "found true", "true"),
        ('{"schema_version": 1, "entries": []}', "missing key 'suite'", "{"),
        ('{"schema_version": 1, "suite": 3, "entries": []}', "suite is a text", "3"),
        ('{"schema_version": 1, "suite": "s", "suite": "t", "entries": []}', "stands twice", '"suite": "t"'),
        (HEAD + "{}}", "entries is a list, found an object", "{}}"),
        (HEAD + "[3]}", "an entry is an object", "3]"),
        (HEAD + '[{"test_id": "t", "metric": "m"}]}', "missing key 'score'", '{"test_id"'),
        (HEAD + '[{"test_id": "t", "metric": "m", "score": "1"}]}', "score is a number", '"1"'),
        (HEAD + '[{"test_id": "t", "metric": "m", "score": NaN}]}', "score is a number", "NaN"),
        (HEAD + '[{"test_id": "t", "metric": "m", "score": true}]}', "score is a number", "true"),
        (HEAD + '[{"test_id": "t", "metric": "m", "score": 1e999}]}', "", "1e999"),
        (HEAD + f"[{ENTRY}, {ENTRY}]}}", "stands twice", ENTRY + "]"),
        (OWN + "[]}}}", "a test is an object", "[]}}}"),
        (OWN + '{"digest": 1}}}}', "digest is a text", "1}}}}"),
        (OWN + '{"behaviour": {"episodes": -1}}}}}', "no behaviour", '{"episodes"'),
        (OWN + '{"attempts": {"other": {"measured": 1, "passed": 1}}}}}}', "no entry", '{"measured"'),
        (OWN + '{"attempts": {"m": {"measured": 2, "passed": 3}}}}}}', "do not fit", '{"measured"'),
        (OWN + '{"attempts": {"m": {"measured": 2, "passed": 1}}}}}}', "another mean", '{"m": '),
        (OWN.replace('{"version": 1', '{"version": 9') + "{}}}}", "version is 1, found 9", "9"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, text: str, message: str, at: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)

    with pytest.raises(InputError) as caught:
        read_baseline(path)

    error = caught.value
    assert (error.code, error.exit_code) == ("E_BASELINE_INVALID", 2)
    assert message in error.message
    assert error.place is not None
    assert error.place.line == 1
    assert error.place.text[error.place.column - 1 :].startswith(at)


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "pipe")
    codes = {"nothing": "E_PATH_NOT_FOUND", ".": "E_PATH_NOT_FOUND", "pipe": "E_PATH_NOT_FOUND"}

    for name, code in {**codes, "bytes": "E_BASELINE_INVALID"}.items():
        with pytest.raises(InputError) as caught:
            read_baseline(tmp_path / name)
        assert caught.value.code == code


def test_only_a_baseline_is_replaced_by_a_baseline(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(baseline_bytes(Baseline(suite="s")))
    (tmp_path / "eval.yaml").write_text("suite: s\n")

    check_target(tmp_path / "new.json")
    check_target(tmp_path / "b.json")

    for name, code in (("eval.yaml", "E_FILE_EXISTS"), (".", "E_FILE_EXISTS")):
        with pytest.raises(UsageError) as caught:
            check_target(tmp_path / name)
        assert caught.value.code == code
    with pytest.raises(UsageError) as caught:
        check_target(Path("-"))
    assert caught.value.code == "E_INVALID_ARGS"


def test_a_baseline_too_large_to_be_read_is_not_written() -> None:
    tests = {f"{at:06}{'x' * 900}": KnownTest(samples={"m": Sample.single(1.0)}) for at in range(12_000)}

    with pytest.raises(InputError) as caught:
        baseline_bytes(Baseline(suite="s", tests=tests))

    assert caught.value.code == "E_DOCUMENT_LIMIT"
