"""Blocking checks have a deadline and cannot hold up a run."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import attrs
import pytest

from assay_core.errors import ServiceError
from assay_core.model import Episode, MetricResult
from assay_core.run.plan import PlannedCheck
from assay_core.run.pool import Pool
from tests.unit.run import builders as build


@attrs.frozen
class Waits:
    """Waits for an event that comes, or never comes."""

    event: threading.Event

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        self.event.wait(timeout=30)
        return [build.HELD for _ in episodes]


def planned(check: object) -> PlannedCheck:
    (first,) = build.make_test(build.always(build.HELD)).checks
    return attrs.evolve(first, prepared=check, blocking=True)  # type: ignore[arg-type]  # a check in shape


def test_a_blocking_check_that_does_not_answer_is_a_timeout() -> None:
    never = threading.Event()

    with pytest.raises(ServiceError) as caught:
        Pool(workers=1, timeout_s=0.01).measure(planned(Waits(never)), [build.make_episode()])

    never.set()
    assert (caught.value.code, caught.value.exit_code) == ("E_TIMEOUT", 3)


def test_blocking_checks_answer_in_the_order_of_the_episodes() -> None:
    check = build.contains("yes")
    episodes = [build.make_episode(str(n), response="yes" if n % 2 else "no") for n in range(7)]

    results = Pool(workers=3, timeout_s=30).measure(planned(check), episodes)

    assert list(results) == list(check.measure(episodes))


def test_what_a_blocking_check_raises_reaches_the_caller() -> None:
    def explode(_: Episode | None) -> MetricResult:
        raise ZeroDivisionError("boom")

    with pytest.raises(ZeroDivisionError, match="boom"):
        Pool(workers=2, timeout_s=30).measure(planned(build.Check(explode)), [build.make_episode()])
