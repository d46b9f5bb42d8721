from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import pytest

from assay_core.analysis.coverage.schema_tree import MAX_BRANCHES
from assay_core.analysis.coverage.schema_walk import SchemaWalk
from assay_core.model import ToolCall
from assay_core.policy import compile_schema


def unreached(schema: dict[str, Any], *values: Any, defs: dict[str, Any] | None = None) -> set[str]:
    walk = SchemaWalk(compile_schema(schema, defs=defs))
    for value in values:
        walk.look(ToolCall(index=0, tool="t", args_json=json.dumps(value).encode()))
    return {branch.pointer for branch in walk.coverage("t", len(values)).unreached}


def test_properties_that_no_call_gave_are_named() -> None:
    schema = {"type": "object", "properties": {"path": {}, "limit": {}, "a/b": {}, "no": False}}

    assert unreached(schema, {"path": 1}, {"other": 1}) == {"/properties/limit", "/properties/a~1b"}


def test_the_members_of_an_enum_and_a_list_of_types_are_told_apart_as_json_does() -> None:
    schema = {"properties": {"a": {"enum": [1, True, "x", None, [1]]}, "b": {"type": ["integer", "null", "number"]}}}

    assert unreached(schema, {"a": 1.0, "b": 2.0}, {"a": [1]}) == {
        "/properties/a/enum/1",
        "/properties/a/enum/2",
        "/properties/a/enum/3",
        "/properties/b/type/1",
    }


def test_a_member_of_any_of_is_reached_by_what_fits_it_and_its_own_branches_only_then() -> None:
    schema = {
        "anyOf": [
            {"properties": {"kind": {"const": "a"}, "x": {}}, "required": ["kind"]},
            {"properties": {"kind": {"const": "b"}, "y": {}}, "required": ["kind"]},
            False,
            True,
        ]
    }

    assert unreached(schema, {"kind": "a", "y": 1}) == {
        "/anyOf/0/properties/x",
        "/anyOf/1",
        "/anyOf/1/properties/kind",
        "/anyOf/1/properties/y",
    }


def test_one_of_inside_a_definition_is_reached_through_its_reference() -> None:
    schema = {"properties": {"p": {"$ref": "#/$defs/path%20name"}}}
    defs = {"path name": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}}

    assert unreached(schema, {"p": ["x"]}, defs=defs) == {"/$defs/path name/oneOf/0"}
    assert unreached(schema, {"p": "x"}, {"p": []}, defs=defs) == {"/$defs/path name/oneOf/1/items"}


def test_then_and_else_are_the_two_answers_of_if() -> None:
    schema = {
        "if": {"properties": {"mode": {"const": "w"}}, "required": ["mode"]},
        "then": {"properties": {"text": {}}},
        "else": {"properties": {"limit": {}}},
    }

    assert unreached(schema, {"mode": "w"}) == {"/else", "/else/properties/limit", "/then/properties/text"}
    assert unreached(schema, {"mode": "w", "text": 1}, {"limit": 2}) == set()


def test_elements_patterns_the_rest_and_dependencies_are_branches() -> None:
    schema = {
        "properties": {"list": {"prefixItems": [{"type": "string"}, {"type": "string"}], "items": {"type": "integer"}}},
        "patternProperties": {"^x-": {}},
        "additionalProperties": {"type": "string"},
        "dependentSchemas": {"list": {"properties": {"size": {}}}},
    }

    assert unreached(schema, {"list": ["a"]}) == {
        "/properties/list/prefixItems/1",
        "/properties/list/items",
        "/patternProperties/^x-",
        "/additionalProperties",
        "/dependentSchemas/list/properties/size",
    }
    assert unreached(schema, {"list": ["a", "b", 3], "x-1": 1, "other": "", "size": 1}) == set()


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"properties": {"child": {"$ref": "#"}, "leaf": {"enum": ["a", "b"]}}}
    deep: dict[str, Any] = {"leaf": "b"}
    for _ in range(100):
        deep = {"child": deep}

    assert unreached(schema, {"leaf": "a"}, deep) == set()
    assert unreached(schema, {"child": {"child": {}}}) == {
        "/properties/leaf", "/properties/leaf/enum/0", "/properties/leaf/enum/1",
    }  # fmt: skip


