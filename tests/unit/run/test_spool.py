"""Rows beyond the limit lie in a file and come back as they were."""

from __future__ import annotations

import pytest

from assay_core.model import Attempt, Finding, MetricRow, Outcome, ResultRow, SourcePlace
from assay_core.run.spool import FindingsOf, RowSpool


def make_row(test_id: str) -> ResultRow:
    return ResultRow(
        test_id=test_id,
        status="fail",
        score=0.25,
        message="\u202e\x00 hostile \U0001f600",
        metrics=(MetricRow(type="m", outcome=Outcome.VIOLATED, score=0.25, details={"a": [1, {"b": 2.5}], "c": None}),),
        findings=(
            Finding(code="E_ARG_SCHEMA", message="bad", source=SourcePlace("t.jsonl", 3), call_index=4, pointer="/a"),
        ),
        episode_ids=("a", "b"),
        prompt="p",
        source=SourcePlace("t.jsonl", None),
        attempts=(Attempt(number=1, status="pass", message="", episode_id="a"),),
        duration_ms=1.5,
        details={"n": 2**60},
    )


@pytest.mark.parametrize("keep", [0, 2, 100])
def test_rows_come_back_sorted_and_whole_wherever_they_lie(keep: int) -> None:
    spool = RowSpool(keep=keep)
    rows = [make_row(name) for name in ("t3", "t1", "t2", "t1")]
    for row in rows:
        spool.append(row)

    spool.seal()

    expected = [rows[1], rows[3], rows[2], rows[0]]
    assert list(spool) == expected
    assert list(spool) == expected, "it can be walked twice"
    assert (len(spool), spool[0], spool[-1], list(spool[1:3])) == (4, expected[0], expected[-1], expected[1:3])


def test_a_sealed_spool_takes_no_more_rows() -> None:
    spool = RowSpool()
    spool.seal()

    with pytest.raises(ValueError, match="sealed"):
        spool.append(make_row("t"))


def test_findings_are_those_of_the_rows_in_their_order() -> None:
    spool = RowSpool(keep=1)
    for name in ("b", "a"):
        spool.append(make_row(name))
    spool.seal()

    findings = FindingsOf(spool, 2)

    assert list(findings) == [row.findings[0] for row in spool]
    assert (len(findings), findings[0].code) == (2, "E_ARG_SCHEMA")
