"""Every metric of this distribution keeps the contract of metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import cast

import attrs
import pytest

from assay_core.contracts import CheckContext, Metric
from assay_core.convert import key_names
from assay_core.model import JsonValue
from assay_core.plugins.drivers import load
from assay_core.testing import MetricContract, make_context

pytest.importorskip("assay_importer_jsonl", reason="references are read by assay-importer-jsonl, not installed here")

Options = Mapping[str, JsonValue]
CASES: Mapping[str, tuple[Options, Sequence[Options]]] = {
    "semantic_similarity_to": ({"text": "Done."}, [{"text": "Done.", "min_score": -1}]),
    "nearest_known_good": ({"references": ["known.jsonl"], "embedder": "hashing"}, [{"references": []}]),
    "nearest_known_bad": (
        {"references": ["known.jsonl"], "embedder": "hashing"},
        [{"references": ["known.jsonl"], "max_score": 1}],
    ),
    "novelty_of_arguments": (
        {"references": ["known.jsonl"]},
        [{"references": ["known.jsonl"], "max_novelty": 1}, {"references": []}],
    ),
}


class TestEmbeddingMetrics(MetricContract):
    """The kit adds: one result per episode, determinism, hostile strings, import weight."""

    @pytest.fixture(params=sorted(CASES))
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def driver(self, metric: Metric) -> Metric:
        return metric

    @pytest.fixture
    def metric(self, name: str) -> Metric:
        return cast("Metric", load("assay.metrics", name))

    @pytest.fixture
    def expectation(self, name: str) -> Options:
        return {"type": name, **CASES[name][0]}

    @pytest.fixture
    def vacuous(self, name: str) -> Sequence[Options]:
        return [{"type": name, **each} for each in CASES[name][1]]

    @pytest.fixture
    def context(self, tmp_path: Path) -> CheckContext:
        known = {"prompt": "a", "response": "Done.", "tool_calls": [{"tool_name": "read_file", "args": {"path": "/a"}}]}
        (tmp_path / "known.jsonl").write_text(json.dumps(known) + "\n" + json.dumps({"tool": "read_file", "args": {}}))
        return make_context(base_dir=tmp_path, driver=load, services={"embedder": "hashing"})


def test_every_entry_point_has_a_case_here() -> None:
    offered = distribution("assay-metric-embedding").entry_points.select(group="assay.metrics")

    assert {entry.name for entry in offered} == set(CASES)


def test_the_readme_lists_every_type_and_option() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for name in CASES:
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{name}` |")]
        (options,) = cast("Metric", load("assay.metrics", name)).types.values()
        unused = {field.name for field in attrs.fields(options) if field.metadata.get("unused")}
        assert [key for key in key_names(options) if key not in row and key not in unused] == []
