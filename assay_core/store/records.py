"""What the store keeps, as values."""

from __future__ import annotations

import datetime

import attrs

from assay_core.model import JsonObject

__all__ = ["PassedBefore", "QuarantineEntry", "RunEnd", "RunStart", "StoredAttempt", "StoredResult", "StoredRun", "utc"]


@attrs.frozen(kw_only=True)
class RunStart:
    """What is known of a run when it begins."""

    suite: str
    command: str
    assay_version: str
    config_file: str | None = None
    trace_file: str | None = None
    order_seed: str | None = None


@attrs.frozen(kw_only=True)
class RunEnd:
    """What is known of a run when it is over."""

    exit_code: int
    reason_code: str = ""
    message: str = ""
    config_digest: str | None = None
    policy_digest: str | None = None
    trace_digest: str | None = None
    plugins: tuple[str, ...] = ()
    counts: JsonObject = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class StoredRun:
    """A run as the store has it."""

    id: int
    suite: str
    command: str
    started_at: str  # UTC, RFC 3339
    finished_at: str | None
    status: str  # running, passed, failed, error
    exit_code: int | None
    reason_code: str
    message: str
    assay_version: str
    config_file: str | None
    config_digest: str | None
    policy_digest: str | None
    trace_file: str | None
    trace_digest: str | None
    order_seed: str | None
    plugins: tuple[str, ...]
    counts: JsonObject


@attrs.frozen(kw_only=True)
class StoredAttempt:
    """One attempt of a row."""

    number: int  # from 1
    outcome: str
    message: str
    episode_id: str


@attrs.frozen(kw_only=True)
class StoredResult:
    """One row of a run."""

    test_id: str
    kind: str  # test or policy
    outcome: str  # the row's status
    score: float | None
    message: str
    duration_ms: float | None = None
    details: JsonObject = attrs.field(factory=dict)
    fingerprint: str | None = None
    skip_reason: str | None = None
    attempts: tuple[StoredAttempt, ...] = ()


@attrs.frozen(kw_only=True)
class PassedBefore:
    """The newest row that passed with the same fingerprint."""

    fingerprint: str
    run_id: int
    at: str  # when its run began
    score: float | None


@attrs.frozen(kw_only=True)
class QuarantineEntry:
    """A test that is known to be unreliable, why, and for how long."""

    suite: str
    test_id: str
    reason: str
    owner: str | None = None
    added_at: str  # UTC, RFC 3339
    expires_on: str | None = None  # the last day on which it applies, YYYY-MM-DD

    def has_expired(self, now_s: float) -> bool:
        """Tell whether the last day is over."""
        return self.expires_on is not None and utc(now_s)[:10] > self.expires_on

    def age_days(self, now_s: float) -> int:
        """Return the whole days since it was added, at least 0."""
        added = datetime.datetime.fromisoformat(self.added_at)
        return max(0, (datetime.datetime.fromtimestamp(now_s, datetime.UTC) - added).days)


def utc(now_s: float) -> str:
    """Return a time as the store writes it: UTC, RFC 3339, milliseconds."""
    moment = datetime.datetime.fromtimestamp(now_s, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
