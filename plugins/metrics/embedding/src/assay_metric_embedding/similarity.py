"""`semantic_similarity_to`: the response means what a reference text means."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, JsonValue, MetricResult, Outcome
from assay_metric_embedding.embedding import TextVectors
from assay_metric_embedding.results import (
    EPSILON,
    ByMeaning,
    EachEpisode,
    finding_at,
    is_blank,
    options_of,
    refuse,
    without_response,
)
from assay_metric_embedding.vectors import Recorded, cosine, recorded, unpack

__all__ = ["SemanticSimilarity", "SimilarityOptions", "check_bound"]

_TYPE = "semantic_similarity_to"


@attrs.frozen(kw_only=True)
class SimilarityOptions:
    """Options of `semantic_similarity_to`."""

    semantic_similarity_to: str = attrs.field(metadata={"names": ("text",)})  # the reference text
    min_score: float = attrs.field(default=0.80, metadata={"names": ("threshold",)})  # least cosine
    model: str | None = attrs.field(default=None, metadata={"unused": True})  # files of the Rust project hold it


class SemanticSimilarity(ByMeaning):
    """The cosine of the vectors of response and reference reaches a bound."""

    types: Mapping[str, type[object]] = {_TYPE: SimilarityOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Refuse bounds that hold always or never, and find the embedder where one is named."""
        options = options_of(expectation, SimilarityOptions)
        if not options.semantic_similarity_to.strip():
            raise refuse(expectation, "the reference text is empty, so nothing can be compared with it")
        check_bound(expectation, "min_score", options.min_score)
        vectors = TextVectors(context)
        return EachEpisode(
            judge=lambda episode: _judge(episode, options, vectors),
            vectors=vectors,
            expectation=expectation,
            texts=lambda episode: _texts(episode, options),
            reference=options.semantic_similarity_to,
        )


def check_bound(expectation: Expectation, name: str, bound: float) -> None:
    """Refuse a least cosine that every response reaches, or none.

    Raises:
        InputError: E_CFG_VACUOUS, E_CFG_PARSE.
    """
    if bound <= -1:
        message = f"{name} {bound:g} is reached by every response, so that the check could never fail"
        raise refuse(expectation, message, code="E_CFG_VACUOUS", remedy="choose a bound above 0")
    if bound > 1:
        raise refuse(expectation, f"{name} {bound:g} is never reached: a cosine is at most 1")


def _judge(episode: Episode, options: SimilarityOptions, vectors: TextVectors) -> MetricResult:
    reference = options.semantic_similarity_to
    pair = recorded(episode, reference)
    if pair is None and is_blank(episode.response):
        return without_response(episode, _TYPE)
    if pair is None:
        pair = _embedded(episode.response or "", reference, vectors)
    score = cosine(pair.response, pair.reference)
    held = score + EPSILON >= options.min_score
    details: dict[str, JsonValue] = {
        "score": score,
        "min_score": options.min_score,
        "epsilon": EPSILON,
        "dims": len(pair.response),
        "model": pair.model,
        "source_response": pair.source_response,
        "source_reference": pair.source_reference,
    }
    if held:
        return MetricResult(outcome=Outcome.HELD, score=max(score, 0.0), details=details)
    message = f"similarity to the reference is {score:.4f}, below {options.min_score:g}"
    finding = finding_at(episode, "E_SIMILARITY_LOW", message, rule=_TYPE)
    return MetricResult(
        outcome=Outcome.VIOLATED,
        score=max(score, 0.0),
        findings=(finding,),
        details={"message": message, **details},
    )


def _texts(episode: Episode, options: SimilarityOptions) -> tuple[str, ...]:
    if episode.response is None or is_blank(episode.response):
        return ()
    return (episode.response, options.semantic_similarity_to)


def _embedded(response: str, reference: str, vectors: TextVectors) -> Recorded:
    of_response, of_reference = vectors.embed([response, reference])
    return Recorded(
        response=unpack(of_response.row),
        reference=unpack(of_reference.row),
        model=vectors.model,
        source_response=of_response.origin,
        source_reference=of_reference.origin,
    )
