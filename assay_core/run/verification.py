"""Whether a trace holds an episode for every test of a suite."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from assay_core.contracts import Metric
from assay_core.convert import nearest
from assay_core.errors import InputError
from assay_core.model import Episode, Suite, TestCase
from assay_core.plugins.drivers import Drivers

__all__ = ["Verified", "verify"]

_SEEN = 10_000  # names that a miss is compared with


@attrs.frozen(kw_only=True)
class Verified:
    """Every test of the suite, told apart."""

    matched: dict[str, int]  # test id to episodes, in the order of the suite
    without: tuple[str, ...]  # tests that need no episode
    missed: tuple[InputError, ...]  # E_TRACE_MISS, one a test


def verify(suite: Suite, drivers: Drivers, episodes: Iterable[Episode]) -> Verified:
    """Match every test that is about recorded behaviour with the episodes.

    Raises:
        AssayError: what reading the trace or loading a metric raises.
    """
    wanting = [case for case in suite.tests if _needs_episode(case, drivers)]
    matched = {case.id: 0 for case in wanting}
    by_prompt: dict[str, list[str]] = {}
    by_episode: dict[str, list[str]] = {}
    for case in wanting:
        if case.select.prompt is not None:
            by_prompt.setdefault(case.select.prompt, []).append(case.id)
        elif case.select.episode is not None:
            by_episode.setdefault(case.select.episode, []).append(case.id)
    everywhere = [case.id for case in wanting if case.select.match_all]
    seen: dict[str, None] = {}
    for episode in episodes:
        for test_id in (*by_prompt.get(episode.prompt or "", ()), *by_episode.get(episode.id, ()), *everywhere):
            matched[test_id] += 1
        if len(seen) < _SEEN:
            seen |= dict.fromkeys(name for name in (episode.prompt, episode.id) if name)
    missed = tuple(_miss(case, list(seen)) for case in wanting if not matched[case.id])
    without = tuple(case.id for case in suite.tests if case.id not in matched)
    return Verified(matched=matched, without=without, missed=missed)


def _needs_episode(case: TestCase, drivers: Drivers) -> bool:
    for expectation in case.expectations:
        metric: Metric = drivers.load("assay.metrics", expectation.type)  # type: ignore[assignment]  # drivers checks the contract
        if metric.needs_episode:
            return True
    return False


def _miss(case: TestCase, seen: list[str]) -> InputError:
    wanted = case.select.prompt if case.select.prompt is not None else case.select.episode or "match: all"
    kind = "prompt" if case.select.prompt is not None else "episode id"
    guess = nearest(wanted, seen)
    hint = f"; the nearest recorded one is {guess!r}" if guess else ""
    return InputError(
        code="E_TRACE_MISS", message=f"test {case.id!r} matches no episode: no recorded {kind} is {wanted!r}{hint}",
        place=case.place,
    )  # fmt: skip
