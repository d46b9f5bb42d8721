"""`example.max_repeats`: the same call, with the same arguments, at most so many times in a row."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import attrs

from assay_core.contracts import CheckContext
from assay_core.errors import InputError
from assay_core.model import Episode, Expectation, Finding, MetricResult, Outcome, SourcePlace, ToolCall

__all__ = ["MaxRepeats", "MaxRepeatsOptions"]


@attrs.frozen(kw_only=True)
class MaxRepeatsOptions:
    """What people write in eval.yaml beside `type`."""

    max: int
    tools: tuple[str, ...] | None = None  # only calls of these tools count; None: all of them


class MaxRepeats:
    """The driver: turns an expectation into a check."""

    types: Mapping[str, type[object]] = {"example.max_repeats": MaxRepeatsOptions}
    needs_episode = True
    pure = True
    blocking = False
    needs: frozenset[str] = frozenset()

    def prepare(self, expectation: Expectation, context: CheckContext) -> _Check:  # noqa: ARG002 - the contract's
        """Refuse options that make no sense, before any trace is read."""
        options = expectation.options
        if not isinstance(options, MaxRepeatsOptions):
            raise TypeError("the core builds the options as `types` says")
        if options.max < 1:
            raise InputError(code="E_CFG_PARSE", message="`max` must be at least 1", place=expectation.place)
        if options.tools is not None and not options.tools:
            raise InputError(
                code="E_CFG_VACUOUS", message="`tools` is empty, so no call would count", place=expectation.place
            )
        return _Check(options)


@attrs.frozen
class _Check:
    """The check: looks at episodes, one result for each."""

    options: MaxRepeatsOptions

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        return [self._one(episode) for episode in episodes]

    def _one(self, episode: Episode) -> MetricResult:
        tools = self.options.tools
        calls = [call for call in episode.tool_calls if tools is None or call.tool in tools]
        if not calls:
            return MetricResult(outcome=Outcome.NOT_APPLICABLE)
        run, last = _longest_run(calls)
        if run <= self.options.max:
            return MetricResult(outcome=Outcome.HELD, details={"longest_run": run})
        finding = Finding(
            code="E_EXAMPLE_REPEATED",
            message=f"{last.tool!r} was called {run} times in a row with the same arguments",
            rule="example.max_repeats",
            source=SourcePlace(episode.source.file, last.line),
            episode_id=episode.id,
            tool=last.tool,
            call_index=last.index,
        )
        return MetricResult(outcome=Outcome.VIOLATED, findings=(finding,), details={"longest_run": run})


def _longest_run(calls: Sequence[ToolCall]) -> tuple[int, ToolCall]:
    """Return how long the longest run of equal calls is, and its last call."""
    best, best_call, run = 1, calls[0], 1
    for before, call in itertools.pairwise(calls):
        run = run + 1 if (before.tool, before.args_json) == (call.tool, call.args_json) else 1
        if run > best:
            best, best_call = run, call
    return best, best_call
