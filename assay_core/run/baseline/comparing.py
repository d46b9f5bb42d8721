"""A run beside a baseline: every score that both have, one verdict each. Takes values, returns values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import attrs

from assay_core.errors import InputError
from assay_core.model import BaselineReport, BaselineVerdict, BehaviourChange, PassRate, ScoreChange
from assay_core.run.baseline import statistics
from assay_core.run.baseline.document import Baseline, KnownTest
from assay_core.run.baseline.measured import Measured, Sample
from assay_core.run.baseline.structure import behaviour_changes

__all__ = ["CLOSE", "DEFAULT_MAX_DROP", "LEVEL", "Tolerance", "compare", "refuse_nothing"]

DEFAULT_MAX_DROP = 0.05
LEVEL = 0.05  # the chance that a run of an unchanged agent is called a regression, at most
CLOSE = 1e-9
_SHOWN_K = 4

# What a check is called in files of the Rust project, where that is not its type.
_ALIASES = {"regex_not_match": "regex_match"}


@attrs.frozen(kw_only=True)
class Tolerance:
    """How far scores may fall. None: as far as they like."""

    max_drop: float | None = DEFAULT_MAX_DROP
    by_metric: Mapping[tuple[str, str], float] = attrs.field(factory=dict)  # (test, metric); they go first

    def of(self, test_id: str, metric: str) -> float | None:
        """Return the tolerance of one score."""
        return None if self.max_drop is None else self.by_metric.get((test_id, metric), self.max_drop)


@attrs.frozen(kw_only=True)
class _Pair:
    """One score that both sides have."""

    test_id: str
    metric: str
    before: Sample
    after: Sample
    max_drop: float | None
    renamed_from: str

    @property
    def is_sampled(self) -> bool:
        return max(self.before.measured, self.after.measured) > 1

    @property
    def delta(self) -> float:
        return self.after.mean - self.before.mean

    @property
    def fell(self) -> bool:
        return self.max_drop is not None and self.delta < -(self.max_drop + CLOSE)

    def chance(self) -> float:
        """Return the chance of what was seen, were nothing worse than the tolerance lets it be."""
        before, after = self.before, self.after
        if before.is_binary and after.is_binary:
            return statistics.chance_of_drop(before.passed, before.measured, after.passed, after.measured)
        shifted = [score + (self.max_drop or 0.0) for score in after.values()]
        return statistics.chance_of_lower_mean(before.values(), shifted)


def compare(baseline: Baseline, run: Sequence[Measured], tolerance: Tolerance) -> BaselineReport:
    """Return every comparison, sorted by test and metric.

    One attempt on either side is compared as it is: a drop beyond the tolerance is a regression. Several are compared
    by an exact test whose level holds for the whole run: a drop that may be chance is inconclusive.
    """
    renamed = _renamed(baseline.tests, run)
    pairs: list[_Pair] = []
    behaviour: list[BehaviourChange] = []
    new: list[tuple[str, str]] = []
    gone: list[tuple[str, str]] = []
    unscored: list[tuple[str, str]] = []
    ignored = baseline.ignored
    for test in sorted(run, key=lambda each: each.test_id):
        old_id = renamed.get(test.test_id, test.test_id)
        known = baseline.tests.get(old_id)
        if known is None:
            new.extend((test.test_id, metric) for metric in sorted(test.samples))
            continue
        matched = set[str]()
        for metric, after in sorted(test.samples.items()):
            name = _name_in(known, test, metric)
            if name is None:
                new.append((test.test_id, metric))
                continue
            matched.add(name)
            pairs.append(
                _Pair(
                    test_id=test.test_id,
                    metric=metric,
                    before=known.samples[name],
                    after=after,
                    max_drop=tolerance.of(test.test_id, metric),
                    renamed_from=old_id if old_id != test.test_id else "",
                )
            )
        for metric in sorted(known.samples.keys() - matched):
            if metric in test.metrics or (known.is_own and not test.metrics):
                unscored.append((test.test_id, metric))
            elif known.is_own:
                gone.append((test.test_id, metric))
            else:
                ignored += 1
        if known.behaviour is not None and test.behaviour is not None:
            behaviour.extend(behaviour_changes(test.test_id, known.behaviour, test.behaviour))
    here = {renamed.get(test.test_id, test.test_id) for test in run}
    for test_id in sorted(baseline.tests.keys() - here):
        gone.extend((test_id, metric) for metric in sorted(baseline.tests[test_id].samples))
    return BaselineReport(
        file=baseline.file,
        suite=baseline.suite,
        digest=baseline.digest,
        created_at=baseline.created_at,
        assay_version=baseline.assay_version,
        changes=tuple(_judged(pairs)),
        behaviour=tuple(behaviour),
        new=tuple(new),
        missing=tuple(sorted(gone)),
        renamed=tuple(sorted((old, now) for now, old in renamed.items())),
        not_compared=tuple(unscored),
        ignored=ignored,
    )


def refuse_nothing(report: BaselineReport, run: Sequence[Measured]) -> None:
    """Return if something was compared, or the run has no score that could have been.

    Raises:
        InputError: E_BASE_MISMATCH.
    """
    if not report.changes and not report.not_compared and any(each.samples for each in run):
        message = f"{report.file} has no score of any check of this run, so nothing could be compared"
        raise InputError(code="E_BASE_MISMATCH", message=message)


def _judged(pairs: Sequence[_Pair]) -> Iterator[ScoreChange]:
    sampled = [pair for pair in pairs if pair.is_sampled]
    chances = [pair.chance() if pair.fell else 1.0 for pair in sampled]
    levels = statistics.levels(chances, LEVEL)
    told = {id(pair): (chance, level) for pair, chance, level in zip(sampled, chances, levels, strict=True)}
    for pair in pairs:
        if id(pair) in told:
            yield _sampled(pair, *told[id(pair)])
        else:
            yield _change(pair, "fail" if pair.fell else "pass")


def _sampled(pair: _Pair, chance: float, level: float) -> ScoreChange:
    verdict: BaselineVerdict = "pass" if not pair.fell else "fail" if chance <= level else "inconclusive"
    change = attrs.evolve(_change(pair, verdict), level=level, p_value=chance if pair.fell else None)
    before, after = pair.before, pair.after
    if before.is_binary and after.is_binary:
        k = min(before.measured, after.measured, _SHOWN_K)
        change = attrs.evolve(change, k=k, before_rate=_rate(before, k), after_rate=_rate(after, k))
    if verdict != "inconclusive":
        return change
    if before.is_binary and after.is_binary:
        start = max(before.measured, after.measured)
        more = statistics.attempts_for_rates(before.mean, after.mean, level, start)
    else:
        gap = -pair.delta - (pair.max_drop or 0.0)
        more = statistics.attempts_for_means(before.values(), after.values(), gap, level)
    return attrs.evolve(change, settled_by=more)


def _change(pair: _Pair, verdict: BaselineVerdict) -> ScoreChange:
    return ScoreChange(
        test_id=pair.test_id,
        metric=pair.metric,
        before=pair.before.mean,
        after=pair.after.mean,
        delta=pair.delta,
        max_drop=pair.max_drop,
        verdict=verdict,
        renamed_from=pair.renamed_from,
    )


def _rate(sample: Sample, k: int) -> PassRate:
    low, high = statistics.binomial_interval(sample.passed, sample.measured)
    return PassRate(
        passed=sample.passed,
        attempts=sample.measured,
        low=low,
        high=high,
        pass_k=statistics.pass_k(sample.passed, sample.measured, k),
    )


def _name_in(known: KnownTest, test: Measured, metric: str) -> str | None:
    """Return the name that a metric of the run has in the baseline, None where it has none."""
    if metric in known.samples:
        return metric
    other = _ALIASES.get(metric)
    return other if other in known.samples and other not in test.metrics else None


def _renamed(known: Mapping[str, KnownTest], run: Sequence[Measured]) -> dict[str, str]:
    """Return new id to old id of the tests that are the same but for their id, and of which there is but one."""
    here = {test.test_id for test in run}
    old = Counter(test.digest for test_id, test in known.items() if test_id not in here and test.digest)
    new = Counter(test.digest for test in run if test.test_id not in known and test.digest)
    by_digest = {test.digest: test_id for test_id, test in known.items() if test_id not in here}
    return {
        test.test_id: by_digest[test.digest]
        for test in run
        if test.test_id not in known and new[test.digest] == 1 and old[test.digest] == 1
    }
