"""`faithfulness`, `relevance` and `judge_criteria`: what a model says of a response."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from assay_core.contracts import CheckContext
from assay_core.errors import InputError
from assay_core.model import Episode, Expectation, Finding, JsonValue, MetricResult, Outcome
from assay_metric_judge.asking import Asking, Deferred
from assay_metric_judge.rubrics import Rubric, criteria_rubric, named_rubric
from assay_metric_judge.verdict import Verdict

__all__ = ["CriteriaOptions", "Faithfulness", "JudgeCheck", "JudgeCriteria", "Relevance", "RubricOptions"]

_CLOSE = 1e-9
_VERSION = "v1"


@attrs.frozen(kw_only=True)
class RubricOptions:
    """A judge says that the response meets the rubric."""

    min_score: float = 0.8  # the share of votes that have to pass, from 0 to 1
    rubric_version: str | None = None  # v1 unless settings.judge says otherwise


@attrs.frozen(kw_only=True)
class CriteriaOptions(RubricOptions):
    """A judge says that the response meets criteria of your own."""

    judge_criteria: JsonValue  # a sentence, or a mapping from names to sentences that must all hold


class _Judged:
    """What all metrics here are: about episodes, not repeatable, and waiting for a model."""

    needs_episode: bool = True
    pure: bool = False
    blocking: bool = True
    needs: frozenset[str] = frozenset()  # a recorded verdict needs nothing; without one, each episode is refused

    def __init__(self) -> None:
        self._extra_votes = _Counter()

    def _prepared(
        self, rubric: Rubric, options: RubricOptions, expectation: Expectation, context: CheckContext
    ) -> JudgeCheck:
        if not 0.0 <= options.min_score <= 1.0:
            message = f"{expectation.type}: min_score is a share from 0 to 1, not {options.min_score:g}"
            raise InputError(code="E_CFG_PARSE", message=message, place=expectation.place)
        return JudgeCheck(expectation.type, options.min_score, Asking(rubric, expectation, context), self._extra_votes)


class Faithfulness(_Judged):
    """Every claim of the response follows from the input and its context."""

    types: Mapping[str, type[object]] = {"faithfulness": RubricOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> JudgeCheck:
        """Check the bound."""
        return _named("faithfulness", self, expectation, context)


class Relevance(_Judged):
    """The response addresses what the input asks."""

    types: Mapping[str, type[object]] = {"relevance": RubricOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> JudgeCheck:
        """Check the bound."""
        return _named("relevance", self, expectation, context)


class JudgeCriteria(_Judged):
    """The response meets criteria that the suite brings."""

    types: Mapping[str, type[object]] = {"judge_criteria": CriteriaOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> JudgeCheck:
        """Refuse blank criteria; check the bound."""
        options = cast("CriteriaOptions", expectation.options)
        rubric = criteria_rubric(options.judge_criteria, _version(options, context), expectation)
        return self._prepared(rubric, options, expectation, context)


class _Counter:
    """Counts across threads."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def add(self, number: int) -> int:
        with self._lock:
            self._count += number
            return self._count


class JudgeCheck:
    """One rubric with its bound, ready to look at episodes."""

    def __init__(self, kind: str, min_score: float, asking: Asking, extra_votes: _Counter) -> None:
        self.blocking = asking.may_wait
        self._kind = kind
        self._min_score = min_score
        self._asking = asking
        self._extra_votes = extra_votes

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        """Return one result per episode, in their order. Raises what `Asking.verdict` raises."""
        return [self._result(episode) for episode in episodes]

    @property
    def rubric_id(self) -> str:
        """The name under which verdicts are recorded."""
        return self._asking.rubric_id

    def verdict(self, episode: Episode, *, ignore_recorded: bool = False) -> Verdict:
        """Return the verdict about an episode, for `assay trace precompute-judge`. Raises as `Asking.verdict`."""
        return self._asking.verdict(episode, ignore_recorded=ignore_recorded)

    def _result(self, episode: Episode) -> MetricResult:
        if episode.response is None:
            finding = _finding(self._kind, episode, "E_RESPONSE_MISSING", "the episode records no response to judge")
            return MetricResult(outcome=Outcome.VIOLATED, findings=(finding,), details={"message": finding.message})
        try:
            verdict = self._asking.verdict(episode)
        except Deferred:
            details: dict[str, JsonValue] = {"message": "no verdict is recorded; `assay run` asks a judge"}
            return MetricResult(outcome=Outcome.NOT_APPLICABLE, deferred=True, details=details)
        return self._counted(verdict, episode)

    def _counted(self, verdict: Verdict, episode: Episode) -> MetricResult:
        settings = self._asking.settings
        in_band = settings.borderline_min - _CLOSE <= verdict.score <= settings.borderline_max + _CLOSE
        shown = f"{verdict.score:.2f}"
        because = f": {verdict.rationale}" if verdict.rationale else ""
        findings = self._over_budget(verdict, episode)
        if verdict.verdict == "Abstain" or in_band:
            outcome, message = Outcome.ABSTAINED, f"the judge abstained (score={shown})"
            findings += (_finding(self._kind, episode, "E_JUDGE_UNCERTAIN", message + because),)
        elif verdict.passed and verdict.score + _CLOSE >= self._min_score:
            outcome, message = Outcome.HELD, "passed"
        else:
            outcome, message = Outcome.VIOLATED, f"failed judge check (score={shown})"
            text = f"{self._kind}: the judge's score {shown} is below {self._min_score:g}"
            text = text if verdict.score + _CLOSE < self._min_score else f"{self._kind}: the judge says that it fails"
            findings += (_finding(self._kind, episode, "E_JUDGE_FAILED", text + because),)
        details = {**verdict.as_json(), "min_score": self._min_score, "message": message}
        return MetricResult(outcome=outcome, score=verdict.score, findings=findings, details=details)

    def _over_budget(self, verdict: Verdict, episode: Episode) -> tuple[Finding, ...]:
        extra = len(verdict.samples) - 1 if verdict.source == "live" else 0
        limit = self._asking.settings.max_extra_calls_per_run
        if extra <= 0 or self._extra_votes.add(extra) <= limit:
            return ()
        text = f"{self._kind} asked for more than {limit} further votes in this run"
        return (_finding(self._kind, episode, "W_JUDGE_BUDGET", text, note=True),)


def _named(name: str, metric: _Judged, expectation: Expectation, context: CheckContext) -> JudgeCheck:
    options = cast("RubricOptions", expectation.options)
    return metric._prepared(named_rubric(name, _version(options, context)), options, expectation, context)


def _version(options: RubricOptions, context: CheckContext) -> str:
    return options.rubric_version or context.settings.judge.rubric_version or _VERSION


def _finding(rule: str, episode: Episode, code: str, message: str, *, note: bool = False) -> Finding:
    return Finding(
        code=code,
        severity="note" if note else "error",
        message=message,
        rule=rule,
        source=episode.source,
        episode_id=episode.id,
    )