def test_a_definition_that_is_written_once_and_used_twice_is_measured_at_each_place() -> None:
    shared = {"enum": ["a", "b"]}

    assert unreached({"properties": {"x": shared, "y": shared}}, {"x": "a", "y": "b"}) == {
        "/properties/x/enum/1", "/properties/y/enum/0",
    }  # fmt: skip


def test_arguments_that_are_no_object_and_no_json_reach_nothing() -> None:
    walk = SchemaWalk(compile_schema({"properties": {"x": {}}}))

    assert walk.look(ToolCall.of("t", [1]))
    assert walk.look(ToolCall(index=0, tool="t", args_json=b"{"))
    assert walk.look(ToolCall(index=0, tool="t"))
    assert walk.coverage("t", 3).reached == 0
    assert not walk.look(ToolCall.of("t", {"x": 1}))
    assert walk.is_done


def test_more_branches_than_are_measured_are_announced() -> None:
    schema: dict[str, Any] = {"properties": {f"p{number}": {} for number in range(MAX_BRANCHES + 1)}}

    found = SchemaWalk(compile_schema(schema)).coverage("t", 0)

    assert (found.branches, found.truncated) == (MAX_BRANCHES, True)


@pytest.mark.parametrize("seed", range(40))
def test_forgetting_what_was_reached_loses_nothing(seed: int) -> None:
    rng = random.Random(seed)
    schema = _schema(rng, 3)
    values = [_value(rng, 3) for _ in range(rng.choice([1, 40, 1100]))]

    expected: set[str] = set()
    everything = _branches(schema, "")
    for value in values:
        expected |= _reached(schema, value, "")

    assert unreached(schema, *values) == everything - expected


def _schema(rng: random.Random, depth: int) -> dict[str, Any]:
    """Return a schema of the keywords that the slow reading below knows."""
    made: dict[str, Any] = {}
    if rng.random() < 0.4:
        made["enum"] = rng.sample([1, 2, True, "a", "b", None], 3)
    if depth and rng.random() < 0.8:
        made["properties"] = {name: _schema(rng, depth - 1) for name in rng.sample(["a", "b", "c"], 2)}
    if depth and rng.random() < 0.4:
        made["anyOf"] = [_schema(rng, depth - 1), {"type": rng.choice(["object", "string"])}]
    if depth and rng.random() < 0.3:
        made |= {"if": {"required": ["a"]}, "then": _schema(rng, depth - 1), "else": _schema(rng, depth - 1)}
    if depth and rng.random() < 0.3:
        made["items"] = _schema(rng, depth - 1) or {"type": "string"}
    return made


def _value(rng: random.Random, depth: int) -> Any:
    if depth and rng.random() < 0.8:
        return {name: _value(rng, depth - 1) for name in rng.sample(["a", "b", "c", "d"], rng.randint(0, 4))}
    return rng.choice([1, 2, True, "a", "b", None, ["a", 1], {}])


def _branches(schema: Any, at: str) -> set[str]:
    """Read the branches off the text of a schema, without any of the code under test."""
    found = {f"{at}/enum/{place}" for place in range(len(schema.get("enum", [])))}
    for key in ("properties", "anyOf"):
        inner = schema.get(key, {})
        for name, each in inner.items() if isinstance(inner, dict) else enumerate(inner):
            found |= {f"{at}/{key}/{name}"} | _branches(each, f"{at}/{key}/{name}")
    for key in ("then", "else", "items"):
        if key in schema:
            found |= {f"{at}/{key}"} | _branches(schema[key], f"{at}/{key}")
    return found


def _reached(schema: Any, value: Any, at: str) -> set[str]:
    found = {f"{at}/enum/{place}" for place, each in enumerate(schema.get("enum", [])) if _equal(each, value)}
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                found |= {f"{at}/properties/{name}"} | _reached(inner, value[name], f"{at}/properties/{name}")
    for place, inner in enumerate(schema.get("anyOf", [])):
        if jsonschema.Draft202012Validator(inner).is_valid(value):
            found |= {f"{at}/anyOf/{place}"} | _reached(inner, value, f"{at}/anyOf/{place}")
    if "if" in schema:
        key = "then" if jsonschema.Draft202012Validator(schema["if"]).is_valid(value) else "else"
        found |= {f"{at}/{key}"} | _reached(schema[key], value, f"{at}/{key}")
    if isinstance(value, list) and value and "items" in schema:
        found |= {f"{at}/items"}
        for element in value:
            found |= _reached(schema["items"], element, f"{at}/items")
    return found


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other
