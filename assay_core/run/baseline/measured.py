"""What a run measured of a test, read from the row's details: the same whether the row is fresh or from the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from assay_core.model import JsonObject, JsonValue
from assay_core.run.baseline.behaviour import Behaviour

__all__ = ["KEPT_SCORES", "Measured", "Sample", "behaviour_of", "measured_of"]

KEPT_SCORES = 1_000


@attrs.frozen(kw_only=True)
class Sample:
    """The attempts of one check. Where all scores are 0 or 1, only their number is kept."""

    passed: int
    measured: int  # at least 1
    scores: tuple[float, ...] = ()  # at most KEPT_SCORES; empty: `passed` times 1.0, else 0.0

    @classmethod
    def single(cls, score: float) -> Sample:
        """Return one attempt with this score."""
        if score in (0.0, 1.0):
            return cls(passed=int(score), measured=1)
        return cls(passed=1, measured=1, scores=(score,))

    @property
    def is_binary(self) -> bool:
        """Whether every attempt scored 0 or 1."""
        return not self.scores

    @property
    def mean(self) -> float:
        """The mean score."""
        return sum(self.scores) / len(self.scores) if self.scores else self.passed / self.measured

    def values(self) -> Sequence[float]:
        """Return the scores, at most KEPT_SCORES of them."""
        if self.scores:
            return self.scores
        ones = round(min(self.measured, KEPT_SCORES) * self.passed / self.measured)
        return [1.0] * ones + [0.0] * (min(self.measured, KEPT_SCORES) - ones)

    def to_json(self) -> JsonObject:
        """Return it as run.json and baselines have it."""
        body: dict[str, JsonValue] = {"measured": self.measured, "passed": self.passed}
        if self.scores:
            body["scores"] = list(self.scores)
        return body


@attrs.frozen(kw_only=True)
class Measured:
    """One test of a run."""

    test_id: str
    digest: str = ""  # of what the test is about and what it expects; "" where that is not known
    samples: Mapping[str, Sample] = attrs.field(factory=dict)  # by the metric's name in run.json; those with a score
    metrics: frozenset[str] = frozenset()  # with and without a score
    behaviour: Behaviour | None = None


def measured_of(test_id: str, details: JsonObject) -> Measured:
    """Return what the details of a row say; what is not there, or not as this release writes it, is left out."""
    metrics = details.get("metrics")
    named = {str(name): each for name, each in metrics.items()} if isinstance(metrics, Mapping) else {}
    samples = {name: sample for name, each in named.items() if (sample := _sample(each)) is not None}
    digest = details.get("test_digest")
    return Measured(
        test_id=test_id,
        digest=digest if isinstance(digest, str) else "",
        samples=samples,
        metrics=frozenset(named),
        behaviour=behaviour_of(details.get("behaviour")),
    )


def behaviour_of(value: JsonValue) -> Behaviour | None:
    """Return a behaviour from its JSON; None where it is not one."""
    if not isinstance(value, Mapping):
        return None
    try:
        episodes, tools = value["episodes"], _counts(value["tools"])
        order = dict(_order(value["order"]))
        arguments = {
            tool: {pointer: _counts(types) for pointer, types in _object(pointers).items()}
            for tool, pointers in _object(value["arguments"]).items()
        }
        return Behaviour(
            episodes=_count(episodes), tools=tools, order=order, arguments=arguments, cut=value.get("cut") is True
        )
    except (KeyError, TypeError, ValueError):
        return None


def _sample(metric: JsonValue) -> Sample | None:
    if not isinstance(metric, Mapping) or metric.get("exercised") is False:
        return None
    score, attempts = metric.get("score"), metric.get("attempts")
    if not isinstance(score, (int, float)) or isinstance(score, bool):
        return None
    if not isinstance(attempts, Mapping):
        return Sample.single(float(score))
    try:
        scores = attempts.get("scores") or []
        if not isinstance(scores, list):
            return None
        return Sample(
            passed=_count(attempts["passed"]),
            measured=max(_count(attempts["measured"]), 1),
            scores=tuple(float(each) for each in scores if isinstance(each, (int, float))),
        )
    except (KeyError, TypeError):
        return None


def _order(value: JsonValue) -> Iterator[tuple[tuple[str, str], tuple[int, int, int]]]:
    if not isinstance(value, list):
        raise TypeError("order")
    for each in value:
        one, two, before, after, mixed = each  # what is no such list is a TypeError or ValueError
        if not isinstance(one, str) or not isinstance(two, str):
            raise TypeError("order")
        yield (one, two), (_count(before), _count(after), _count(mixed))


def _counts(value: JsonValue) -> dict[str, int]:
    return {name: _count(count) for name, count in _object(value).items()}


def _count(value: JsonValue) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**53:
        raise TypeError("a count")
    return value


def _object(value: JsonValue) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise TypeError("an object")
    return value
