"""Small real checks and policies for tests of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from assay_core.errors import Place
from assay_core.model import (
    Episode,
    EpisodeSelector,
    Expectation,
    Finding,
    MetricResult,
    Outcome,
    Settings,
    SourcePlace,
    TestCase,
    Thresholds,
    ToolCall,
)
from assay_core.plugins.record import PluginRecord
from assay_core.run.evaluate import Evaluated, Evaluation
from assay_core.run.plan import Plan, PlannedCheck, PlannedTest

HELD = MetricResult(outcome=Outcome.HELD)
IDLE = MetricResult(outcome=Outcome.NOT_APPLICABLE)
ABSTAINED = MetricResult(outcome=Outcome.ABSTAINED, score=0.5)
VIOLATED = MetricResult(outcome=Outcome.VIOLATED, findings=(Finding(code="E_TEXT_MISSING", message="missing"),))
RECORD = PluginRecord(group="assay.metrics", name="acme.check", dist="acme", version="1.0")


@attrs.frozen
class Check:
    """Answers every episode by a function of it."""

    answer: Callable[[Episode | None], MetricResult]

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        return [self.answer(episode) for episode in episodes] or [self.answer(None)]


def always(result: MetricResult) -> Check:
    return Check(lambda _: result)


def contains(word: str) -> Check:
    return Check(lambda episode: HELD if episode and word in (episode.response or "") else VIOLATED)


def make_test(
    *checks: Check,
    test_id: str = "t",
    prompt: str | None = "p",
    episode: str | None = None,
    own: bool = False,
    pure: bool = True,
    **fields: object,
) -> PlannedTest:
    select = EpisodeSelector(prompt=prompt if episode is None else None, episode=episode, match_all=False)
    if prompt is None and episode is None:
        select = EpisodeSelector(match_all=True)
    place = Place("eval.yaml", 3, 5)
    expectation = Expectation(type="acme.check", options=None, raw={}, place=place)
    case = TestCase(id=test_id, select=select, expectations=(expectation,) * len(checks), place=place, **fields)  # type: ignore[arg-type]  # attrs checks
    planned = tuple(
        PlannedCheck(
            expectation=expectation, prepared=check, record=RECORD, needs_episode=not own, blocking=False, pure=pure
        )
        for check in checks
    )
    return PlannedTest(case=case, checks=planned)


def make_episode(episode_id: str = "e1", prompt: str | None = "p", response: str = "yes", *calls: ToolCall) -> Episode:
    return Episode(id=episode_id, prompt=prompt, response=response, events=calls, source=SourcePlace("t.jsonl", 7))


def evaluate(
    tests: Sequence[PlannedTest],
    *batches: Sequence[Episode],
    policy: object = None,
    settings: Settings | None = None,
    thresholds: Thresholds | None = None,
    fingerprints: Mapping[str, str] | None = None,
    **more: object,
) -> Evaluated:
    evaluation = Evaluation(
        Plan(tests=tuple(tests)),
        policy,  # type: ignore[arg-type]  # JSON values
        settings=settings or Settings(),
        thresholds=thresholds or Thresholds(),
        measure=lambda check, episodes: check.prepared.measure(episodes),
        **more,  # type: ignore[arg-type]  # what a test names
    )
    for batch in batches:
        evaluation.feed(batch)
        if not evaluation.wants_more:
            break
    return evaluation.finish(fingerprints)
