"""Every episode against every test: statuses, attempts, misses, faults."""

from __future__ import annotations

import attrs
import pytest

from assay_core.errors import ServiceError
from assay_core.model import Episode, Finding, MetricResult, Outcome, ResultRow, Settings, Thresholds
from assay_core.run.gate import decide
from tests.unit.run import builders as build


def only_row(outcome: object) -> ResultRow:
    (row,) = outcome.rows  # type: ignore[attr-defined]  # an outcome
    return row


def verdict_code(outcome: object, **options: object) -> tuple[int, str]:
    verdict = decide(outcome, **{"strict": False, "block_on_warn": False, **options})  # type: ignore[arg-type]  # its keywords
    return verdict.exit_code, verdict.reason_code


def test_a_test_passes_when_its_check_holds() -> None:
    outcome = build.evaluate([build.make_test(build.contains("yes"))], [build.make_episode()])

    row = only_row(outcome)
    assert (row.status, row.score, row.episode_ids) == ("pass", 1.0, ("e1",))
    assert verdict_code(outcome) == (0, "")


def test_a_test_fails_with_the_finding_of_its_check() -> None:
    outcome = build.evaluate([build.make_test(build.contains("no"))], [build.make_episode()])

    row = only_row(outcome)
    assert (row.status, row.score, row.message) == ("fail", 0.0, "failed: acme.check")
    assert [(each.test_id, each.episode_id, each.source.line) for each in row.findings if each.source] == [
        ("t", "e1", 7)
    ]
    assert verdict_code(outcome) == (1, "E_TEST_FAILED")


def test_the_score_of_a_row_is_the_lowest_of_the_checks_that_applied() -> None:
    good = MetricResult(outcome=Outcome.HELD, score=0.9)
    better = MetricResult(outcome=Outcome.HELD, score=0.95)
    checks = [build.always(each) for each in (better, good, build.IDLE)]

    outcome = build.evaluate([build.make_test(*checks)], [build.make_episode()])

    assert only_row(outcome).score == 0.9


def test_a_row_below_the_threshold_fails() -> None:
    check = build.always(MetricResult(outcome=Outcome.HELD, score=0.5))

    outcome = build.evaluate([build.make_test(check)], [build.make_episode()], thresholds=Thresholds(min_score=0.8))

    assert only_row(outcome).status == "fail"
    assert verdict_code(outcome) == (1, "E_TEST_FAILED")


def test_attempts_that_disagree_are_unstable_and_block() -> None:
    episodes = [build.make_episode("a", response="yes"), build.make_episode("b", response="no")]

    outcome = build.evaluate([build.make_test(build.contains("yes"))], episodes[:1], episodes[1:])

    row = only_row(outcome)
    assert row.status == "unstable"
    assert [(each.number, each.status, each.episode_id) for each in row.attempts] == [
        (1, "pass", "a"),
        (2, "fail", "b"),
    ]
    assert verdict_code(outcome) == (1, "E_UNSTABLE")


def test_only_the_last_attempt_counts_when_the_settings_say_so() -> None:
    episodes = [build.make_episode("a", response="no"), build.make_episode("b", response="yes")]

    outcome = build.evaluate([build.make_test(build.contains("yes"))], episodes, settings=Settings(attempts="last"))

    row = only_row(outcome)
    assert (row.status, row.findings, row.episode_ids) == ("pass", (), ("b",))


def test_a_second_attempt_is_an_error_when_the_settings_say_so() -> None:
    episodes = [build.make_episode("a"), build.make_episode("b")]

    outcome = build.evaluate([build.make_test(build.contains("yes"))], episodes, settings=Settings(attempts="error"))

    assert (only_row(outcome).status, only_row(outcome).error_code) == ("error", "E_TRACE_DUPLICATE")
    assert verdict_code(outcome)[0] == 2


def test_one_bad_episode_fails_a_test_that_matches_all() -> None:
    episodes = [build.make_episode("a"), build.make_episode("b", prompt="other", response="no")]

    outcome = build.evaluate([build.make_test(build.contains("yes"), prompt=None)], episodes)

    assert only_row(outcome).status == "fail"


def test_a_test_that_matches_nothing_is_an_error_naming_the_nearest_prompt() -> None:
    outcome = build.evaluate(
        [build.make_test(build.contains("x"), prompt="refund order 12")], [build.make_episode(prompt="refund order 13")]
    )

    assert only_row(outcome).error_code == "E_TRACE_MISS"
    assert "'refund order 13'" in outcome.faults[0].message
    assert outcome.faults[0].place == build.make_test().case.place
    assert verdict_code(outcome) == (2, "E_TRACE_MISS")


def test_an_episode_is_picked_by_its_id() -> None:
    outcome = build.evaluate(
        [build.make_test(build.contains("yes"), episode="b")],
        [build.make_episode("a", response="no"), build.make_episode("b")],
    )

    assert only_row(outcome).episode_ids == ("b",)


