from __future__ import annotations

from typing import Any

import pytest

from assay_core.errors import InputError, Place
from assay_core.policy import compile_schema


def test_value_that_fits_has_no_violations() -> None:
    schema = compile_schema({"type": "object", "required": ["path"]})

    assert schema.is_valid({"path": 1})
    assert schema.violations({"path": 1}) == ()


def test_every_violation_is_listed_with_pointer_and_keyword() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "required": ["a", "b"],
            "additionalProperties": False,
            "properties": {"a": {"type": "string"}, "x/y": {"minimum": 3}},
        }
    )

    found = {(each.pointer, each.keyword) for each in schema.violations({"a": 1, "x/y": 2, "z": 0})}

    assert found == {("", "additionalProperties"), ("", "required"), ("/a", "type"), ("/x~1y", "minimum")}


def test_messages_quote_the_schema_and_never_the_value() -> None:
    schema = compile_schema(
        {"properties": {"a": {"pattern": "^/srv/"}, "b": {"type": "string"}, "c": {"enum": [1]}, "d": {"maxLength": 2}}}
    )
    secret = "hunter2-hunter2"

    found = schema.violations({"a": secret, "b": {"deep": secret}, "c": secret, "d": secret})

    assert len(found) == 4
    assert not any(secret in each.message for each in found)
    assert "^/srv/" in found[0].message


def test_hostile_values_make_no_endless_reports() -> None:
    schema = compile_schema({"items": {"type": "string"}, "additionalProperties": False})

    many = schema.violations([1] * 10_000)
    wide = schema.violations({"k" * 100_000: 1})

    assert len(many) == 201
    assert many[-1].message.startswith("more than 200 violations")
    assert all(len(each.message) <= 301 and len(each.pointer) <= 501 for each in (*many, *wide))


def test_false_schema_refuses_everything() -> None:
    (violation,) = compile_schema(False).violations({})

    assert violation.keyword == "falseSchema"


def test_value_that_the_engine_cannot_judge_does_not_fit() -> None:
    schema = compile_schema({"properties": {"a": {"const": 1}}})

    assert not schema.is_valid({"a": object()})
    assert schema.violations({"a": object()})


@pytest.mark.parametrize(
    ("schema", "named", "remedy"),
    [
        ({"requierd": ["a"]}, "unknown keyword 'requierd'", "did you mean 'required'?"),
        ({"properties": {"a": {"patern": "x"}}}, "/properties/a", "did you mean 'pattern'?"),
        ({"zzz": 1}, "unknown keyword 'zzz'", "x-"),
        ({"additionalItems": False}, "not evaluated", "use items"),
        ({"$ref": "https://example.com/s.json"}, "leads out of the schema", "$defs"),
        ({"properties": {"a": {"$ref": "other.json#/a"}}}, "leads out of the schema", "$defs"),
        ({"$ref": "file:///etc/passwd"}, "leads out of the schema", "$defs"),
        ({"$ref": "#/$defs/none"}, "leads to no schema", ""),
        ({"$ref": "#none"}, "leads to no schema", ""),
        ({"$ref": "#"}, "comes back to itself", ""),
        ({"$defs": {"a": {"$ref": "#/$defs/a"}}}, "comes back to itself", ""),
        ({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}, "comes back", ""),
        ({"$defs": {"a": {"$id": "x", "type": "string"}}}, "an inner $id", ""),
        ({"type": "strng"}, "strng", ""),
        ({"properties": {"a": {"minLength": "3"}}}, "/properties/a/minLength", ""),
        ({"properties": {"a": {"pattern": "(?=a)"}}}, "linear-time engine", ""),
        ({"patternProperties": {"(?=a)": {}}}, "", ""),
        ({"$schema": "https://example.com/mine"}, "dialect", "2020-12"),
        (["a"], "a mapping or a boolean, not a list", ""),
        (None, "not null", ""),
        ({"$defs": []}, "$defs", ""),
    ],
)
def test_schema_that_would_not_check_is_refused(schema: Any, named: str, remedy: str) -> None:
    place = Place("policy.yaml", 9, 3)

    with pytest.raises(InputError) as caught:
        compile_schema(schema, place=place)

    assert caught.value.code == "E_SCHEMA_COMPILE"
    assert named in caught.value.message
    assert remedy in caught.value.remedy
    assert caught.value.place == place


def test_error_takes_the_callers_code() -> None:
    with pytest.raises(InputError) as caught:
        compile_schema({"typo": 1}, code="E_CFG_PARSE")

    assert caught.value.code == "E_CFG_PARSE"


