"""The metric keeps its contract, and measures what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from assay_metric_example import ExampleMetric

from assay_core.contracts import Metric
from assay_core.errors import InputError
from assay_core.model import JsonValue, Outcome
from assay_core.testing import MetricContract, expectation_of, make_call, make_context, make_episode


class TestExampleMetric(MetricContract):
    @pytest.fixture
    def metric(self) -> Metric:
        return ExampleMetric()

    @pytest.fixture
    def expectation(self) -> Mapping[str, JsonValue]:
        return {"type": "example", "max_calls": 0}

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        return []  # any number can be exceeded


@pytest.mark.parametrize(("limit", "outcome"), [(0, Outcome.VIOLATED), (1, Outcome.HELD)])
def test_counts_the_calls_of_an_episode(limit: int, outcome: Outcome) -> None:
    metric = ExampleMetric()
    check = metric.prepare(expectation_of(metric, {"type": "example", "max_calls": limit}), make_context())

    (result,) = check.measure([make_episode(make_call("read_file"))])

    assert result.outcome is outcome


def test_refuses_a_negative_number() -> None:
    metric = ExampleMetric()

    with pytest.raises(InputError) as caught:
        metric.prepare(expectation_of(metric, {"type": "example", "max_calls": -1}), make_context())

    assert caught.value.code == "E_CFG_PARSE"
