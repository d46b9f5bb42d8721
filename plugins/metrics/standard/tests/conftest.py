"""How the tests of this folder prepare a check and ask it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from assay_core.contracts import CheckContext, Metric, PreparedCheck
from assay_core.convert import structure
from assay_core.errors import Place
from assay_core.model import CompiledPolicy, Episode, Expectation, JsonObject, MetricResult, SourcePlace, ToolCall
from assay_core.plugins.drivers import load

PLACE = Place("eval.yaml", 7, 5, "      type: it")


class _NoCache:
    def get(self, key: str) -> bytes | None:
        return None

    def put(self, key: str, value: bytes) -> None:
        pass


Prepare = Callable[..., PreparedCheck]
Judge = Callable[..., MetricResult]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Return prepare(type, policy=…, **options): the check, as the core makes it from a suite in `tmp_path`."""

    def make(name: str, *, run_policy: CompiledPolicy | None = None, **options: object) -> PreparedCheck:
        metric = cast("Metric", load("assay.metrics", name))
        raw = cast("JsonObject", options)
        expectation = Expectation(
            type=name, options=structure(raw, metric.types[name]), raw={"type": name, **raw}, place=PLACE
        )
        context = CheckContext(
            base_dir=tmp_path, seed=0, cache=_NoCache(), driver=load, policy=run_policy, offline=True
        )
        return metric.prepare(expectation, context)

    return make


@pytest.fixture
def judge(prepare: Prepare) -> Judge:
    """Return judge(type, episode, **options): the one result."""

    def ask(name: str, episode: Episode | None = None, **options: object) -> MetricResult:
        (result,) = prepare(name, **options).measure(() if episode is None else (episode,))
        return result

    return ask


@pytest.fixture
def episode() -> Callable[..., Episode]:
    """Return episode(*calls, **fields): calls are names, (name, args) pairs or ToolCalls, on lines from 10."""

    def make(*calls: object, **fields: object) -> Episode:
        events = []
        for index, call in enumerate(calls):
            if isinstance(call, str):
                call = (call, None)
            if isinstance(call, tuple):
                call = ToolCall.of(call[0], call[1], index=index, line=10 + index)
            events.append(call)
        fields.setdefault("source", SourcePlace("trace.jsonl", 9))
        return Episode(id="e1", events=tuple(events), **fields)  # type: ignore[arg-type]  # checked by msgspec

    return make
