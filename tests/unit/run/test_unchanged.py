"""Tests that an earlier run passed, in the evaluation and at the gate; quarantined ones beside them."""

from __future__ import annotations

from assay_core.model import Settings
from assay_core.run import gate
from assay_core.run.quarantine import Quarantine
from assay_core.store import PassedBefore, QuarantineEntry, utc
from tests.unit.run import builders as build

BEFORE = PassedBefore(fingerprint="ff", run_id=7, at="2026-01-01T00:00:00.000Z", score=0.5)
ENTRY = QuarantineEntry(suite="s", test_id="t", reason="slow", added_at=utc(0))
WARN = Quarantine.of([ENTRY], "warn", 0.0)


def test_a_test_that_passed_before_is_skipped_and_not_measured() -> None:
    def fail(_: object) -> object:
        raise AssertionError("measured")

    outcome = build.evaluate(
        [build.make_test(build.Check(fail)), build.make_test(build.Check(fail), test_id="own", own=True)],  # type: ignore[arg-type]  # it never answers
        [build.make_episode()],
        unchanged={"t": BEFORE, "own": BEFORE},
    )

    for row in outcome.rows:
        assert (row.status, row.message, row.skip_reason) == (
            "skipped",
            "skipped: fingerprint match",
            "fingerprint match",
        )
        assert row.details["skip"] == {
            "reason": "fingerprint match",
            "fingerprint": "ff",
            "previous_run_id": 7,
            "previous_at": "2026-01-01T00:00:00.000Z",
            "origin_run_id": 7,
            "previous_score": 0.5,
        }
    assert (outcome.unchanged, outcome.counts.checks_exercised) == (2, 0)
    verdict = gate.decide(outcome, strict=False, block_on_warn=False)
    assert (verdict.reason_code, verdict.message) == ("", "All checks passed, 2 skipped that passed before")


def test_a_test_that_matches_nothing_any_more_is_an_error_although_it_passed_before() -> None:
    outcome = build.evaluate(
        [build.make_test(build.always(build.HELD))], [build.make_episode(prompt="other")], unchanged={"t": BEFORE}
    )

    assert [fault.code for fault in outcome.faults] == ["E_TRACE_MISS"]


def test_rows_get_the_fingerprint_of_their_test() -> None:
    outcome = build.evaluate(
        [build.make_test(build.always(build.HELD))], [build.make_episode()], fingerprints={"t": "f00d"}
    )

    assert [row.fingerprint for row in outcome.rows] == ["f00d"]


def test_a_quarantined_failure_is_a_warning_in_rows_counts_and_verdict() -> None:
    outcome = build.evaluate([build.make_test(build.always(build.VIOLATED))], [build.make_episode()], quarantine=WARN)

    assert (outcome.counts.warned, outcome.counts.failed) == (1, 0)
    assert gate.decide(outcome, strict=False, block_on_warn=False).exit_code == 0
    assert gate.decide(outcome, strict=True, block_on_warn=False).reason_code == "E_STRICT"


def test_a_quarantined_abstention_does_not_decide_the_run() -> None:
    outcome = build.evaluate([build.make_test(build.always(build.ABSTAINED))], [build.make_episode()], quarantine=WARN)

    assert (outcome.abstained, outcome.counts.warned) == (0, 1)


def test_a_quarantined_failure_does_not_end_a_run_that_bails() -> None:
    outcome = build.evaluate(
        [
            build.make_test(build.always(build.VIOLATED)),
            build.make_test(build.contains("yes"), test_id="u", prompt="q"),
        ],
        [build.make_episode("e1")],
        [build.make_episode("e2", "q")],
        settings=Settings(bail_on_first_failure=True),
        quarantine=WARN,
    )

    assert {row.test_id: row.status for row in outcome.rows} == {"t": "warn", "u": "pass"}