def test_deep_schema_is_refused_and_not_walked_to_the_bottom() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"not": schema}

    with pytest.raises(InputError, match="levels deep"):
        compile_schema(schema)


def test_deep_value_inside_a_schema_is_refused() -> None:
    value: Any = 1
    for _ in range(50_000):
        value = [value]

    with pytest.raises(InputError, match="nested too deep"):
        compile_schema({"type": "array", "const": value})


def test_references_that_multiply_are_refused() -> None:
    definitions: dict[str, Any] = {"a0": {"minLength": 1}}
    for level in range(1, 60):
        twice = [{"$ref": f"#/$defs/a{level - 1}"}] * 2
        definitions[f"a{level}"] = {"allOf": twice}

    with pytest.raises(InputError, match="the references multiply"):
        compile_schema({"$defs": definitions, "$ref": "#/$defs/a59"})


def test_emptiness_that_cannot_be_judged_soon_is_not_claimed() -> None:
    definitions: dict[str, Any] = {"a0": {}}
    for level in range(1, 40):
        below = {"$ref": f"#/$defs/a{level - 1}"}
        definitions[f"a{level}"] = {"properties": {"x": below, "y": below}}

    assert not compile_schema({"$defs": definitions, "$ref": "#/$defs/a39"}).vacuous


def test_recursive_schema_that_goes_down_into_the_value_is_fine() -> None:
    schema = compile_schema(
        {"type": "object", "properties": {"child": {"$ref": "#"}, "n": {"type": "integer"}}, "$anchor": "tree"}
    )

    assert schema.is_valid({"child": {"child": {"n": 1}}})
    assert not schema.is_valid({"child": {"child": {"n": "1"}}})


def test_shared_definitions_join_the_schemas_own() -> None:
    schema = compile_schema(
        {
            "$defs": {"own": {"type": "string"}},
            "items": {"anyOf": [{"$ref": "#/$defs/own"}, {"$ref": "#/$defs/shared"}]},
        },
        defs={"shared": {"type": "integer"}},
    )

    assert schema.is_valid(["a", 1])
    assert not schema.is_valid([None])


def test_shared_definition_with_the_name_of_an_own_one_is_refused() -> None:
    with pytest.raises(InputError, match="'p' has the name of a shared one"):
        compile_schema({"$defs": {"p": {}}}, defs={"p": {"type": "string"}})


def test_free_words_and_annotations_pass() -> None:
    schema = compile_schema({"x-owner": "me", "title": "t", "examples": [1], "$comment": "c", "type": "integer"})

    assert schema.is_valid(3)


def test_older_draft_is_read_by_its_own_rules() -> None:
    draft = "http://json-schema.org/draft-07/schema#"

    schema = compile_schema({"$schema": draft, "items": [{"type": "string"}], "additionalItems": False})

    assert schema.is_valid(["a"])
    assert not schema.is_valid(["a", 1])
    with pytest.raises(InputError, match="ignores 'minLength' beside"):
        compile_schema({"$schema": draft, "definitions": {"a": {}}, "$ref": "#/definitions/a", "minLength": 2})


@pytest.mark.parametrize(
    ("schema", "vacuous"),
    [
        (True, True),
        ({}, True),
        ({"title": "x", "x-a": 1}, True),
        ({"required": []}, True),
        ({"minLength": 0, "uniqueItems": False}, True),
        ({"properties": {"a": {"description": "b"}}}, True),
        ({"anyOf": [{"type": "string"}, {}]}, True),
        ({"allOf": [{}, True]}, True),
        ({"$defs": {"a": {}}, "$ref": "#/$defs/a"}, True),
        ({"properties": {"a": {"$ref": "#"}}}, True),
        ({"then": {"type": "string"}}, True),
        ({"format": "email"}, True),
        ({"minContains": 2}, True),
        ({"contentSchema": {"type": "string"}}, True),
        ({"$schema": "https://json-schema.org/draft/2019-09/schema", "format": "email"}, True),
        ({"$schema": "https://json-schema.org/draft/2019-09/schema", "additionalItems": False}, True),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "format": "email"}, False),
        ({"additionalProperties": True}, True),
        (False, False),
        ({"type": "object"}, False),
        ({"required": ["a"]}, False),
        ({"enum": []}, False),
        ({"const": False}, False),
        ({"minimum": 0}, False),
        ({"additionalProperties": False}, False),
        ({"properties": {"a": {"type": "string"}}}, False),
        ({"not": {}}, False),
        ({"contains": {}}, False),
        ({"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"}, False),
    ],
)
def test_schema_that_refuses_nothing_says_so(schema: Any, vacuous: bool) -> None:
    assert compile_schema(schema).vacuous is vacuous
