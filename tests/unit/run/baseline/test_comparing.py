"""Runs beside baselines: values in, verdicts out."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from assay_core.errors import InputError
from assay_core.run.baseline.comparing import LEVEL, Tolerance, compare, refuse_nothing
from assay_core.run.baseline.document import Baseline, KnownTest
from assay_core.run.baseline.measured import Measured, Sample, measured_of


def sample(passed: int, measured: int) -> Sample:
    return Sample(passed=passed, measured=measured)


def known(tests: Mapping[str, Mapping[str, Sample]], *, own: bool = True) -> Baseline:
    return Baseline(suite="s", tests={name: KnownTest(samples=samples, is_own=own) for name, samples in tests.items()})


def run(test_id: str = "t", digest: str = "", **samples: Sample) -> Measured:
    return Measured(test_id=test_id, digest=digest, samples=samples, metrics=frozenset(samples))


def verdict(before: Sample, after: Sample, max_drop: float = 0.05) -> str:
    (change,) = compare(known({"t": {"m": before}}), [run(m=after)], Tolerance(max_drop=max_drop)).changes
    return change.verdict


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1.0, 1.0, "pass"),
        (0.9, 0.85, "pass"),  # exactly the limit, whatever binary fractions make of it
        (0.9, 0.8499, "fail"),
        (0.9, 0.95, "pass"),
        (1.0, 0.0, "fail"),
    ],
)
def test_one_attempt_on_either_side_is_compared_as_it_is(before: float, after: float, expected: str) -> None:
    assert verdict(Sample.single(before), Sample.single(after)) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((10, 10), (10, 10), "pass"),
        ((10, 10), (9, 10), "inconclusive"),
        ((10, 10), (5, 10), "fail"),
        ((20, 20), (19, 20), "pass"),  # within max_drop
        ((1, 1), (2, 3), "inconclusive"),
        ((3, 3), (0, 3), "fail"),
        ((2, 2), (0, 2), "inconclusive"),  # two attempts can never tell
        ((5, 10), (9, 10), "pass"),
    ],
)
def test_several_attempts_are_told_from_chance(before: tuple[int, int], after: tuple[int, int], expected: str) -> None:
    assert verdict(sample(*before), sample(*after)) == expected


def test_scores_of_several_attempts_are_compared_by_their_means() -> None:
    high, low = (0.95, 0.94, 0.96, 0.95), (0.8, 0.82, 0.81, 0.8)

    assert verdict(Sample(passed=4, measured=4, scores=high), Sample(passed=4, measured=4, scores=low)) == "fail"
    assert verdict(Sample(passed=4, measured=4, scores=high), Sample(passed=2, measured=2, scores=low[:2])) == (
        "inconclusive"
    )
    assert verdict(Sample(passed=4, measured=4, scores=high), Sample(passed=4, measured=4, scores=low), 0.2) == "pass"


def test_an_inconclusive_comparison_says_what_would_settle_it() -> None:
    (change,) = compare(known({"t": {"m": sample(10, 10)}}), [run(m=sample(9, 10))], Tolerance()).changes

    assert (change.settled_by, change.k) == (45, 4)
    assert change.after_rate is not None
    assert change.after_rate.pass_k == pytest.approx(0.6)
    assert (change.after_rate.low, change.after_rate.high) == pytest.approx((0.5550, 0.9975), abs=1e-4)


def test_many_comparisons_share_one_level() -> None:
    """One drop of many is what chance makes of many; the same drop alone is a regression."""
    tests = {f"t{at}": {"m": sample(10, 10)} for at in range(20)}
    after = [run(f"t{at}", m=sample(5 if at == 0 else 10, 10)) for at in range(20)]

    (fell,) = [each for each in compare(known(tests), after, Tolerance()).changes if each.delta]

    assert (fell.verdict, fell.level) == ("inconclusive", LEVEL / 20)
    assert verdict(sample(10, 10), sample(5, 10)) == "fail"


@pytest.mark.parametrize("rates", [(0.5,), (0.9,), (0.99,), (0.3, 0.6, 0.8, 0.9, 0.95)])
def test_runs_of_an_unchanged_agent_are_hardly_ever_called_a_regression(rates: tuple[float, ...]) -> None:
    """Simulated with a seed: whole runs of 5 tests with 8 attempts, pass or fail, and one test with scores."""
    generator = random.Random(20261122)
    runs, alarms = 400, 0

    def drawn() -> dict[str, Sample]:
        found = {}
        for at in range(5):
            rate = rates[at % len(rates)]
            found[f"t{at}"] = sample(sum(generator.random() < rate for _ in range(8)), 8)
        scores = tuple(min(1.0, max(0.0, generator.gauss(0.8, 0.1))) for _ in range(6))
        return {**found, "scored": Sample(passed=6, measured=6, scores=scores)}

    for _ in range(runs):
        before, after = drawn(), drawn()
        report = compare(
            known({name: {"m": each} for name, each in before.items()}),
            [run(name, m=each) for name, each in after.items()],
            Tolerance(),
        )
        alarms += bool(report.of("fail"))

    assert alarms / runs <= LEVEL


def test_a_real_fall_is_found() -> None:
    report = compare(
        known({f"t{at}": {"m": sample(20, 20)} for at in range(10)}),
        [run(f"t{at}", m=sample(8 if at == 3 else 20, 20)) for at in range(10)],
        Tolerance(),
    )

    assert [change.test_id for change in report.of("fail")] == ["t3"]


def test_tolerances_are_per_test_and_metric() -> None:
    tolerance = Tolerance(max_drop=0.05, by_metric={("t", "m"): 0.3, ("u", "m"): 0.0})
    before = known({name: {"m": Sample.single(0.9)} for name in "tuv"})

    found = compare(before, [run(name, m=Sample.single(0.88)) for name in "tuv"], tolerance)

    assert [(each.test_id, each.verdict) for each in found.changes] == [("t", "pass"), ("u", "fail"), ("v", "pass")]
    assert compare(before, [run("t", m=Sample.single(0.0))], Tolerance(max_drop=None)).of("fail") == ()


def test_new_missing_and_renamed_tests_are_told_apart() -> None:
    baseline = Baseline(
        suite="s",
        tests={
            "old": KnownTest(samples={"m": Sample.single(1.0)}, digest="d1", is_own=True),
            "gone": KnownTest(samples={"m": Sample.single(1.0)}, digest="d2", is_own=True),
            "twin-a": KnownTest(samples={"m": Sample.single(1.0)}, digest="d3", is_own=True),
            "twin-b": KnownTest(samples={"m": Sample.single(1.0)}, digest="d3", is_own=True),
        },
    )

    found = compare(
        baseline,
        [run("new-name", "d1", m=Sample.single(0.5)), run("fresh", "d9", m=Sample.single(1.0)), run("twin", "d3")],
        Tolerance(),
    )

    assert found.renamed == (("old", "new-name"),)
    assert [(each.test_id, each.renamed_from, each.verdict) for each in found.changes] == [("new-name", "old", "fail")]
    assert found.new == (("fresh", "m"),)
    assert found.missing == (("gone", "m"), ("twin-a", "m"), ("twin-b", "m"))  # which twin it is nobody can say


def test_entries_that_do_not_apply_are_counted_where_others_wrote_them_for_every_test() -> None:
    entries = {"t": {name: Sample.single(1.0) for name in ("m", "faithfulness", "relevance")}}

    theirs = compare(known(entries, own=False), [run(m=Sample.single(1.0))], Tolerance())
    ours = compare(known(entries), [run(m=Sample.single(1.0))], Tolerance())

    assert (theirs.ignored, theirs.missing) == (2, ())
    assert (ours.ignored, ours.missing) == (0, (("t", "faithfulness"), ("t", "relevance")))


def test_the_rust_name_of_a_metric_is_known() -> None:
    theirs = known({"t": {"regex_match": Sample.single(1.0)}}, own=False)

    found = compare(theirs, [run(regex_not_match=Sample.single(0.0))], Tolerance())

    assert [(each.metric, each.verdict) for each in found.changes] == [("regex_not_match", "fail")]


def test_a_check_without_a_score_is_not_compared_and_not_forgotten() -> None:
    measured = measured_of("t", {"metrics": {"m": {"score": None, "exercised": False}}})

    found = compare(known({"t": {"m": Sample.single(1.0)}}), [measured], Tolerance())

    assert (found.changes, found.not_compared) == ((), (("t", "m"),))
    refuse_nothing(found, [measured])


def test_comparing_nothing_is_an_error() -> None:
    measured = [run("t", m=Sample.single(1.0))]
    found = compare(known({"other": {"m": Sample.single(1.0)}}), measured, Tolerance())

    with pytest.raises(InputError) as caught:
        refuse_nothing(found, measured)

    assert caught.value.code == "E_BASE_MISMATCH"
