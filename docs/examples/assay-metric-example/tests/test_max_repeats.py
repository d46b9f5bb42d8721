"""The contract of every metric, and what this one is about."""

from collections.abc import Mapping, Sequence

import pytest
from assay_metric_example import MaxRepeats

from assay_core.contracts import Metric
from assay_core.errors import InputError
from assay_core.model import JsonValue, Outcome
from assay_core.testing import MetricContract, expectation_of, make_call, make_context, make_episode


class TestMaxRepeats(MetricContract):
    """The kit adds a dozen tests: one result per episode, determinism, hostile strings, no mutation, …"""

    @pytest.fixture
    def metric(self) -> Metric:
        return MaxRepeats()

    @pytest.fixture
    def expectation(self) -> Mapping[str, JsonValue]:
        return {"type": "example.max_repeats", "max": 1}

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        return [{"type": "example.max_repeats", "max": 1, "tools": []}]

    @pytest.mark.parametrize(
        ("tools", "expected"),
        [
            (["fetch", "fetch", "read"], Outcome.HELD),
            (["fetch", "fetch", "fetch"], Outcome.VIOLATED),
            (["fetch", "fetch", "read", "fetch"], Outcome.HELD),
            ([], Outcome.NOT_APPLICABLE),
        ],
    )
    def test_only_an_unbroken_run_counts(self, metric: Metric, tools: list[str], expected: Outcome) -> None:
        expectation = expectation_of(metric, {"type": "example.max_repeats", "max": 2})
        check = metric.prepare(expectation, make_context())

        (result,) = check.measure([make_episode(*(make_call(tool, {"id": 7}) for tool in tools))])

        assert result.outcome is expected

    def test_calls_with_other_arguments_are_no_repetition(self, metric: Metric) -> None:
        check = metric.prepare(expectation_of(metric, {"type": "example.max_repeats", "max": 1}), make_context())

        (result,) = check.measure([make_episode(make_call("fetch", {"id": 1}), make_call("fetch", {"id": 2}))])

        assert result.outcome is Outcome.HELD

    def test_finding_points_to_the_last_call_of_the_run(self, metric: Metric) -> None:
        check = metric.prepare(expectation_of(metric, {"type": "example.max_repeats", "max": 1}), make_context())

        (result,) = check.measure([make_episode(make_call("fetch", line=4), make_call("fetch", line=5))])

        (finding,) = result.findings
        assert (finding.code, finding.tool, finding.call_index) == ("E_EXAMPLE_REPEATED", "fetch", 1)
        assert finding.source is not None
        assert finding.source.line == 5

    def test_a_limit_below_one_is_refused(self, metric: Metric) -> None:
        with pytest.raises(InputError) as caught:
            metric.prepare(expectation_of(metric, {"type": "example.max_repeats", "max": 0}), make_context())

        assert caught.value.code == "E_CFG_PARSE"
