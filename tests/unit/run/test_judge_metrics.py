"""How far judges can be relied on: rates over the verdicts of a run."""

from __future__ import annotations

import pytest

from assay_core.errors import ServiceError
from assay_core.model import Episode, JsonObject, MetricResult, MetricRow, Outcome, ResultRow
from assay_core.run.judge_metrics import JudgeTally
from tests.unit.run import builders as build


def rated(*details: JsonObject, unavailable: int = 0, code: str = "E_TIMEOUT") -> JsonObject | None:
    tally = JudgeTally()
    for number, each in enumerate(details):
        metric = MetricRow(type="judge", outcome=Outcome.HELD, score=None, details=each)
        tally.add(ResultRow(test_id=f"t{number}", status="pass", score=None, message="", metrics=(metric,)))
    for number in range(unavailable):
        tally.add(ResultRow(test_id=f"u{number}", status="error", score=None, message="", error_code=code))
    return tally.metrics()


def test_a_run_without_verdicts_has_no_rates() -> None:
    assert rated() is None
    assert rated({"message": "no judge"}, {"verdict": 3, "agreement": True}, unavailable=2) is None


def test_rates_are_shares_of_the_verdicts() -> None:
    assert rated(
        {"verdict": "Pass", "agreement": 1.0, "swapped": True},
        {"verdict": "Fail", "agreement": 0, "swapped": False},
        {"verdict": "Abstain", "agreement": 0.5, "swapped": True},
        {"verdict": "Fail", "agreement": 1 / 3, "swapped": False},
        unavailable=2,
    ) == {"abstain_rate": 0.25, "flip_rate": 0.25, "consensus_rate": 0.5, "unavailable_count": 2}


def test_a_verdict_may_have_a_word_or_an_agreement_alone() -> None:
    rates = rated({"verdict": "Abstain"}, {"agreement": 1})

    assert rates == {"abstain_rate": 0.5, "flip_rate": 0.0, "consensus_rate": 0.5, "unavailable_count": 0}


@pytest.mark.parametrize(
    ("code", "counted"),
    [
        ("E_JUDGE_UNAVAILABLE", 1), ("E_RATE_LIMIT", 1), ("E_PROVIDER_5XX", 1), ("E_NETWORK_ERROR", 1),
        ("E_TRACE_MISS", 0),
    ],
)  # fmt: skip
def test_only_services_that_did_not_answer_are_unavailable(code: str, counted: int) -> None:
    rates = rated({"verdict": "Pass"}, unavailable=1, code=code)

    assert rates is not None
    assert rates["unavailable_count"] == counted


def test_an_evaluation_counts_the_verdicts_of_any_metric() -> None:
    verdict = MetricResult(outcome=Outcome.ABSTAINED, score=0.5, details={"verdict": "Abstain", "agreement": 0.5})

    def refuse(_: Episode | None) -> MetricResult:
        raise ServiceError(code="E_RATE_LIMIT", message="too many")

    tests = [build.make_test(build.always(verdict)), build.make_test(build.Check(refuse), test_id="u")]
    outcome = build.evaluate(tests, [build.make_episode()])

    assert outcome.judge_metrics == {
        "abstain_rate": 1.0, "flip_rate": 0.0, "consensus_rate": 0.0, "unavailable_count": 1
    }  # fmt: skip
    assert build.evaluate([build.make_test(build.contains("yes"))], [build.make_episode()]).judge_metrics is None


def test_what_is_left_to_run_is_told() -> None:
    left = MetricResult(outcome=Outcome.NOT_APPLICABLE, deferred=True)

    outcome = build.evaluate([build.make_test(build.always(left))], [build.make_episode()])

    (row,) = outcome.rows
    assert (row.status, row.details["deferred"]) == ("skipped", ["acme.check"])
    assert [each.code for each in outcome.notices] == ["W_CHECK_DEFERRED"]
    assert "t (acme.check)" in outcome.notices[0].message
