"""The contract of metrics, as tests to inherit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import attrs
import msgspec
import pytest

from assay_core.contracts import CheckContext, Metric, PreparedCheck
from assay_core.convert import structure
from assay_core.errors import AssayError, InputError, Place
from assay_core.model import Episode, Expectation, JsonObject, JsonValue, MetricResult, Outcome, SourcePlace
from assay_core.testing.contract import PluginContract
from assay_core.testing.factories import make_call, make_context, make_episode
from assay_core.testing.hostile import hostile_episodes

__all__ = ["MetricContract", "expectation_of"]

_KNOWN = frozenset({"network", "model"})
_PLACE = Place("eval.yaml", 7, 9, "      type: sample")


def expectation_of(metric: Metric, raw: JsonObject) -> Expectation:
    """Return an expectation as the core would make it from eval.yaml, `type` included."""
    kind = str(raw["type"])
    options = {key: value for key, value in raw.items() if key != "type"}
    return Expectation(type=kind, options=structure(options, metric.types[kind]), raw=raw, place=_PLACE)


class MetricContract(PluginContract):
    """Supply the fixtures `metric` and `expectation`, and `vacuous`: options with which it could never fail.

    `expectation` is the mapping of eval.yaml, e.g. `{"type": "acme.latency", "max_ms": 50}`. Override `episodes`
    where the samples of the kit tell your metric nothing, and `context` where it needs a policy or a driver.
    """

    group: ClassVar[str] = "assay.metrics"
    driver_fixture: ClassVar[str] = "metric"

    @pytest.fixture
    def metric(self) -> Metric:
        """The metric under test."""
        raise NotImplementedError("write a fixture `metric` that returns your metric")

    @pytest.fixture
    def expectation(self) -> Mapping[str, JsonValue]:
        """One valid expectation, as written in eval.yaml."""
        raise NotImplementedError("write a fixture `expectation` that returns the mapping of eval.yaml")

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        """Expectations that could never fail; an empty list says that there is no such thing."""
        raise NotImplementedError(
            "write a fixture `vacuous` that returns expectations that can never fail; return [] if none can be written"
        )

    @pytest.fixture
    def context(self) -> CheckContext:
        """What the core lends to the check."""
        return make_context()

    @pytest.fixture
    def episodes(self) -> Sequence[Episode]:
        """Three episodes: with calls, without, and one that is not complete."""
        return [
            make_episode(make_call("read_file", {"path": "/a"}, result={"ok": True}, ts_ms=0.0, duration_ms=5.0)),
            make_episode(id="e2", source=SourcePlace("trace.jsonl", 2)),
            make_episode(make_call("delete_file"), id="e3", complete=False, response=None),
        ]

    @pytest.fixture
    def check(self, metric: Metric, expectation: JsonObject, context: CheckContext) -> PreparedCheck:
        """The prepared check."""
        return metric.prepare(expectation_of(metric, expectation), context)

    def test_types_are_attrs_classes_and_needs_are_known(self, metric: Metric) -> None:
        """The strict converter builds the options; `--deny network` looks at the needs."""
        assert metric.types
        assert all(attrs.has(kind) for kind in metric.types.values())
        assert metric.needs <= _KNOWN

    def test_one_result_per_episode_in_their_order(
        self, metric: Metric, check: PreparedCheck, episodes: Sequence[Episode]
    ) -> None:
        """Whatever the number of episodes; a metric that needs none gives exactly one result."""
        if not metric.needs_episode:
            assert len(check.measure([])) == 1
            return
        together = list(check.measure(episodes))

        assert len(check.measure([])) == 0
        assert len(together) == len(episodes)
        if metric.pure:
            assert [check.measure([each])[0] for each in episodes] == together
            assert list(reversed(check.measure(list(reversed(episodes))))) == together

    def test_results_are_the_same_twice(
        self, metric: Metric, expectation: JsonObject, context: CheckContext, episodes: Sequence[Episode]
    ) -> None:
        """A pure metric is deterministic, and one prepared check leaves nothing behind for the next."""
        if not metric.pure:
            pytest.skip("the metric says that it is not pure")
        given = episodes if metric.needs_episode else []
        first, second = (metric.prepare(expectation_of(metric, expectation), context) for _ in range(2))

        assert list(first.measure(given)) == list(second.measure(given)) == list(first.measure(given))

    def test_results_keep_their_shape(self, metric: Metric, check: PreparedCheck, episodes: Sequence[Episode]) -> None:
        """Scores between 0 and 1; what is violated says so with a finding under a registered code."""
        given = [*episodes, *hostile_episodes()] if metric.needs_episode else []
        for result in check.measure(given):
            _check_result(result)

    def test_episodes_are_not_changed(self, metric: Metric, check: PreparedCheck, episodes: Sequence[Episode]) -> None:
        """They are lent."""
        before = [msgspec.json.encode(each) for each in episodes]

        check.measure(episodes if metric.needs_episode else [])

        assert [msgspec.json.encode(each) for each in episodes] == before

    def test_hostile_episodes_are_measured_or_refused_on_purpose(self, metric: Metric, check: PreparedCheck) -> None:
        """Every string of a trace may be an attack."""
        if not metric.needs_episode:
            pytest.skip("the metric looks at no episode")
        for episode in hostile_episodes():
            try:
                results = check.measure([episode])
            except AssayError as error:
                assert error.code.startswith("E_")  # noqa: PT017 - both endings are right
            else:
                assert len(results) == 1

    def test_a_check_that_can_never_fail_is_refused(
        self, metric: Metric, vacuous: Sequence[Mapping[str, JsonValue]], context: CheckContext
    ) -> None:
        """A check that proves nothing must not look like one that passed."""
        for raw in vacuous:
            with pytest.raises(InputError) as caught:
                metric.prepare(expectation_of(metric, raw), context)
            assert caught.value.code == "E_CFG_VACUOUS", raw
            assert caught.value.place is not None, "the error has no place: pass on that of the expectation"


def _check_result(result: MetricResult) -> None:
    assert isinstance(result, MetricResult)
    assert isinstance(result.outcome, Outcome)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        cast("object", result).__setattr__("outcome", Outcome.HELD)
    assert result.score is None or 0.0 <= result.score <= 1.0
    if result.outcome is Outcome.VIOLATED:
        assert result.findings, "a violated result has at least one finding"
    for finding in result.findings:
        assert finding.code.startswith(("E_", "W_"))
        assert finding.message
    assert all(isinstance(key, str) for key in result.details)