def test_a_check_with_its_own_calls_needs_no_trace() -> None:
    outcome = build.evaluate([build.make_test(build.always(build.HELD), own=True)])

    assert only_row(outcome).status == "pass"
    assert verdict_code(outcome) == (0, "")


def test_a_run_in_which_nothing_applies_is_an_error() -> None:
    outcome = build.evaluate([build.make_test(build.always(build.IDLE))], [build.make_episode()])

    assert only_row(outcome).status == "skipped"
    assert verdict_code(outcome) == (2, "E_NO_CHECKS")


def test_an_abstaining_judge_is_never_a_pass() -> None:
    outcome = build.evaluate([build.make_test(build.always(build.ABSTAINED))], [build.make_episode()])

    assert verdict_code(outcome) == (1, "E_JUDGE_UNCERTAIN")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "0 where 1"),
        ([MetricResult(outcome=Outcome.HELD, score=1.5)], "not within 0..1"),
        ([MetricResult(outcome=Outcome.VIOLATED)], "no finding"),
        (["held"], "MetricResult is due"),
        ([MetricResult(outcome="violated", findings=build.VIOLATED.findings)], "is no Outcome"),  # type: ignore[arg-type]  # a lie
        ([MetricResult(outcome=Outcome.HELD, score="1")], "not within 0..1"),  # type: ignore[arg-type]  # a lie
        ([MetricResult(outcome=Outcome.HELD, details={"a": object()})], "JSON"),  # type: ignore[dict-item]  # a lie
        ([MetricResult(outcome=Outcome.HELD, findings=(Finding(code="E", message="\ud800"),))], "no text"),
        ([MetricResult(outcome=Outcome.HELD, findings=(Finding(code="E", message=b"x"),))], "no text"),  # type: ignore[arg-type]  # a lie
        ([MetricResult(outcome=Outcome.HELD, findings=(Finding(code="E", message="x", severity="bad"),))], "severity"),  # type: ignore[arg-type]  # a lie
        (None, "NoneType where 1"),
    ],
)
def test_a_check_that_breaks_its_contract_fails_the_run(answer: object, words: str) -> None:
    @attrs.frozen
    class Broken:
        def measure(self, episodes: object) -> object:
            return answer

    outcome = build.evaluate([build.make_test(Broken())], [build.make_episode()])

    assert only_row(outcome).status == "error"
    assert words in outcome.faults[0].message
    assert "acme 1.0" in outcome.faults[0].message
    assert verdict_code(outcome) == (2, "E_PLUGIN_FAULT")


def test_a_check_that_raises_fails_the_run_and_names_its_distribution() -> None:
    def explode(_: Episode | None) -> MetricResult:
        raise ZeroDivisionError("boom")

    outcome = build.evaluate([build.make_test(build.Check(explode))], [build.make_episode()])

    assert "acme 1.0" in outcome.faults[0].message
    assert "boom" in outcome.faults[0].message
    assert verdict_code(outcome) == (2, "E_PLUGIN_FAULT")


def refuse(_: Episode | None) -> MetricResult:
    raise ServiceError(code="E_TIMEOUT", message="too slow")


def test_a_service_that_fails_is_exit_3() -> None:
    outcome = build.evaluate([build.make_test(build.Check(refuse))], [build.make_episode()])

    assert (only_row(outcome).status, only_row(outcome).error_policy) == ("error", "block")
    assert verdict_code(outcome) == (3, "E_TIMEOUT")


def test_a_service_that_fails_is_reported_when_it_is_allowed() -> None:
    tests = [
        build.make_test(build.Check(refuse), on_error="allow"),
        build.make_test(build.always(build.HELD), test_id="u"),
    ]

    outcome = build.evaluate(tests, [build.make_episode()])

    first, second = outcome.rows
    assert (first.status, first.error_policy, first.error_code) == ("allowed_on_error", "allow", "E_TIMEOUT")
    assert second.status == "pass"
    assert verdict_code(outcome) == (0, "")


def test_a_run_of_nothing_but_allowed_errors_checks_nothing_and_says_so() -> None:
    outcome = build.evaluate([build.make_test(build.Check(refuse), on_error="allow")], [build.make_episode()])

    assert verdict_code(outcome) == (2, "E_NO_CHECKS")


def test_bailing_out_says_which_tests_were_not_run() -> None:
    tests = [build.make_test(build.contains("no")), build.make_test(build.contains("x"), test_id="u", prompt="later")]
    batches = ([build.make_episode("a")], [build.make_episode("b", prompt="later")])

    outcome = build.evaluate(tests, *batches, settings=Settings(bail_on_first_failure=True))

    assert [(row.test_id, row.status, row.skip_reason) for row in outcome.rows] == [
        ("t", "fail", None),
        ("u", "skipped", "bail"),
    ]
    assert "1 test(s) were not run" in outcome.notices[0].message
    assert verdict_code(outcome) == (1, "E_TEST_FAILED")
