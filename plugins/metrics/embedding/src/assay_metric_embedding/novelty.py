"""`novelty_of_arguments`: how far the arguments of a call are from any that a reference trace holds."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from assay_core.canonical import canonical_bytes
from assay_core.contracts import CheckContext
from assay_core.model import Episode, Expectation, Finding, JsonValue, MetricResult, Outcome, SourcePlace, ToolCall
from assay_core.policy import ToolPattern
from assay_metric_embedding.embedding import TextVectors
from assay_metric_embedding.neighbours import IndexChoice
from assay_metric_embedding.references import Known, ReferenceTexts, read_episodes, refuse_empty
from assay_metric_embedding.results import EPSILON, ByMeaning, EachEpisode, finding_at, options_of, refuse

__all__ = ["NoveltyOfArguments", "NoveltyOptions"]

_TYPE = "novelty_of_arguments"
_DETAILED = 100  # novel calls repeated in the details; the findings hold all of them


@attrs.frozen(kw_only=True)
class NoveltyOptions:
    """Options of `novelty_of_arguments`."""

    references: tuple[str, ...]  # traces with calls that are right, relative to the suite
    max_novelty: float = 0.5  # 1 less the greatest cosine; 0: seen exactly so, 1: like none of them
    tools: tuple[str, ...] = ("*",)  # names or patterns of the tools to look at
    embedder: str = "hashing"  # arguments are told apart by their spelling
    format: str = "jsonl"  # the importer of the references
    index: IndexChoice = "auto"


class NoveltyOfArguments(ByMeaning):
    """Every call has arguments like those that some call of the same tool has in the references."""

    types: Mapping[str, type[object]] = {_TYPE: NoveltyOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Read the references, tool by tool."""
        options = options_of(expectation, NoveltyOptions)
        if not 0 <= options.max_novelty < 1:
            code = "E_CFG_VACUOUS" if options.max_novelty >= 1 else "E_CFG_PARSE"
            raise refuse(expectation, "max_novelty is at least 0 and less than 1", code=code)
        if not options.tools:
            raise refuse(expectation, "tools is empty, so that the check could never fail", code="E_CFG_VACUOUS")
        check = _Novelty(expectation, options, context)
        return EachEpisode(
            judge=check.judge,
            vectors=check.vectors,
            expectation=expectation,
            texts=check.texts,
            known=check.known_texts,
        )


class _Novelty:
    def __init__(self, expectation: Expectation, options: NoveltyOptions, context: CheckContext) -> None:
        self.vectors = TextVectors(context, named=options.embedder)
        self._options = options
        self._patterns = [ToolPattern(text) for text in options.tools]
        by_tool: dict[str, list[Known]] = {}
        for episode in read_episodes(options.references, options.format, expectation, context):
            for call in self._wanted(episode):
                source = SourcePlace(episode.source.file, call.line)
                known = Known(text=_text_of(call), source=source, episode_id=episode.id)
                by_tool.setdefault(call.tool, []).append(known)
        if not by_tool:
            raise refuse_empty(expectation, "call of these tools")
        self._known = {tool: ReferenceTexts(of, self.vectors, index=options.index) for tool, of in by_tool.items()}

    @property
    def known_texts(self) -> tuple[str, ...]:
        return tuple(text for each in self._known.values() for text in each.texts)

    def texts(self, episode: Episode) -> tuple[str, ...]:
        return tuple(_text_of(call) for call in self._wanted(episode) if call.tool in self._known)

    def judge(self, episode: Episode) -> MetricResult:
        calls = self._wanted(episode)
        if not calls:
            return MetricResult(outcome=Outcome.NOT_APPLICABLE, details={"message": "no call of these tools"})
        novelties = [self._novelty(call) for call in calls]
        findings = tuple(
            self._finding(episode, call, novelty)
            for call, novelty in zip(calls, novelties, strict=True)
            if novelty - EPSILON > self._options.max_novelty
        )
        worst = max(novelties)
        details: dict[str, JsonValue] = {
            "novelty": worst,
            "max_novelty": self._options.max_novelty,
            "calls": len(calls),
            "model": self.vectors.model,
        }
        if findings:
            details["message"] = f"{len(findings)} call(s) with arguments unlike any in the references"
            details["novel"] = [{"tool": each.tool, "call_index": each.call_index} for each in findings[:_DETAILED]]
        return MetricResult(
            outcome=Outcome.VIOLATED if findings else Outcome.HELD,
            score=max(0.0, min(1.0, 1.0 - worst)),
            findings=findings,
            details=details,
        )

    def _wanted(self, episode: Episode) -> list[ToolCall]:
        return [call for call in episode.tool_calls if any(each.matches(call.tool) for each in self._patterns)]

    def _novelty(self, call: ToolCall) -> float:
        known = self._known.get(call.tool)
        if known is None:
            return 1.0
        return min(1.0, 1.0 - known.nearest(_text_of(call))[0].score)

    def _finding(self, episode: Episode, call: ToolCall, novelty: float) -> Finding:
        if call.tool in self._known:
            message = f"the arguments of {call.tool!r} have a novelty of {novelty:.4f}"
        else:
            message = f"the references hold no call of {call.tool!r}, a novelty of 1"
        message += f", above {self._options.max_novelty:g}"
        return finding_at(episode, "E_ARGUMENTS_NOVEL", message, rule=_TYPE, call=call)


def _text_of(call: ToolCall) -> str:
    """Return one spelling for all ways to write the same arguments."""
    try:
        return canonical_bytes(call.args).decode("utf-8", "replace")
    except ValueError:  # a lone surrogate or a number that no double is near has no canonical form
        return (call.args_json or b"{}").decode("utf-8", "replace")
