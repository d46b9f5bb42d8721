"""run.json and summary.json: keys, order and determinism."""

from __future__ import annotations

import io
import json

import attrs

from assay_core.model import (
    Counts,
    Finding,
    MetricRow,
    Notice,
    Outcome,
    Performance,
    Provenance,
    ResultRow,
    RuleSummary,
    RunReport,
    Seeds,
)
from assay_core.run.documents import summary_bytes, write_run_json

ROW = ResultRow(
    test_id='t"\n',
    status="fail",
    score=0.0,
    message="failed: m",
    metrics=(
        MetricRow(type="m", outcome=Outcome.VIOLATED, score=0.0, details={"a": 1}),
        MetricRow(type="m", outcome=Outcome.NOT_APPLICABLE, score=None),
    ),
    findings=(Finding(code="E_ARG_SCHEMA", message="bad", tool="x", call_index=0, pointer="/a"),),
    prompt="p",
    episode_ids=("e",),
)
RUN = RunReport(
    command="run",
    suite="s",
    exit_code=1,
    reason_code="E_TEST_FAILED",
    message="1 test(s) failed",
    next_step="look",
    rows=(ROW, attrs.evolve(ROW, test_id="u", status="pass", score=1.0)),
    counts=Counts(passed=1, failed=1, total=2, skipped=0),
    seeds=Seeds(order_seed="9223372036854775807"),
    policy_digest="sha256:00",
    policy_name="p",
    rules=(RuleSummary(rule="tools.deny:x", section="tools.deny", held=1),),
    provenance=Provenance(assay_version="1", policy_digest="sha256:00", trace_digest="sha256:11"),
    performance=Performance(total_ms=3.5, slowest=(("u", 1.0),)),
    notices=(Notice(code="W_TRACE_DROPPED", message="x"),),
    omitted={"sarif": 7},
)


def written(run: RunReport) -> bytes:
    sink = io.BytesIO()
    write_run_json(run, sink)
    return sink.getvalue()


def test_run_json_has_the_keys_of_its_format() -> None:
    body = json.loads(written(RUN))

    assert list(body) == [
        "run_id",
        "suite",
        "results",
        "order_seed",
        "exit_code",
        "reason_code",
        "reason_code_version",
        "seed_version",
        "judge_seed",
        "sarif",
        "policy",
        "resolution",
        "warnings",
    ]
    assert body["order_seed"] == "9223372036854775807"
    assert body["judge_seed"] is None
    assert body["sarif"] == {"omitted": 7}
    assert [row["test_id"] for row in body["results"]] == ['t"\n', "u"]
    assert body["results"][0]["details"]["metrics"].keys() == {"m", "m#2"}
    assert body["results"][0]["details"]["findings"][0]["code"] == "E_ARG_SCHEMA"
    assert body["resolution"]["next_step"] == "look"


def test_an_early_exit_has_its_seven_keys_and_null_seeds() -> None:
    early = attrs.evolve(RUN, rows=(), counts=Counts(), exit_code=2, reason_code="E_CFG_PARSE", notices=())

    body = json.loads(written(early))

    assert body == {
        "exit_code": 2,
        "reason_code": "E_CFG_PARSE",
        "reason_code_version": 1,
        "seed_version": 1,
        "order_seed": None,
        "judge_seed": None,
        "resolution": {
            "exit_code": 2,
            "reason_code": "E_CFG_PARSE",
            "message": "1 test(s) failed",
            "next_step": "look",
        },
    }
    assert json.loads(summary_bytes(early))["seeds"]["order_seed"] is None


def test_summary_json_has_the_keys_of_its_format_in_order() -> None:
    body = json.loads(summary_bytes(RUN))

    assert list(body) == [
        "schema_version",
        "reason_code_version",
        "exit_code",
        "reason_code",
        "message",
        "next_step",
        "provenance",
        "results",
        "performance",
        "seeds",
        "sarif",
    ]
    assert body["results"] == {"passed": 1, "failed": 1, "total": 2}
    assert body["performance"]["slowest_tests"] == [{"test_id": "u", "duration_ms": 1.0}]
    assert body["seeds"] == {"seed_version": 1, "order_seed": "9223372036854775807", "judge_seed": None}


def test_equal_runs_give_equal_bytes() -> None:
    assert written(RUN) == written(attrs.evolve(RUN))
    assert summary_bytes(RUN) == summary_bytes(attrs.evolve(RUN))
