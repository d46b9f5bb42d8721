"""The span files of other projects."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assay_core.model import Episode

Read = Callable[..., list[Episode]]


@pytest.fixture
def vectors() -> Path:
    folder = Path(os.environ.get("ASSAY_VECTORS") or Path(__file__).parents[4] / ".." / "shared" / "vectors")
    if not folder.is_dir():
        pytest.skip("the interoperability vectors are not here")
    return folder


def test_two_spans_are_one_episode_with_one_call(vectors: Path, read: Read) -> None:
    data = (vectors / "upstream/crates/assay-core/tests/fixtures/otel_genai_trace.jsonl").read_bytes()

    (episode,) = read(data, "otel_genai_trace.jsonl")
    (call,) = episode.tool_calls

    assert (episode.id, episode.prompt, episode.complete) == ("trace-123", "Hello", True)
    assert (call.tool, call.args, call.result, call.parent_id) == ("search", {"q": "weather"}, {"temp": 20}, "span-1")
    assert (call.ts_ms, call.duration_ms, call.line) == (1700000000200.0, 600.0, 2)
    assert call.args_json == b'{"q":"weather"}'
