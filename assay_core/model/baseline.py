"""What a run is worth beside a baseline: scores that changed, behaviour that changed."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

BaselineVerdict: TypeAlias = Literal["pass", "fail", "inconclusive"]
BehaviourKind: TypeAlias = Literal["tool_gone", "tool_new", "order", "arguments"]


@attrs.frozen(kw_only=True)
class PassRate:
    """How many attempts of one check passed, with what that says of its rate."""

    passed: int
    attempts: int
    low: float  # exact two-sided 95 % interval (Clopper and Pearson)
    high: float
    pass_k: float  # estimated chance that `k` attempts all pass; `k` stands in the ScoreChange


@attrs.frozen(kw_only=True)
class ScoreChange:
    """One check of one test, before and after. Scores of several attempts are their mean."""

    test_id: str
    metric: str
    before: float
    after: float
    delta: float  # after - before
    max_drop: float | None  # None: a drop fails nothing (`mode: absolute`)
    verdict: BaselineVerdict
    renamed_from: str = ""  # the test's id in the baseline, where it is another one
    p_value: float | None = None  # of the exact test; None where both sides have one attempt
    level: float | None = None  # what `p_value` must not exceed for a regression
    k: int | None = None
    before_rate: PassRate | None = None
    after_rate: PassRate | None = None
    settled_by: int | None = None  # inconclusive: attempts on each side that would settle it; None: not in reach


@attrs.frozen(kw_only=True)
class BehaviourChange:
    """One way in which the recorded calls of a test differ from those of the baseline."""

    test_id: str
    kind: BehaviourKind
    tool: str
    message: str
    severity: Literal["warning", "note"]  # warning: always so before and never now, or the other way round


@attrs.frozen(kw_only=True)
class BaselineReport:
    """A run beside its baseline."""

    file: str
    suite: str
    digest: str  # "sha256:…" over the bytes of the baseline
    created_at: str = ""
    assay_version: str = ""
    changes: tuple[ScoreChange, ...] = ()  # every comparison, by test and metric
    behaviour: tuple[BehaviourChange, ...] = ()
    new: tuple[tuple[str, str], ...] = ()  # (test, metric) of the run that the baseline does not have
    missing: tuple[tuple[str, str], ...] = ()  # of the baseline that the run does not have
    renamed: tuple[tuple[str, str], ...] = ()  # (id in the baseline, id in the run): the same test under another id
    not_compared: tuple[tuple[str, str], ...] = ()  # in both, and this run gave no score
    ignored: int = 0  # entries of metrics that do not apply to their test, and of policy rows

    def of(self, verdict: BaselineVerdict) -> tuple[ScoreChange, ...]:
        """Return the comparisons that ended so."""
        return tuple(change for change in self.changes if change.verdict == verdict)
