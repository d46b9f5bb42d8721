"""Schemas that are too large together are cut, the largest first, and never to something narrower."""

from __future__ import annotations

from assay_core.analysis.learning.schema_size import fitted
from assay_core.model import JsonObject
from assay_core.policy import compile_schema


def schema(size: int) -> JsonObject:
    inner = {f"k{number}": {"type": "string", "pattern": "^a"} for number in range(size)}
    return {
        "type": "object",
        "required": ["k0"],
        "additionalProperties": False,
        "properties": {**inner, "e": {"enum": ["x"]}},
    }


def test_what_fits_is_left_alone() -> None:
    schemas = {"a": schema(3), "b": schema(2)}

    assert fitted(schemas) == {"a": (schemas["a"], ""), "b": (schemas["b"], "")}


def test_the_largest_is_cut_first() -> None:
    found = fitted({"small": schema(2), "large": schema(50)}, most=250)

    assert found["small"][1] == ""
    assert found["large"][0]["properties"]["k1"] == {"type": "string"}  # type: ignore[index,call-overload]  # a mapping
    assert "types" in found["large"][1]


def test_values_that_fitted_fit_the_names_alone_and_new_names_do_not() -> None:
    found = fitted({"large": schema(50)}, most=80)

    compiled = compile_schema(found["large"][0])
    assert "names" in found["large"][1]
    assert compiled.is_valid({"k0": "a", "k7": "ab", "e": "x"})
    assert not compiled.is_valid({"k0": "a", "other": 1})
    assert not compiled.is_valid({"k7": "a"})
