from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import attrs

from assay_core.model import Episode, MetricResult
from assay_core.run.repeating import Repeats
from tests.unit.run import builders as build


@attrs.define
class Moody:
    """Fails a number of times, then holds."""

    failures: int
    asked: int = 0

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        self.asked += 1
        held = self.asked > self.failures
        return [build.HELD if held else build.VIOLATED for _ in episodes or (None,)]


def test_a_failure_that_holds_when_measured_again_is_flaky() -> None:
    check = Moody(failures=2)

    outcome = build.evaluate(
        [build.make_test(check, pure=False)],  # type: ignore[arg-type]  # a check like the others
        [build.make_episode()],
        repeats=Repeats(times=3),
    )

    (row,) = outcome.rows
    assert (row.status, row.message, outcome.counts.flaky) == ("flaky", "flake detected (rerun passed)", 1)
    flake = row.details["flake"]
    assert isinstance(flake, dict)
    assert [each["status"] for each in flake["attempts"][0]["attempts"]] == ["violated", "violated", "held"]
    assert check.asked == 3


def test_a_failure_that_never_holds_stays_one_after_the_allowed_number() -> None:
    check = Moody(failures=9)

    outcome = build.evaluate(
        [build.make_test(check, pure=False)],  # type: ignore[arg-type]  # a check like the others
        [build.make_episode()],
        repeats=Repeats(times=2),
    )

    assert [row.status for row in outcome.rows] == ["fail"]
    assert check.asked == 3


def test_a_check_that_cannot_vary_is_measured_once() -> None:
    check = Moody(failures=1)

    outcome = build.evaluate(
        [build.make_test(check)],  # type: ignore[arg-type]  # a check like the others
        [build.make_episode()],
        repeats=Repeats(times=3),
    )

    assert [row.status for row in outcome.rows] == ["fail"]
    assert check.asked == 1


def test_a_check_without_an_episode_is_measured_again_as_well() -> None:
    check = Moody(failures=1)

    outcome = build.evaluate(
        [build.make_test(check, own=True, pure=False)],  # type: ignore[arg-type]  # a check like the others
        repeats=Repeats(times=1),
    )

    assert [row.status for row in outcome.rows] == ["flaky"]


def test_only_further_measurements_go_around_the_cache() -> None:
    bypassed: list[int] = []
    check = Moody(failures=1)

    @contextlib.contextmanager
    def bypass() -> Iterator[None]:
        bypassed.append(check.asked)
        yield

    build.evaluate(
        [build.make_test(check, pure=False)],  # type: ignore[arg-type]  # a check like the others
        [build.make_episode()],
        repeats=Repeats(times=3, bypass=bypass),
    )

    assert bypassed == [1]
