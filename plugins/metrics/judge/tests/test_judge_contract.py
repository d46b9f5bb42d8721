"""The contract of metrics, with verdicts that the trace records and with a judge that is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from assay_metric_judge.metrics import Faithfulness, JudgeCriteria, Relevance
from assay_metric_judge.openai import OpenAIJudge, OpenAIOptions

from assay_core.contracts import CheckContext, Judge, Metric
from assay_core.model import Episode, JsonValue
from assay_core.testing import JudgeContract, MetricContract, make_context, make_episode


class Agreeing:
    """A judge that lets everything pass but what admits a lie."""

    id = "agreeing:1"
    needs: frozenset[str] = frozenset()

    def ask(self, prompt: str, schema: JsonValue, seed: int, *, timeout_s: float) -> str:
        return '{"passed": false, "rationale": "it lies"}' if "I lie" in prompt else '{"passed": true, "rationale": ""}'


class _Judged(MetricContract):
    @pytest.fixture
    def context(self) -> CheckContext:
        return make_context(driver=lambda group, name, options: Agreeing(), services={"judge": "agreeing"})

    @pytest.fixture
    def episodes(self) -> Sequence[Episode]:
        return [make_episode(), make_episode(id="e2", response="I lie"), make_episode(id="e3", response=None)]


class TestFaithfulness(_Judged):
    @pytest.fixture
    def metric(self) -> Metric:
        return Faithfulness()

    @pytest.fixture
    def expectation(self) -> Mapping[str, JsonValue]:
        return {"type": "faithfulness", "min_score": 0.9}

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        return []


class TestRelevance(_Judged):
    @pytest.fixture
    def metric(self) -> Metric:
        return Relevance()

    @pytest.fixture
    def expectation(self) -> Mapping[str, JsonValue]:
        return {"type": "relevance"}

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        return []


class TestJudgeCriteria(_Judged):
    @pytest.fixture
    def metric(self) -> Metric:
        return JudgeCriteria()

    @pytest.fixture
    def expectation(self) -> Mapping[str, JsonValue]:
        return {"type": "judge_criteria", "judge_criteria": {"polite": "It is polite.", "short": "It is short."}}

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        blank: Sequence[JsonValue] = [
            "",
            " \n",
            "...",
            {},
            {"polite": ""},
            {"polite": None},
            {"a": "It is a.", "b": " "},
        ]
        return [{"type": "judge_criteria", "judge_criteria": each} for each in blank]


KEY = "sk-of-this-test-0123456789"


class TestOpenAIJudge(JudgeContract):
    @pytest.fixture
    def judge(self, serve: Callable[..., Any]) -> Judge:
        return openai_judge(serve('{"passed": true, "rationale": ""}').url)

    @pytest.fixture
    def unavailable(self, serve: Callable[..., Any]) -> Judge:
        return openai_judge(serve({"status": 503, "body": KEY.encode()}).url)

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [KEY]


def openai_judge(url: str) -> Judge:
    return OpenAIJudge(OpenAIOptions(base_url=url), environment={"OPENAI_API_KEY": KEY})
