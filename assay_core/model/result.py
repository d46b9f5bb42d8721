"""What a run found out: findings, rows, the report that reporters get."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import Enum
from typing import Literal, TypeAlias

import attrs

from assay_core.model.baseline import BaselineReport
from assay_core.model.json_value import JsonObject, JsonValue
from assay_core.model.suite import Notice
from assay_core.model.trace import SourcePlace

FindingSeverity: TypeAlias = Literal["error", "warning", "note"]
Status: TypeAlias = Literal["pass", "fail", "flaky", "warn", "error", "skipped", "unstable", "allowed_on_error"]


class Outcome(Enum):
    """What one check says of one episode."""

    HELD = "held"
    VIOLATED = "violated"
    ABSTAINED = "abstained"  # a judge that cannot tell: exit 1, E_JUDGE_UNCERTAIN
    NOT_APPLICABLE = "not_applicable"  # nothing to check in this episode; shown as not exercised


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that was found, with the place in the trace where it can be seen."""

    code: str
    severity: FindingSeverity = "error"
    message: str  # one sentence; may quote hostile text, never a secret
    rule: str = ""  # the rule of the policy, or the type of the check
    source: SourcePlace | None = None
    column: int | None = None
    test_id: str = ""
    episode_id: str = ""
    tool: str = ""
    call_index: int | None = None
    pointer: str = ""  # JSON Pointer into the arguments

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits over code, rule, test, tool and pointer: stable while lines move."""
        parts = (self.code, self.rule, self.test_id, self.tool, self.pointer)
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


@attrs.frozen(kw_only=True)
class MetricResult:
    """What one check says of one episode."""

    outcome: Outcome
    score: float | None = None  # 0..1, finite; None: held is 1.0, violated 0.0
    findings: tuple[Finding, ...] = ()  # a violated result has at least one
    details: JsonObject = attrs.field(factory=dict)
    deferred: bool = False  # with NOT_APPLICABLE: this command leaves the episode to `assay run`

    def effective_score(self) -> float | None:
        """Return the score, 1.0 or 0.0 where the metric gave none, None where it did not apply."""
        if self.outcome is Outcome.NOT_APPLICABLE:
            return None
        if self.score is not None:
            return self.score
        return {Outcome.HELD: 1.0, Outcome.VIOLATED: 0.0}.get(self.outcome)


@attrs.frozen(kw_only=True)
class MetricRow:
    """One check in one row of a report."""

    type: str
    outcome: Outcome
    score: float | None
    details: JsonObject = attrs.field(factory=dict)
    measured: int = 1  # attempts that it applied to
    passed: int | None = None  # of them, those it held in; None: as `outcome` says
    scores: tuple[float, ...] = ()  # of several attempts, at most 1,000; empty where all of them are 0 or 1


@attrs.frozen(kw_only=True)
class Attempt:
    """One episode of several with the same prompt."""

    number: int  # from 1
    status: Status
    message: str
    episode_id: str


@attrs.frozen(kw_only=True)
class ResultRow:
    """One row of a report: a test, or one episode against the policy (`policy:<episode-id>`)."""

    test_id: str
    status: Status
    score: float | None  # the lowest score of the metrics that applied
    message: str
    kind: Literal["test", "policy"] = "test"
    metrics: tuple[MetricRow, ...] = ()
    findings: tuple[Finding, ...] = ()
    episode_ids: tuple[str, ...] = ()
    prompt: str | None = None
    source: SourcePlace | None = None
    attempts: tuple[Attempt, ...] = ()
    duration_ms: float | None = None
    cached: bool = False
    fingerprint: str | None = None
    skip_reason: str | None = None
    error_code: str = ""  # the reason code of a row with status error or allowed_on_error
    error_policy: Literal["", "block", "allow"] = ""
    details: JsonObject = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Counts:
    """How many rows ended how, and how many checks were exercised. Exact even where rows are spooled."""

    passed: int = 0
    failed: int = 0
    warned: int = 0
    skipped: int = 0
    errored: int = 0
    unstable: int = 0
    flaky: int = 0
    allowed_on_error: int = 0
    total: int = 0
    episodes: int = 0
    tool_calls: int = 0
    checks_exercised: int = 0
    findings: int = 0


@attrs.frozen(kw_only=True)
class Seeds:
    """Seeds as strings, since JSON readers lose digits of large integers."""

    seed_version: int = 1
    order_seed: str | None = None
    judge_seed: str | None = None


@attrs.frozen(kw_only=True)
class Provenance:
    """Which assay looked at what."""

    assay_version: str
    policy_digest: str | None = None
    trace_digest: str | None = None  # "sha256:…" over the bytes of the trace
    config_digest: str | None = None
    baseline_digest: str | None = None
    plugins: tuple[str, ...] = ()  # "distribution version" of every plugin the run used, sorted


@attrs.frozen(kw_only=True)
class Performance:
    """What varies from run to run of the same inputs; all None under SOURCE_DATE_EPOCH."""

    total_ms: float | None = None
    ingest_ms: float | None = None
    eval_ms: float | None = None
    report_ms: float | None = None
    slowest: tuple[tuple[str, float], ...] = ()  # (test id, ms), at most five, slowest first
    cache_hit_rate: float | None = None  # of the keys that costly metrics looked up; 0 where they looked up none


@attrs.frozen(kw_only=True)
class RuleSummary:
    """What became of one policy rule over the whole run."""

    rule: str
    section: str
    held: int = 0  # episodes
    violated: int = 0
    not_exercised: int = 0
    open: int = 0
    decided_by: str = "trace"


@attrs.frozen(kw_only=True)
class RunReport:
    """All that a reporter gets. Frozen; `rows` and `findings` can be walked more than once."""

    command: str  # "run", "ci" or "validate"
    suite: str
    exit_code: int
    reason_code: str  # "" on success
    message: str
    next_step: str = ""
    rows: Sequence[ResultRow] = ()  # sorted by test id; may be backed by a file: iterate, do not copy
    findings: Sequence[Finding] = ()  # in the order of the rows
    counts: Counts = Counts()
    seeds: Seeds = Seeds()
    policy_digest: str | None = None
    policy_name: str = ""
    rules: tuple[RuleSummary, ...] = ()  # sorted by rule
    unrestricted: tuple[str, ...] = ()  # resource sections the policy does not govern
    provenance: Provenance
    performance: Performance = Performance()
    notices: tuple[Notice, ...] = ()
    config_file: str | None = None
    trace_file: str | None = None
    run_id: int = 0
    omitted: JsonObject = attrs.field(factory=dict)  # reporter name to number of results left out
    judge_metrics: JsonValue = None
    baseline: BaselineReport | None = None  # the run beside the baseline it was compared with
