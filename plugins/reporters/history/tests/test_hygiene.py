"""`assay baseline report`: rates, spreads and reasons are those of plain Python; hostile names stay harmless."""

from __future__ import annotations

import json
import math
import random
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay_core.cli.app import main
from assay_core.testing import HOSTILE_TEXTS
from assay_core.testing.hostile import UNSAFE_ON_TERMINALS

if TYPE_CHECKING:
    from .conftest import Project

Capture = pytest.CaptureFixture[str]
RATES = ["pass", "fail", "warn", "flaky", "unstable", "skipped"]


def report(capsys: Capture, *words: str) -> Any:
    code = main(["baseline", "report", *words])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[math.floor(share * (len(values) - 1))]


@pytest.mark.parametrize(("runs", "last"), [(1, 50), (30, 50), (30, 7)])
def test_numbers_are_those_of_plain_python(project: Project, capsys: Capture, runs: int, last: int) -> None:
    chance = random.Random(runs * last)
    kept = []
    for _ in range(runs):
        rows = []
        for test_id in ("a", "b", "c", "sometimes"):
            if test_id == "sometimes" and chance.random() < 0.5:
                continue
            outcome = chance.choice(["pass", "fail", "warn", "flaky", "unstable", "skipped", "error"])
            score = None if outcome == "skipped" else chance.random()
            rows.append(project.row(test_id, outcome, {"m": score, "n": score and score / 2}))
        project.keep(rows)
        kept.append(rows)
    seen = [row for rows in kept[-last:] for row in rows]

    found = report(capsys, "--last", str(last))

    assert {test["test_id"] for test in found["tests"]} == {row.test_id for row in seen}
    for test in found["tests"]:
        mine = [row for row in seen if row.test_id == test["test_id"]]
        counts = Counter("fail" if row.outcome == "error" else row.outcome for row in mine)
        assert test["n"] == len(mine)
        assert list(test["rates"]) == RATES
        assert test["rates"] == {name: pytest.approx(counts[name] / len(mine), abs=1e-9) for name in RATES}
        scores = [row.details["metrics"]["m"]["score"] for row in mine]  # type: ignore[index, call-overload]  # as made above
        values = [score for score in scores if score is not None]
        if not values:
            assert test["scores"] == {}
            continue
        assert sorted(test["scores"]) == ["m", "n"]
        assert test["scores"]["m"] == {
            "p10": percentile(values, 0.10),
            "p50": percentile(values, 0.50),
            "p90": percentile(values, 0.90),
            "std": pytest.approx(statistics.pstdev(values), abs=1e-9),
        }
    order = [(-test["rates"]["fail"], test["test_id"]) for test in found["tests"]]
    assert order == sorted(order)


def test_document_has_the_members_of_the_format(project: Project, capsys: Capture) -> None:
    project.keep([project.row("a", scores={"m": 1.0})])

    assert report(capsys) == {
        "schema_version": 1,
        "suite": "shop",
        "source": "eval.db",
        "score_source": "all_attempts",
        "generated_at": "1970-01-01T00:00:00Z",
        "window": {"last_runs": 50},
        "tests": [
            {
                "test_id": "a",
                "n": 1,
                "rates": {"pass": 1.0, "fail": 0.0, "warn": 0.0, "flaky": 0.0, "unstable": 0.0, "skipped": 0.0},
                "scores": {"m": {"p10": 1.0, "p50": 1.0, "p90": 1.0, "std": 0.0}},
                "top_reasons": [],
                "suggested_actions": [],
            }
        ],
        "notes": [],
    }


@pytest.mark.parametrize(
    ("outcome", "of_ten", "hint"),
    [
        ("skipped", 4, ""),
        ("skipped", 5, "often skipped"),
        ("flaky", 1, ""),
        ("flaky", 2, "flaky"),
        ("fail", 2, ""),
        ("fail", 3, "often fails"),
        ("unstable", 1, ""),
        ("unstable", 2, "its attempts disagree"),
    ],
)
def test_a_hint_is_given_beyond_its_share(
    project: Project, capsys: Capture, outcome: str, of_ten: int, hint: str
) -> None:
    for at in range(10):
        project.keep([project.row(outcome=outcome if at < of_ten else "pass")])

    (test,) = report(capsys)["tests"]

    assert len(test["suggested_actions"]) == bool(hint)
    assert all(action.startswith(hint) for action in test["suggested_actions"])


