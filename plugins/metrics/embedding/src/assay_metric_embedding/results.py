"""What the checks of this distribution have in common: their shape, their results, the errors of their options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import attrs

from assay_core.errors import AssayError, InputError, Place, UsageError
from assay_core.model import Episode, Expectation, Finding, JsonValue, MetricResult, Outcome, SourcePlace, ToolCall
from assay_metric_embedding.embedding import Deferred, TextVectors

__all__ = ["EPSILON", "ByMeaning", "EachEpisode", "finding_at", "is_blank", "options_of", "refuse", "without_response"]

T = TypeVar("T")
EPSILON = 1e-6  # float32 vectors are no more exact than this


class ByMeaning:
    """What all metrics here are: about recorded episodes, the same each time, and waiting only for an embedder."""

    needs_episode: bool = True
    pure: bool = True
    blocking: bool = False  # a prepared check says so itself where its embedder is on the network
    needs: frozenset[str] = frozenset()  # refused where a vector would have to be fetched, not before


@attrs.frozen(kw_only=True)
class EachEpisode:
    """A prepared check that looks at one episode at a time.

    `assay trace precompute-embeddings` asks it which vectors it will look up.
    """

    judge: Callable[[Episode], MetricResult]
    vectors: TextVectors
    expectation: Expectation
    texts: Callable[[Episode], Sequence[str]]  # of an episode
    known: tuple[str, ...] = ()  # of the references, the same for every episode
    reference: str | None = None  # the text that a record may bring along a vector for

    @property
    def blocking(self) -> bool:
        """Whether the check may wait for the network."""
        return self.vectors.blocking

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        """Return one result per episode, in their order."""
        return [self._one(episode) for episode in episodes]

    def _one(self, episode: Episode) -> MetricResult:
        try:
            return self.judge(episode)
        except Deferred:
            return MetricResult(outcome=Outcome.NOT_APPLICABLE, deferred=True)
        except AssayError as error:
            self._place(error, episode)
            raise

    def _place(self, error: AssayError, episode: Episode) -> None:
        """Say where: a vector that is wrong stands in the trace, what is missing was asked for by the suite."""
        if error.place is None and error.code == "E_EMBEDDING_INVALID":
            error.place = Place(episode.source.file, episode.source.line or 0)
        elif error.place is None and isinstance(error, (InputError, UsageError)):
            error.place = self.expectation.place
            error.message = f"test {self.expectation.test_id!r}: {self.expectation.type}: {error.message}"
            error.args = (error.message,)


def options_of(expectation: Expectation, kind: type[T]) -> T:
    """Return the options, which the core structured as `Metric.types` says."""
    if not isinstance(expectation.options, kind):
        raise TypeError(f"{expectation.type} takes {kind.__name__}, not {type(expectation.options).__name__}")
    return expectation.options


def refuse(expectation: Expectation, message: str, *, code: str = "E_CFG_PARSE", remedy: str = "") -> InputError:
    """Return an error about the options of a check."""
    return InputError(code=code, message=f"{expectation.type}: {message}", remedy=remedy, place=expectation.place)


def finding_at(episode: Episode, code: str, message: str, *, rule: str, call: ToolCall | None = None) -> Finding:
    """Return a finding at a call, or at the episode as a whole where no call is named."""
    source = episode.source
    if call and call.line is not None:
        source = SourcePlace(source.file, call.line)
    return Finding(
        code=code,
        message=message,
        rule=rule,
        source=source,
        episode_id=episode.id,
        tool=call.tool if call else "",
        call_index=call.index if call else None,
    )


def is_blank(text: str | None) -> bool:
    """Tell whether a response is missing or has no visible character, so that it has no meaning to compare."""
    return text is None or not text.strip()


def without_response(episode: Episode, rule: str) -> MetricResult:
    """Return the violation of an episode whose response is missing or empty: nothing holds of what is not there."""
    message = "the episode records no response" if episode.response is None else "the response is empty"
    details: dict[str, JsonValue] = {"message": message}
    finding = finding_at(episode, "E_RESPONSE_MISSING", message, rule=rule)
    return MetricResult(outcome=Outcome.VIOLATED, findings=(finding,), details=details)
