"""What is known of one test while episodes stream by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from assay_core.errors import AssayError
from assay_core.model import (
    Attempt,
    Attempts,
    Episode,
    Finding,
    JsonObject,
    MetricResult,
    MetricRow,
    Outcome,
    SourcePlace,
    Status,
)
from assay_core.run.attempt_scores import AttemptScores
from assay_core.run.baseline.behaviour import BehaviourTally, EpisodeActs
from assay_core.run.plan import PlannedTest

__all__ = ["CaseState"]

_ATTEMPTS_KEPT = 1_000  # further attempts are counted, not listed
_WORST_FIRST = (Outcome.VIOLATED, Outcome.ABSTAINED, Outcome.HELD, Outcome.NOT_APPLICABLE)
Result = MetricResult | AssayError


class CaseState:
    """Folds the results of a test's episodes into one row; memory does not grow with passing episodes."""

    def __init__(self, test: PlannedTest, attempts: Attempts, *, behaviour: bool = False) -> None:
        self.test = test
        self._watches = behaviour
        self.count = 0  # episodes seen
        self.duration_s = 0.0
        self.duplicate: Episode | None = None  # the second episode of a prompt under `attempts: error`
        self.flakes: list[JsonObject] = []  # checks that failed and, measured again, held
        self._attempts_mode = attempts
        self._own: dict[int, Result] = {}  # results of checks that need no episode, by their index
        self._start_over()

    def _start_over(self) -> None:
        self.statuses: Counter[Status] = Counter()
        self.attempts: list[Attempt] = []
        self.findings: list[Finding] = []
        self.errors: list[AssayError] = []
        self.abstained = False
        self.episode_ids: list[str] = []
        self.source: SourcePlace | None = None
        self._worst: dict[int, MetricRow] = {}
        self._scores: dict[int, AttemptScores] = {}
        self.behaviour = BehaviourTally() if self._watches else None
        self.deferred: dict[str, None] = dict.fromkeys(self.test.deferred)

    @property
    def has_failed(self) -> bool:
        """Whether some attempt failed so far."""
        return bool(self.statuses["fail"]) or any(
            isinstance(own, MetricResult) and own.outcome is Outcome.VIOLATED for own in self._own.values()
        )

    def fold_own(self, at: int, result: Result) -> None:
        """Take the one result of the check at this index, which needs no episode."""
        self._own[at] = result

    def fold(self, episode: Episode, results: Sequence[Result | None], acts: EpisodeActs | None = None) -> None:
        """Take the results of one episode; None stands for a check that needs no episode."""
        self.count += 1
        if self.count > 1 and not self.test.case.select.match_all:
            if self._attempts_mode == "last":
                self._start_over()
            elif self._attempts_mode == "error":
                self.duplicate = self.duplicate or episode
        if self.behaviour is not None and acts is not None:
            self.behaviour.add(acts)
        present = [(at, result) for at, result in enumerate(results) if result is not None]
        status = self._fold_results(present)
        self.statuses[status] += 1
        if self.source is None or (status == "fail" and not self.statuses["fail"] - 1):
            self.source = episode.source
        if len(self.attempts) < _ATTEMPTS_KEPT:
            self.episode_ids.append(episode.id)
            message = "" if status == "pass" else self._message(present)
            self.attempts.append(Attempt(number=self.count, status=status, message=message, episode_id=episode.id))

    def fold_last_own(self) -> None:
        """Add the results of the checks that need no episode; once, before the row is made."""
        if self._own:
            status = self._fold_results(sorted(self._own.items()))
            if self.count:
                self.statuses = Counter({max(status, each, key=_badness): n for each, n in self.statuses.items()})
            else:
                self.statuses[status] += 1

    def metrics(self) -> tuple[MetricRow, ...]:
        """Return the worst result of each check with the scores of all attempts, in the order of the suite."""
        return tuple(row for _, row in self.numbered_metrics())

    def numbered_metrics(self) -> Iterator[tuple[int, MetricRow]]:
        """Yield the same, each with the index of its check."""
        for at, row in sorted(self._worst.items()):
            yield at, self._scores[at].on(row)

    def _fold_results(self, results: Sequence[tuple[int, Result]]) -> Status:
        statuses: list[Status] = ["skipped"]
        for at, result in results:
            if isinstance(result, AssayError):
                if result not in self.errors:
                    self.errors.append(result)
                statuses.append("error")
                continue
            self.findings.extend(result.findings)
            if result.deferred:
                self.deferred[self.test.checks[at].expectation.type] = None
            self._keep_worst(at, result)
            if result.outcome is Outcome.VIOLATED:
                statuses.append("fail")
            elif result.outcome is Outcome.ABSTAINED:
                self.abstained = True
                statuses.append("unstable")
            elif result.outcome is Outcome.HELD:
                statuses.append("warn" if any(each.severity != "note" for each in result.findings) else "pass")
        return max(statuses, key=_badness)

    def _keep_worst(self, at: int, result: MetricResult) -> None:
        kind = self.test.checks[at].expectation.type
        row = MetricRow(type=kind, outcome=result.outcome, score=result.effective_score(), details=result.details)
        self._scores.setdefault(at, AttemptScores()).add(row)
        old = self._worst.get(at)
        if old is None or _rank(row) < _rank(old):
            self._worst[at] = row

    def _message(self, results: Sequence[tuple[int, Result]]) -> str:
        for _, result in results:
            if isinstance(result, AssayError):
                return str(result)
        for _, result in results:
            if isinstance(result, MetricResult) and result.outcome is not Outcome.HELD and result.findings:
                return result.findings[0].message
        return ""


_BADNESS: dict[Status, int] = {"skipped": 0, "pass": 1, "warn": 2, "unstable": 3, "fail": 4, "error": 5}


def _badness(status: Status) -> int:
    return _BADNESS[status]


def _rank(row: MetricRow) -> tuple[int, float]:
    return _WORST_FIRST.index(row.outcome), row.score if row.score is not None else 2.0