@pytest.mark.parametrize(("score", "hints"), [(0.6, 0), (0.59, 1)])
def test_a_low_tenth_percentile_is_a_hint(project: Project, capsys: Capture, score: float, hints: int) -> None:
    project.keep([project.row(scores={"m": score})])

    (test,) = report(capsys)["tests"]

    assert len(test["suggested_actions"]) == hints


@pytest.mark.parametrize(("skipped", "notes"), [(5, 0), (6, 1)])
def test_a_test_that_is_mostly_skipped_is_noted(project: Project, capsys: Capture, skipped: int, notes: int) -> None:
    for at in range(10):
        project.keep([project.row("rare", "skipped" if at < skipped else "pass")])

    assert len([note for note in report(capsys)["notes"] if "rare" in note]) == notes


def test_reasons_are_counted_once_per_row_and_five_are_told(project: Project, capsys: Capture) -> None:
    def findings(*codes: str) -> dict[str, Any]:
        return {"findings": [{"code": code} for code in codes]}

    for codes in (("E_A", "E_A", "E_B"), ("E_A",), ("E_B", "E_C"), ("E_D", "E_E", "E_F")):
        project.keep([project.row(outcome="fail", details=findings(*codes))])
    project.keep([project.row(outcome="error", details={"reason_code": "E_A"})])
    project.keep([project.row("u", "skipped", skip_reason="not exercised"), project.row("v", "warn", message="odd")])

    tests = {test["test_id"]: test["top_reasons"] for test in report(capsys)["tests"]}

    assert tests["t"] == [
        {"kind": "code", "value": value, "count": count}
        for value, count in (("E_A", 3), ("E_B", 2), ("E_C", 1), ("E_D", 1), ("E_E", 1))
    ]
    assert tests["u"] == [{"kind": "skip_reason", "value": "not exercised", "count": 1}]
    assert tests["v"] == [{"kind": "message", "value": "odd", "count": 1}]


def test_rows_of_the_policy_are_no_tests(project: Project, capsys: Capture) -> None:
    project.keep([project.row("t"), project.row("policy:e1", "fail", kind="policy")])

    assert [test["test_id"] for test in report(capsys)["tests"]] == ["t"]


def test_a_huge_window_is_everything(project: Project, capsys: Capture) -> None:
    project.keep([project.row()])

    assert report(capsys, "--last", "9" * 30)["tests"][0]["n"] == 1


@pytest.mark.parametrize("words", [("--format", "md"), ("--out", "hygiene.md")])
def test_markdown_shows_the_same_and_lets_no_name_speak(
    project: Project, capsys: Capture, words: tuple[str, ...]
) -> None:
    texts = [text for text in HOSTILE_TEXTS if "\ud800" not in text]
    project.keep(
        [project.row(f"{at}{text}", "fail", {text: 0.1}, message=text) for at, text in enumerate(texts)],
        suite=HOSTILE_TEXTS[3],
    )

    assert main(["baseline", "report", *words]) == 0

    out = capsys.readouterr().out
    page = Path("hygiene.md").read_text(encoding="utf-8") if "--out" in words else out
    assert not sorted(UNSAFE_ON_TERMINALS & set(page.replace("\n", "")))
    outside = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", page)
    assert [raw for raw in ("<script>", "](javascript:", "@everyone", "1 owner/repo#2") if raw in outside] == []
    assert "<!--" not in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == 2 * len(texts)


def test_the_default_is_json_and_so_is_a_failure(project: Project, capsys: Capture) -> None:
    assert main(["baseline", "report"]) == 2

    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["code"] == "E_PATH_NOT_FOUND"
    assert "error[E_PATH_NOT_FOUND]" in captured.err


def test_an_explicit_format_writes_one_document_on_failure(project: Project, capsys: Capture) -> None:
    project.keep([])

    assert main(["baseline", "report", "--format", "json"]) == 2

    assert json.loads(capsys.readouterr().out)["error"]["code"] == "E_RUN_NOT_FOUND"


def test_the_command_is_found_below_baseline(project: Project, capsys: Capture) -> None:
    assert main(["baseline", "--help"]) == 0

    assert "report" in capsys.readouterr().out
