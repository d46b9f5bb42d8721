"""Shapes only widen: what fits the test of a shape changes nothing, and a shape survives being written down."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_core.analysis.learning import Knobs
from assay_core.analysis.learning.shapes import Shape, round_out
from assay_core.model import JsonValue
from assay_core.policy import compile_schema

texts = st.sampled_from(
    ["a", "/srv/x", "/srv/y/z", "/", "//", "/a/../b", "https://h/x", "https://h", "https://h?q", "2026-11-22",
     "x" * 120,
     "550e8400-e29b-41d4-a716-446655440000", "a@b.example", "tok-9f8a7b6c5d4e3f2a1b0c", "", "é\n", "-12"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)
DEFS = {"climbs": {"type": "string", "pattern": r"(^|[/\\])\.\.([/\\]|$)"}}


def shape_of(seen: list[JsonValue]) -> Shape:
    shape = Shape()
    for value in seen:
        shape.add(value)
    return shape


def facts(shape: Shape) -> Any:
    """Everything a shape knows but how often it was seen."""

    def strip(state: Any) -> Any:
        if isinstance(state, dict):
            return {key: strip(inner) for key, inner in state.items() if key != "seen"}
        return state

    return strip(shape.state())


@settings(max_examples=300, deadline=None)
@given(seen=st.lists(values, min_size=1, max_size=6), value=values)
def test_what_fits_the_test_of_a_shape_changes_nothing(seen: list[JsonValue], value: JsonValue) -> None:
    shape = shape_of(seen)
    before = facts(shape)
    fits = compile_schema(shape.check()).is_valid(value)

    shape.add(value)

    # 1 and 1.0 are one number, so the types may read otherwise; nothing else may
    assert not fits or json.dumps(facts(shape)).replace("1.0", "1") == json.dumps(before).replace("1.0", "1")


@settings(max_examples=200, deadline=None)
@given(seen=st.lists(values, min_size=1, max_size=6))
def test_every_value_fits_the_test_and_every_schema(seen: list[JsonValue]) -> None:
    shape = shape_of(seen)

    schemas = [shape.check(), *(shape.schema(Knobs(generalise=level, min_support=2), len(seen)) for level in
                                ("strict", "balanced", "loose"))]  # fmt: skip

    for schema in schemas:
        compiled = compile_schema(schema, defs=DEFS)
        assert all(compiled.is_valid(value) for value in seen), schema


@settings(max_examples=200, deadline=None)
@given(seen=st.lists(values, min_size=1, max_size=6), more=st.lists(values, max_size=4))
def test_merged_shapes_take_every_value_of_either_and_survive_json(
    seen: list[JsonValue], more: list[JsonValue]
) -> None:
    shape = shape_of(seen)
    shape.merge(shape_of(more))

    again = Shape.from_state(msgspec.json.decode(msgspec.json.encode(shape.state())))

    assert again.state() == shape.state()
    for level in ("strict", "balanced", "loose"):
        compiled = compile_schema(again.schema(Knobs(generalise=level, min_support=1), 9), defs=DEFS)
        assert all(compiled.is_valid(value) for value in (*seen, *more))


@pytest.mark.parametrize(
    "state",
    [None, {}, {"seen": -1, "types": []}, {"seen": 1, "types": ["what"]},
     {"seen": 1, "types": ["integer"], "numbers": [1]},
     {"seen": True, "types": []}, {"seen": 1, "types": ["string"], "texts": {"shortest": 1}}],
)  # fmt: skip
def test_damaged_states_are_refused(state: JsonValue) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Shape.from_state(state)


def test_a_secret_written_into_a_state_by_hand_is_forgotten() -> None:
    shape = shape_of(["a", "b"])
    state = json.loads(json.dumps(shape.state()).replace('"a", "b"', '"AKIAIOSFODNN7EXAMPLE"'))

    again = Shape.from_state(state)

    assert "AKIA" not in json.dumps(again.state())


@pytest.mark.parametrize(("number", "rounded"), [(0, 0), (3, 5), (11, 20), (-51, -100), (0.2, 1), (1000, 1000)])
def test_round_out_moves_away_from_zero_to_a_round_number(number: float, rounded: float) -> None:
    assert round_out(number) == rounded


def test_balanced_learns_formats_enums_ranges_and_prefixes() -> None:
    rows: list[JsonValue] = [
        {
            "when": f"2026-11-{day:02}",
            "kind": ("open", "shut")[day % 2],
            "limit": day,
            "key": f"ORDER-{day}",
            "tags": ["a"],
        }
        for day in range(1, 29)
    ]

    schema: Any = shape_of(rows).schema(Knobs(), len(rows))

    properties = schema["properties"]
    assert properties["kind"] == {"enum": ["open", "shut"]}
    assert properties["when"]["pattern"].startswith("^[0-9]{4}-")
    assert (properties["limit"]["minimum"], properties["limit"]["maximum"]) == (0, 100)
    assert properties["key"]["pattern"] == "^ORDER-"
    assert properties["tags"]["maxItems"] == 8
    assert schema["required"] == ["key", "kind", "limit", "tags", "when"]


def test_strict_keeps_to_what_was_seen_and_loose_to_types() -> None:
    rows: list[JsonValue] = [{"kind": "open", "limit": 3}, {"kind": "shut", "limit": 9}]

    strict: Any = shape_of(rows).schema(Knobs(generalise="strict"), 2)
    loose: Any = shape_of(rows).schema(Knobs(generalise="loose"), 2)

    assert strict["properties"] == {
        "kind": {"enum": ["open", "shut"]}, "limit": {"type": "integer", "minimum": 3, "maximum": 9},
    }  # fmt: skip
    assert loose["properties"] == {"kind": {"type": "string"}, "limit": {"type": "integer"}}
