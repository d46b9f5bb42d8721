"""`assay calibrate`: the numbers are those of plain Python, whatever is in the store or in the files."""

from __future__ import annotations

import io
import json
import math
import random
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay_core.cli.app import main
from assay_core.model import MetricRow, Outcome
from assay_core.run.documents import write_run_json
from assay_core.testing import HOSTILE_TEXTS, make_result, make_run
from assay_core.testing.hostile import UNSAFE_ON_TERMINALS

if TYPE_CHECKING:
    from .conftest import Project

Capture = pytest.CaptureFixture[str]
KEYS = ["key", "n", "min", "max", "mean", "std", "p10", "p50", "p90", "recommended_min_score", "recommended_max_drop"]


def calibrated(capsys: Capture, *words: str) -> Any:
    code = main(["calibrate", *words, "--format", "json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)


def refused(capsys: Capture, *words: str, code: int = 2) -> tuple[str, Any]:
    assert main(["calibrate", *words, "--format", "json"]) == code
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert f"error[{document['error']['code']}]" in captured.err
    return document["error"]["code"], document["error"]["message"]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[math.floor(share * (len(values) - 1))]


def expected(values: list[float], tail: float) -> dict[str, float]:
    clamped = [max(-1.0, min(1.0, value)) for value in values]
    p10, p50 = percentile(clamped, 0.10), percentile(clamped, 0.50)
    return {
        "n": len(clamped),
        "min": min(clamped),
        "max": max(clamped),
        "mean": pytest.approx(statistics.fmean(clamped), abs=1e-9),
        "std": pytest.approx(statistics.pstdev(clamped), abs=1e-9),
        "p10": p10,
        "p50": p50,
        "p90": percentile(clamped, 0.90),
        "recommended_min_score": percentile(clamped, tail),
        "recommended_max_drop": pytest.approx(max(0.02, min(0.10, p50 - p10)), abs=1e-9),
    }


def run_json(path: Path, *results: Any, **fields: Any) -> str:
    with path.open("wb") as sink:
        write_run_json(make_run(results, **{"suite": "shop", **fields}), sink)
    return str(path)


def scored(score: float, test_id: str = "t", status: str = "pass") -> Any:
    metric = MetricRow(type="semantic", outcome=Outcome.HELD, score=score)
    return make_result(test_id=test_id, status=status, metrics=(metric,))


@pytest.mark.parametrize("tail", [0.0, 0.05, 0.10, 0.33, 1.0])
@pytest.mark.parametrize("runs", [1, 2, 37])
def test_numbers_are_those_of_plain_python(project: Project, capsys: Capture, tail: float, runs: int) -> None:
    chance = random.Random(runs)
    scores: dict[str, list[float]] = {}
    for _ in range(runs):
        rows = []
        for test_id in ("a", "b", "c"):
            outcome = chance.choice(["pass", "pass", "warn", "flaky", "fail", "error", "skipped", "unstable"])
            drawn: dict[str, float | None] = {
                "even": chance.random(),
                "wide": chance.uniform(-2, 2),
                "same": 0.7,
                "absent": None,
            }
            rows.append(project.row(test_id, outcome, drawn))
            if outcome in ("pass", "warn", "flaky"):
                for name, score in drawn.items():
                    if score is not None:
                        scores.setdefault(name, []).append(score)
        project.keep(rows)

    found = calibrated(capsys, "--target-tail", str(tail))

    assert [metric["key"] for metric in found["metrics"]] == [
        {"metric": name, "test_id": None} for name in sorted(scores)
    ]
    for metric in found["metrics"]:
        assert list(metric) == KEYS
        wanted = expected(scores[metric["key"]["metric"]], tail)
        assert {key: value for key, value in metric.items() if key != "key"} == wanted


def test_document_has_the_members_of_the_format(project: Project, capsys: Capture) -> None:
    project.keep([project.row(scores={"m": 0.5})])

    found = calibrated(capsys)

    assert {key: found[key] for key in ("schema_version", "source", "generated_at", "suite")} == {
        "schema_version": 1,
        "source": "eval.db",
        "generated_at": "1970-01-01T00:00:00Z",
        "suite": "shop",
    }
    assert found["window"] == {"runs": 1, "results": 1, "used": 1}
    assert found["metrics"][0]["std"] == 0.0
    assert found["notes"] == ["m: 1 score(s) only; below 10 this is a guess"]


def test_the_same_rows_give_the_same_bytes(project: Project, capsys: Capture) -> None:
    chance = random.Random(1)
    project.keep([project.row(f"t{at}", scores={f"m{at % 7}": chance.random()}) for at in range(3_000)])

    documents = {json.dumps(calibrated(capsys, "--last", "3000")) for _ in range(3)}

    assert len(documents) == 1


def test_ten_scores_are_enough_to_go_without_a_note(project: Project, capsys: Capture) -> None:
    for _ in range(10):
        project.keep([project.row(scores={"m": 1.0})])

    assert calibrated(capsys)["notes"] == []


@pytest.mark.parametrize(("last", "wanted"), [("1", [0.9]), ("3", [0.9, 0.8, 0.7]), ("4", [0.9, 0.8, 0.7, 0.6])])
def test_the_window_counts_rows_newest_first(project: Project, capsys: Capture, last: str, wanted: list[float]) -> None:
    project.keep([project.row("a", scores={"m": 0.5}), project.row("b", scores={"m": 0.6})])
    project.keep([project.row("a", scores={"m": 0.7})])
    project.keep([project.row("a", scores={"m": 0.8}), project.row("b", scores={"m": 0.9})])

    (metric,) = calibrated(capsys, "--last", last)["metrics"]

    assert (metric["n"], metric["min"]) == (len(wanted), min(wanted))


def test_a_huge_window_is_everything(project: Project, capsys: Capture) -> None:
    project.keep([project.row(scores={"m": 0.5})])

    assert calibrated(capsys, "--last", "9" * 40)["window"]["results"] == 1


def test_rows_of_the_policy_do_not_count(project: Project, capsys: Capture) -> None:
    policy = [project.row(f"policy:{at}", scores={"m": 0.0}, kind="policy") for at in range(300)]
    project.keep([project.row("t", scores={"m": 0.5}), *policy])

    found = calibrated(capsys)

    assert (found["window"]["results"], found["metrics"][0]["n"]) == (1, 1)


def test_rows_that_did_not_pass_are_left_out_and_counted(project: Project, capsys: Capture) -> None:
    project.keep([project.row("a", scores={"m": 0.5}), project.row("b", "fail", {"m": 0.0})])

    found = calibrated(capsys)

    assert found["metrics"][0]["min"] == 0.5
    assert "1 of 2 row(s) did not pass and were left out" in found["notes"]


def test_a_row_without_metrics_counts_with_its_own_score(project: Project, capsys: Capture) -> None:
    project.keep([project.row(score=0.25)])

    assert calibrated(capsys)["metrics"][0]["key"]["metric"] == "score"


def test_the_suite_that_ran_last_is_meant_and_others_can_be_named(project: Project, capsys: Capture) -> None:
    project.keep([project.row(scores={"m": 0.1})], suite="old")
    project.keep([project.row(scores={"m": 0.9})], suite="new")
    project.keep([], suite="killed", ended=False)

    newest, named = calibrated(capsys), calibrated(capsys, "--suite", "old")

    assert (newest["suite"], newest["metrics"][0]["max"]) == ("new", 0.9)
    assert "the store holds 1 more suite(s); --suite chooses one" in newest["notes"]
    assert (named["suite"], named["metrics"][0]["max"]) == ("old", 0.1)


class TestFiles:
    def test_files_of_finished_runs_are_read(self, project: Project, capsys: Capture) -> None:
        first = run_json(Path("a.json"), scored(0.2), make_result(test_id="policy:e1", kind="policy"))
        second = run_json(Path("b.json"), scored(0.6), scored(0.8, "u", "flaky"), scored(0.0, "v", "fail"))

        found = calibrated(capsys, first, "--run", second)

        assert found["source"] == "run.json"
        assert found["window"] == {"runs": 2, "results": 4, "used": 3}
        (metric,) = found["metrics"]
        assert (metric["key"]["metric"], metric["min"], metric["max"], metric["n"]) == ("semantic", 0.2, 0.8, 3)

    def test_a_file_that_is_named_twice_counts_once(self, project: Project, capsys: Capture) -> None:
        name = run_json(Path("a.json"), scored(0.2))
        Path("link.json").symlink_to("a.json")

        found = calibrated(capsys, name, "link.json", "./a.json")

        assert found["metrics"][0]["n"] == 1
        assert sum("counts once" in note for note in found["notes"]) == 2

    def test_standard_input_is_a_file(self, project: Project, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        data = Path(run_json(Path("a.json"), scored(0.2))).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

        assert calibrated(capsys, "-")["metrics"][0]["n"] == 1

    def test_a_run_that_ended_early_is_named(self, project: Project, capsys: Capture) -> None:
        early = run_json(Path("early.json"), exit_code=2, reason_code="E_CFG_PARSE", message="broken")
        good = run_json(Path("good.json"), scored(0.5))

        assert "early.json holds no row of a test: E_CFG_PARSE" in calibrated(capsys, early, good)["notes"]
        assert refused(capsys, early)[0] == "E_RUN_NOT_FOUND"

    def test_runs_of_other_suites_are_left_out_where_one_is_named(self, project: Project, capsys: Capture) -> None:
        mine = run_json(Path("a.json"), scored(0.5))
        other = run_json(Path("b.json"), scored(0.1), suite="other")

        named, both = calibrated(capsys, mine, other, "--suite", "shop"), calibrated(capsys, mine, other)

        assert (named["suite"], named["metrics"][0]["n"]) == ("shop", 1)
        assert (both["suite"], both["metrics"][0]["n"]) == ("shop, other", 2)
        assert any("2 suites" in note for note in both["notes"])

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"[]",
            b"null",
            b"{}",
            b"tests: []",
            b"\xff\xfe{}",
            b'{"exit_code": 0, "results": 7}',
            b'{"exit_code": 0, "results": [{"test_id": 7, "status": "pass"}]}',
            b'{"exit_code": 0, "results": [{"test_id": "a", "status": "pass", "score": NaN}]}',
            b'{"exit_code": 0, "suite": "s", "results": [{"test_id": "\\ud800", "status": "pass"}]}',
            b'{"exit_code": 0, "results": [{"test_id": "a", "status": "pass", "details": ' + b"[" * 100_000,
        ],
    )
    def test_what_is_no_run_is_refused_by_name(self, project: Project, capsys: Capture, data: bytes) -> None:
        Path("x.json").write_bytes(data)

        code, message = refused(capsys, "x.json")

        assert (code, message[:20]) == ("E_CFG_KIND", "this is no run.json:")

    def test_scores_that_are_no_numbers_are_passed_over(self, project: Project, capsys: Capture) -> None:
        metrics = {"b": {"score": True}, "s": {"score": "1"}, "l": [], "n": {"score": None}, "g": {"score": 0.5}}
        row = {"test_id": "a", "status": "pass", "score": 1, "details": {"metrics": metrics}}
        Path("x.json").write_text(json.dumps({"exit_code": 0, "suite": "s", "results": [row]}))

        found = calibrated(capsys, "x.json")

        assert [metric["key"]["metric"] for metric in found["metrics"]] == ["g"]

    @pytest.mark.parametrize("name", ["absent.json", ".", "nul\x00.json"])
    def test_a_file_that_cannot_be_read_is_told(self, project: Project, capsys: Capture, name: str) -> None:
        assert refused(capsys, name)[0] == "E_PATH_NOT_FOUND"

    def test_files_and_a_store_exclude_each_other(self, project: Project, capsys: Capture) -> None:
        assert refused(capsys, run_json(Path("a.json"), scored(1.0)), "--db", "x.db")[0] == "E_INVALID_ARGS"


class TestNothingToSay:
    def test_without_a_store_it_says_where_it_looked(self, project: Project, capsys: Capture) -> None:
        code, message = refused(capsys)

        assert code == "E_PATH_NOT_FOUND"
        assert ".assay" in message

    def test_an_empty_store_is_no_reason_to_recommend(self, project: Project, capsys: Capture) -> None:
        project.keep([], ended=False)

        assert refused(capsys)[0] == "E_RUN_NOT_FOUND"

    def test_runs_without_rows_are_no_reason_either(self, project: Project, capsys: Capture) -> None:
        project.keep([])

        assert refused(capsys)[0] == "E_RUN_NOT_FOUND"

    def test_nor_are_rows_that_all_failed(self, project: Project, capsys: Capture) -> None:
        project.keep([project.row(outcome="fail", scores={"m": 0.5})])

        assert refused(capsys) == (
            "E_RUN_NOT_FOUND",
            "none of 1 row(s) passed with a score, so there is nothing to calibrate from",
        )

    def test_an_unknown_suite_is_told_with_the_nearest(self, project: Project, capsys: Capture) -> None:
        project.keep([project.row(scores={"m": 0.5})])

        assert main(["calibrate", "--suite", "shp"]) == 2

        assert "did you mean --suite 'shop'?" in capsys.readouterr().err

    def test_a_file_that_is_no_store_is_left_alone(self, project: Project, capsys: Capture) -> None:
        Path("x.db").write_text("not a database, really")

        assert refused(capsys, "--db", "x.db", code=3)[0] == "E_STORE_INVALID"

    @pytest.mark.parametrize(
        "words", [("--target-tail", "nan"), ("--target-tail", "1.1"), ("--last", "0"), ("--db", ":memory:")]
    )
    def test_words_that_mean_nothing_are_refused(
        self, project: Project, capsys: Capture, words: tuple[str, ...]
    ) -> None:
        project.keep([project.row(scores={"m": 0.5})])

        assert refused(capsys, *words)[0] == "E_INVALID_ARGS"


class TestOutput:
    def test_text_is_a_table_that_hides_nothing(self, project: Project, capsys: Capture) -> None:
        texts = [text for text in HOSTILE_TEXTS if text.isprintable() or "\ud800" not in text]
        project.keep([project.row(text or "t", scores={text: 0.5}) for text in texts], suite=HOSTILE_TEXTS[3])

        assert main(["calibrate"]) == 0

        out = capsys.readouterr().out
        assert not sorted(UNSAFE_ON_TERMINALS & set(out.replace("\n", "")))
        assert len([line for line in out.splitlines() if " 0.500 " in line]) == len(set(texts))

    def test_a_name_that_ends_in_json_is_written_as_json(self, project: Project, capsys: Capture) -> None:
        project.keep([project.row(scores={"m": 0.5})])

        assert main(["calibrate", "--out", "calibration.json"]) == 0
        assert main(["calibrate", "--out", "c.json", "--format", "text"]) == 0

        assert json.loads(Path("calibration.json").read_bytes())["source"] == "eval.db"
        assert Path("c.json").read_text().startswith("suite shop:")
        assert capsys.readouterr().out == ""

    def test_a_failure_is_a_document_too(self, project: Project, capsys: Capture) -> None:
        assert main(["calibrate", "--out", "calibration.json"]) == 2

        assert json.loads(Path("calibration.json").read_bytes())["error"]["code"] == "E_PATH_NOT_FOUND"
        assert "error[E_PATH_NOT_FOUND]" in capsys.readouterr().err

    def test_what_is_read_is_not_overwritten(self, project: Project, capsys: Capture) -> None:
        name = run_json(Path("a.json"), scored(0.5))
        before = Path(name).read_bytes()

        for words in (("--out", name), ("-o", name), ("--format", "json", "--out", name)):
            assert main(["calibrate", name, *words]) == 2
            assert "E_OUTPUT_IS_INPUT" in capsys.readouterr().err
        assert Path(name).read_bytes() == before

    def test_one_output_has_one_name(self, project: Project, capsys: Capture) -> None:
        assert main(["calibrate", "--out", "a.json", "-o", "b.json"]) == 2
        assert "E_INVALID_ARGS" in capsys.readouterr().err
        assert not Path("a.json").exists()

    def test_a_folder_that_cannot_be_written_is_told(self, project: Project, capsys: Capture) -> None:
        project.keep([project.row(scores={"m": 0.5})])

        assert main(["calibrate", "-o", "absent/c.json"]) == 3
        assert "error[E_IO]" in capsys.readouterr().err
