"""`nearest_known_good` and `nearest_known_bad`: how near a response is to responses that somebody has judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, JsonValue, MetricResult, Outcome
from assay_metric_embedding.embedding import TextVectors
from assay_metric_embedding.neighbours import IndexChoice
from assay_metric_embedding.references import Known, Nearest, ReferenceTexts, read_episodes, refuse_empty
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
from assay_metric_embedding.similarity import check_bound

__all__ = ["KnownBadOptions", "KnownGoodOptions", "NearestKnownBad", "NearestKnownGood"]

_SHOWN = 3  # neighbours in the details


@attrs.frozen(kw_only=True)
class KnownGoodOptions:
    """Options of `nearest_known_good`."""

    references: tuple[str, ...]  # traces whose responses are good, relative to the suite
    min_score: float = 0.80  # least cosine with the nearest of them
    embedder: str | None = None  # None: that of --embedder
    format: str = "jsonl"  # the importer of the references
    index: IndexChoice = "auto"


@attrs.frozen(kw_only=True)
class KnownBadOptions:
    """Options of `nearest_known_bad`."""

    references: tuple[str, ...]  # traces whose responses are bad, relative to the suite
    max_score: float = 0.80  # greatest cosine with the nearest of them
    embedder: str | None = None  # None: that of --embedder
    format: str = "jsonl"  # the importer of the references
    index: IndexChoice = "auto"


class NearestKnownGood(ByMeaning):
    """The response is near enough to one that is known to be good."""

    types: Mapping[str, type[object]] = {"nearest_known_good": KnownGoodOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Read the references and find the embedder."""
        options = options_of(expectation, KnownGoodOptions)
        check_bound(expectation, "min_score", options.min_score)
        vectors, texts = _prepared(expectation, options, context)

        def judge(episode: Episode) -> MetricResult:
            return _judged(episode, "nearest_known_good", texts, vectors, least=options.min_score)

        return _check(judge, vectors, texts, expectation)


class NearestKnownBad(ByMeaning):
    """The response is not too near to any that is known to be bad."""

    types: Mapping[str, type[object]] = {"nearest_known_bad": KnownBadOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Read the references and find the embedder."""
        options = options_of(expectation, KnownBadOptions)
        if options.max_score >= 1:
            message = f"no response is nearer than max_score {options.max_score:g}, so that the check could never fail"
            raise refuse(expectation, message, code="E_CFG_VACUOUS", remedy="choose a bound below 1")
        if options.max_score < -1:
            raise refuse(expectation, f"every response is nearer than max_score {options.max_score:g}")
        vectors, texts = _prepared(expectation, options, context)

        def judge(episode: Episode) -> MetricResult:
            return _judged(episode, "nearest_known_bad", texts, vectors, most=options.max_score)

        return _check(judge, vectors, texts, expectation)


def _check(
    judge: Callable[[Episode], MetricResult], vectors: TextVectors, known: ReferenceTexts, expectation: Expectation
) -> EachEpisode:
    def texts(episode: Episode) -> tuple[str, ...]:
        return () if episode.response is None or is_blank(episode.response) else (episode.response,)

    return EachEpisode(judge=judge, vectors=vectors, expectation=expectation, texts=texts, known=known.texts)


def _prepared(
    expectation: Expectation, options: KnownGoodOptions | KnownBadOptions, context: CheckContext
) -> tuple[TextVectors, ReferenceTexts]:
    vectors = TextVectors(context, named=options.embedder)
    known = [
        Known(text=episode.response, source=episode.source, episode_id=episode.id)
        for episode in read_episodes(options.references, options.format, expectation, context)
        if episode.response is not None and not is_blank(episode.response)
    ]
    if not known:
        raise refuse_empty(expectation, "response")
    return vectors, ReferenceTexts(known, vectors, index=options.index)


def _judged(
    episode: Episode,
    rule: str,
    texts: ReferenceTexts,
    vectors: TextVectors,
    *,
    least: float | None = None,
    most: float | None = None,
) -> MetricResult:
    """Compare with the nearest: it has to reach `least`, or may not exceed `most`."""
    if episode.response is None or is_blank(episode.response):
        return without_response(episode, rule)
    near = texts.nearest(episode.response, _SHOWN)
    score = near[0].score
    details: dict[str, JsonValue] = {
        "similarity": score,
        "references": len(texts),
        "model": vectors.model,
        "epsilon": EPSILON,
        "nearest": [_shown(each) for each in near],
    }
    if least is not None:
        details["min_score"] = least
        held, result, code = score + EPSILON >= least, score, "E_SIMILARITY_LOW"
        message = f"the nearest known good response ({_where(near[0])}) is at {score:.4f}, below {least:g}"
    else:
        details["max_score"] = most
        held, result, code = score - EPSILON <= (most or 0.0), 1.0 - score, "E_SIMILARITY_HIGH"
        message = f"the nearest known bad response ({_where(near[0])}) is at {score:.4f}, above {most:g}"
    result = max(0.0, min(1.0, result))
    if held:
        return MetricResult(outcome=Outcome.HELD, score=result, details=details)
    finding = finding_at(episode, code, message, rule=rule)
    return MetricResult(
        outcome=Outcome.VIOLATED, score=result, findings=(finding,), details={"message": message, **details}
    )


def _shown(near: Nearest) -> dict[str, JsonValue]:
    source = near.known.source
    return {"score": near.score, "file": source.file, "line": source.line, "episode": near.known.episode_id}


def _where(near: Nearest) -> str:
    source = near.known.source
    return source.file if source.line is None else f"{source.file}:{source.line}"
