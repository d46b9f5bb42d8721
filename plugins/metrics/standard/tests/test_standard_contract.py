"""Every metric of this distribution keeps the contract of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import cast

import pytest

from assay_core.contracts import Metric
from assay_core.convert import key_names
from assay_core.model import JsonValue
from assay_core.plugins.drivers import load
from assay_core.testing import MetricContract

Options = Mapping[str, JsonValue]

# Expected type: an expectation, and expectations that could never fail.
CASES: Mapping[str, tuple[Options, Sequence[Options]]] = {
    "must_contain": ({"must_contain": ["Done"]}, [{}, {"must_contain": []}, {"must_contain": [""]}]),
    "must_not_contain": ({"must_not_contain": ["secret"]}, [{}, {"must_not_contain": []}]),
    "regex_match": ({"pattern": "D.ne", "flags": ["i"]}, [{"pattern": ""}]),
    "regex_not_match": ({"pattern": "fail"}, [{"pattern": ""}]),
    "json_schema": ({"json_schema": {"type": "object"}}, [{}, {"json_schema": "{}"}]),
    "args_valid": ({"schema": {"read_file": {"required": ["path"]}}}, [{}, {"schema": {"type": "object"}}]),
    "sequence_valid": ({"rules": [{"type": "require", "tool": "read_file"}]}, [{}, {"rules": []}]),
    "tool_blocklist": ({"blocked": ["delete_*"]}, [{"blocked": []}]),
    "tool_description_integrity": ({"pinned_tools": [{"name": "read_file"}]}, [{"pinned_tools": []}]),
    "tool_output_valid": ({"schemas": {"read_file": {"required": ["ok"]}}}, [{}, {"schemas": {"type": "object"}}]),
    "tool_collision_detect": ({}, []),
    "assert.trace_must_call_tool": ({"tool": "read_file"}, [{"tool": "read_file", "min_calls": 0}]),
    "assert.trace_must_not_call_tool": ({"tool": "delete_file"}, [{"tool": ""}]),
    "assert.trace_tool_sequence": (
        {"sequence": ["read_file"], "allow_other_tools": True},
        [{"sequence": [], "allow_other_tools": True}],
    ),
    "assert.trace_max_steps": ({"max": 3}, []),
    "assert.args_valid": (
        {"tool": "pay", "test_args": {"amount": 5}, "policy": {"schema": {"required": ["amount"]}}},
        [{"tool": "pay"}, {"tool": "pay", "test_args": {}}],
    ),
    "assert.sequence_valid": ({"test_trace": ["a"], "policy": {"regex": "a"}}, [{"policy": {"regex": "a"}}]),
    "assert.tool_blocklist": (
        {"test_tool_calls": ["a"], "policy": {"blocked": ["b"]}},
        [{"test_tool_calls": ["a"], "policy": {"blocked": []}}],
    ),
}


class TestStandardMetrics(MetricContract):
    """The kit adds: determinism, one result per episode, hostile episodes, untouched input, import weight."""

    @pytest.fixture(params=sorted(CASES))
    def name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def metric(self, name: str) -> Metric:
        return cast("Metric", load("assay.metrics", name))

    @pytest.fixture
    def driver(self, metric: Metric) -> Metric:
        return metric

    @pytest.fixture
    def expectation(self, name: str) -> Options:
        return {"type": name, **CASES[name][0]}

    @pytest.fixture
    def vacuous(self, name: str) -> Sequence[Options]:
        return [{"type": name, **options} for options in CASES[name][1]]


def test_every_entry_point_has_a_case_here() -> None:
    offered = distribution("assay-metric-standard").entry_points.select(group="assay.metrics")

    assert {entry.name for entry in offered} == set(CASES)


def test_the_readme_lists_every_type_and_option() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    expected, _, assertions = readme.partition("## Assertions")
    for name in CASES:
        plain = name.removeprefix("assert.")
        (row,) = [line for line in (expected if plain == name else assertions).splitlines() if f"| `{plain}` |" in line]
        (options,) = cast("Metric", load("assay.metrics", name)).types.values()
        assert [key for key in key_names(options) if key not in row] == []
