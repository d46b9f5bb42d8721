from __future__ import annotations

import pytest

from assay_core.model import Finding, ResultRow, Status
from assay_core.run.quarantine import Quarantine, QuarantineMode
from assay_core.store import QuarantineEntry, utc

DAY_S = 86_400.0
NOW_S = 1_790_000_000.0
STATUSES: tuple[Status, ...] = ("pass", "fail", "warn", "flaky", "unstable", "error", "allowed_on_error", "skipped")


def entry(test_id: str = "a", *, expires_on: str | None = None, owner: str | None = None) -> QuarantineEntry:
    return QuarantineEntry(
        suite="s", test_id=test_id, reason="slow", owner=owner, added_at=utc(NOW_S - 12 * DAY_S), expires_on=expires_on
    )


def quarantine(mode: QuarantineMode, *entries: QuarantineEntry) -> Quarantine:
    return Quarantine.of(entries or (entry(),), mode, NOW_S)


def row(status: Status, test_id: str = "a", **fields: object) -> ResultRow:
    finding = Finding(code="E_TEXT_MISSING", message="m")
    return ResultRow(
        test_id=test_id,
        status=status,
        score=None,
        message="was so",
        findings=(finding,) if status == "fail" else (),
        **fields,  # type: ignore[arg-type]  # what a test names
    )


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("off", STATUSES),
        ("warn", ("pass", "warn", "warn", "warn", "warn", "error", "allowed_on_error", "skipped")),
        ("strict", ("fail", "fail", "fail", "fail", "fail", "error", "allowed_on_error", "skipped")),
    ],
)
def test_each_mode_gives_each_status_its_own(mode: QuarantineMode, expected: tuple[Status, ...]) -> None:
    settled = [quarantine(mode).settle(row(status)) for status in STATUSES]

    assert tuple(each.status for each in settled) == expected


def test_a_warning_says_reason_age_owner_and_what_it_was() -> None:
    settled = quarantine("warn", entry(owner="ada", expires_on="2027-01-01")).settle(row("fail"))

    assert settled.message == "quarantined: slow (12 days, ada, until 2027-01-01); was fail: was so"
    about = settled.details["quarantine"]
    assert isinstance(about, dict)
    assert (about["mode"], about["status"], about["reason"], about["age_days"]) == ("warn", "fail", "slow", 12)
    assert [finding.severity for finding in settled.findings] == ["warning"]


def test_strict_fails_a_test_that_passed_with_a_finding_that_says_so() -> None:
    settled = quarantine("strict").settle(row("pass"))

    assert settled.message == "quarantined (strict): slow (12 days); was pass: was so"
    assert [(each.code, each.severity) for each in settled.findings] == [("E_QUARANTINED", "error")]


def test_strict_fails_a_test_that_was_skipped_because_it_passed_before() -> None:
    before = row("skipped", skip_reason="fingerprint match")

    settled = quarantine("strict").settle(before)

    assert (settled.status, settled.skip_reason) == ("fail", None)


def test_other_tests_and_the_policy_are_left_alone() -> None:
    here = quarantine("strict", entry("a"), entry("policy:e"))

    for other in (row("fail", "b"), row("fail", "policy:e", kind="policy")):
        assert here.settle(other) is other


def test_an_expired_entry_does_not_apply_and_is_reported() -> None:
    here = quarantine("warn", entry(expires_on=utc(NOW_S - DAY_S)[:10]))

    assert here.settle(row("fail")).status == "fail"
    assert not here.tolerates("a")
    assert [(each.code, "ended on" in each.message) for each in here.notices(["a"])] == [("W_QUARANTINE_EXPIRED", True)]


def test_an_entry_applies_on_its_last_day() -> None:
    assert quarantine("warn", entry(expires_on=utc(NOW_S)[:10])).settle(row("fail")).status == "warn"


def test_an_unknown_test_and_a_changed_row_are_reported() -> None:
    here = quarantine("warn", entry("a"), entry("gone"))

    notices = list(here.notices(["a", "b"], [here.settle(row("fail")), row("fail", "b")]))

    assert [each.code for each in notices] == ["W_QUARANTINE_APPLIED", "W_QUARANTINE_UNKNOWN"]
    assert "'gone'" in notices[1].message


def test_off_says_and_changes_nothing() -> None:
    here = quarantine("off", entry("gone", expires_on="2000-01-01"))

    assert list(here.notices([])) == []
