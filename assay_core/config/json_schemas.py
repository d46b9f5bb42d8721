"""JSON Schemas of the file formats, for editors: made from the classes that check the files, and what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from assay_core.config.attrs_schema import FREE_KEYS, class_schema
from assay_core.config.baseline_schema import baseline_schema
from assay_core.config.doctor_schema import doctor_schema
from assay_core.config.expectations import LEGACY_FORMS
from assay_core.config.policy_schema import policy_schema
from assay_core.config.run_schema import run_schema, summary_schema
from assay_core.config.written import WrittenDrop, WrittenInput, WrittenSuite
from assay_core.contracts import Metric, PolicyCheck
from assay_core.errors import AssayError
from assay_core.model.json_value import JsonObject, JsonValue
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers

__all__ = ["SCHEMA_NAMES", "SchemaName", "json_schema"]

SchemaName: TypeAlias = Literal["eval", "policy", "run", "summary", "baseline", "doctor"]

SCHEMA_NAMES: tuple[SchemaName, ...] = ("eval", "policy", "run", "summary", "baseline", "doctor")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TITLES = {
    "eval": "assay suite (eval.yaml)",
    "policy": "assay policy (policy.yaml)",
    "run": "assay run.json",
    "summary": "assay summary.json",
    "baseline": "assay baseline",
    "doctor": "assay doctor --format json",
}


def json_schema(name: SchemaName, drivers: Drivers | None = None) -> JsonObject:
    """Return the JSON Schema (2020-12) of a file format.

    Args:
        name: eval, policy, run, summary, baseline or doctor.
        drivers: Whose expected types and policy keys appear; None: those of every usable installed plugin. One
            that cannot be loaded appears without its options: a broken plugin does not take the schema away.
    """
    drivers = drivers or Drivers(Catalogue.scan())
    bodies = {
        "eval": lambda: _eval_schema(drivers),
        "policy": lambda: policy_schema(_policy_keys(drivers)),
        "run": run_schema,
        "summary": summary_schema,
        "baseline": baseline_schema,
        "doctor": doctor_schema,
    }
    return {"$schema": _DIALECT, "$id": f"urn:assay:schema:{name}:1", "title": _TITLES[name], **bodies[name]()}


def _eval_schema(drivers: Drivers) -> JsonObject:
    schema = class_schema(WrittenSuite)
    schema["patternProperties"] = {**FREE_KEYS, "^_": {"description": "Free for your own use."}}
    schema["not"] = {"required": ["configVersion", "version"]}
    types = _metric_types(drivers)
    expected = {name: each for name, each in types.items() if not name.startswith("assert.")}
    asserted = {name.removeprefix("assert."): each for name, each in types.items() if name not in expected}
    asserted |= {name: each for name, each in expected.items() if "." in name}  # third parties may serve as both
    legacy = {key: kind for key, kind in LEGACY_FORMS.items() if kind in types}
    schema["$defs"] = {
        "input": _input_schema(),
        "expectation": {
            "description": "One check of the selected episodes; `type` says which.",
            "type": "object",
            "if": {"required": ["type"]},
            "then": _tagged("expected", expected),
            "else": _legacy_schema(legacy),
        },
        "assertion": {
            "description": "One check of the recorded episode, or of calls that it carries itself.",
            "type": "object",
            "required": ["type"],
            **_tagged("assertion", asserted),
        },
        **{f"expected.{name}": each for name, each in expected.items()},
        **{f"assertion.{name}": each for name, each in asserted.items()},
    }
    return schema


def _metric_types(drivers: Drivers) -> dict[str, JsonObject]:
    """Return the schema of each installed type, sorted by name."""
    found: dict[str, JsonObject] = {}
    for name in drivers.names("assay.metrics"):
        kind: dict[str, JsonValue] = {"const": name.removeprefix("assert.")}
        try:
            metric = cast("Metric", drivers.load("assay.metrics", name))
            schema = class_schema(metric.types[name], further={"type": kind})
            schema["properties"] = {**_properties(schema), "thresholding": class_schema(WrittenDrop)}
            found[name] = schema
        except AssayError as error:
            found[name] = {"type": "object", "description": f"Its plugin cannot be used: {error.message}"}
    return found


def _properties(schema: JsonObject) -> JsonObject:
    properties = schema["properties"]
    assert isinstance(properties, dict)  # noqa: S101 - `class_schema` writes nothing else
    return properties


def _tagged(prefix: str, types: Mapping[str, JsonObject]) -> dict[str, JsonValue]:
    """Choose by `type`: editors then tell what is wrong with the one type that is meant."""
    return {
        "properties": {"type": {"enum": sorted(types)}},
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}}, "then": {"$ref": f"#/$defs/{prefix}.{name}"}}
            for name in sorted(types)
        ]
        or [True],
    }


def _legacy_schema(forms: Mapping[str, str]) -> JsonObject:
    """Describe the untagged forms: exactly one of their keys, beside the options of the type."""
    return {
        "description": "An old form without `type`.",
        "oneOf": [{"required": [key]} for key in sorted(forms)] or [False],
    }


def _input_schema() -> JsonObject:
    schema = class_schema(WrittenInput)
    schema["oneOf"] = [{"required": [key]} for key in ("prompt", "episode", "match")]
    return schema


def _policy_keys(drivers: Drivers) -> dict[str, JsonObject]:
    """Return the schema of each key that an installed check owns."""
    found: dict[str, JsonObject] = {}
    for name in drivers.names("assay.checks"):
        try:
            kind = cast("PolicyCheck", drivers.load("assay.checks", name)).keys.get(name)
            found[name] = class_schema(kind) if kind is not None else {}
        except AssayError as error:
            found[name] = {"description": f"Its plugin cannot be used: {error.message}"}
    return found
