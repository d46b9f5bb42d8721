"""Holds an episode to a number of tool calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from assay_core.contracts import CheckContext
from assay_core.errors import InputError
from assay_core.model import Episode, Expectation, Finding, MetricResult, Outcome

__all__ = ["ExampleMetric", "ExampleOptions"]


@attrs.frozen(kw_only=True)
class ExampleOptions:
    """What `expected: {type: example}` may say."""

    max_calls: int  # an episode with more fails


@attrs.frozen
class _Check:
    max_calls: int

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        return [self._measure(episode) for episode in episodes]

    def _measure(self, episode: Episode) -> MetricResult:
        calls = len(episode.tool_calls)
        if calls <= self.max_calls:
            return MetricResult(outcome=Outcome.HELD, details={"calls": calls})
        finding = Finding(
            code="E_TRACE_ASSERT_FAIL",
            message=f"{calls} tool calls, at most {self.max_calls} were expected",
            rule="example",
            source=episode.source,
            episode_id=episode.id,
        )
        return MetricResult(outcome=Outcome.VIOLATED, findings=(finding,), details={"calls": calls})


class ExampleMetric:
    """Makes checks of the type `example`."""

    types: ClassVar = {"example": ExampleOptions}
    needs_episode = True
    pure = True
    blocking = False
    needs: ClassVar[frozenset[str]] = frozenset()

    def prepare(self, expectation: Expectation, context: CheckContext) -> _Check:  # noqa: ARG002 - the contract
        """Check the options.

        Raises:
            InputError: E_CFG_PARSE, where the number is negative.
        """
        options = expectation.options
        if not isinstance(options, ExampleOptions):
            raise TypeError("the core hands over the options of `types`")
        if options.max_calls < 0:
            raise InputError(code="E_CFG_PARSE", message="max_calls is at least 0", place=expectation.place)
        return _Check(options.max_calls)
