"""The JSON Schema of what `assay doctor --format json` writes. Members may be added, so unknown ones are valid."""

from __future__ import annotations

from assay_core.model.json_value import JsonObject, JsonValue

__all__ = ["doctor_schema"]

_TEXT: JsonObject = {"type": "string"}
_TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}
_FLAG: JsonObject = {"type": "boolean"}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: JsonObject = {"type": ["integer", "null"], "minimum": 0}
_TEXTS: JsonObject = {"type": "array", "items": {"type": "string"}}


def doctor_schema() -> JsonObject:
    """Return the body of the schema of doctor's report."""
    return _object(
        {
            "schema": {"const": "assay.doctor_report.v1"},
            "schema_version": {"const": 1},
            "ok": {"type": "boolean", "description": "Nothing but notes was found."},
            "exit_code": {"enum": [0, 1]},
            "assay_version": _TEXT,
            "generated_at": {**_TEXT_OR_NULL, "description": "RFC 3339; null under SOURCE_DATE_EPOCH."},
            **_machine(),
            "inputs": _inputs(),
            "plugins": _object({"installed": _COUNT, "ready": _COUNT}),
            "episodes": _COUNT,
            "tool_calls": _COUNT,
            "findings": {"type": "array", "items": _finding(), "description": "The gravest first, then by place."},
            "patches": {"type": "array", "items": _patch(), "description": "Sorted by id."},
            "suggestions": {**_TEXTS, "description": "Commands that would put something right."},
            "summary": _object({"errors": _COUNT, "warnings": _COUNT, "notes": _COUNT}),
        }
    )


def _machine() -> JsonObject:
    landlock: JsonObject = {
        "available": _FLAG,
        "fs_enforce": _FLAG,
        "net_enforce": _FLAG,
        "abi_version": _COUNT_OR_NULL,
    }
    return {
        "platform": _TEXT,
        "kernel": _TEXT,
        "python": _TEXT,
        "lsms": _TEXTS,
        "landlock": _object(landlock),
        "bpf_lsm": _object({"available": _FLAG}),
        "btf": _object({"available": _FLAG}),
        "cgroup_v2": _object({"available": _FLAG, "controllers": _TEXTS}),
        "status": {"enum": ["Ready", "Degraded", "Unsupported"]},
    }


def _inputs() -> JsonObject:
    return _object(
        {
            "config_file": _TEXT_OR_NULL,
            "policy_file": _TEXT_OR_NULL,
            "trace_files": _TEXTS,
            "baseline_file": _TEXT_OR_NULL,
            "store": _TEXT_OR_NULL,
            "settings_file": _TEXT_OR_NULL,
            "ci_files": _TEXTS,
        }
    )


def _finding() -> JsonObject:
    areas: list[JsonValue] = [
        "settings", "suite", "policy", "trace", "test", "baseline", "store", "plugin", "machine", "ci",
    ]  # fmt: skip
    return _object(
        {
            "code": {"type": "string", "description": "`assay explain CODE` says what it means."},
            "severity": {"enum": ["error", "warning", "note"]},
            "area": {"enum": areas},
            "message": _TEXT,
            "file": _TEXT_OR_NULL,
            "line": _COUNT_OR_NULL,
            "column": _COUNT_OR_NULL,
            "remedy": _TEXT,
            "patch": {**_TEXT_OR_NULL, "description": "The id that `assay fix` takes."},
        }
    )


def _patch() -> JsonObject:
    return _object(
        {
            "id": _TEXT,
            "title": _TEXT,
            "risk": {"enum": ["low", "medium", "high"]},
            "file": _TEXT,
            "why": _TEXT,
            "also_allows": {**_TEXTS, "description": "Recorded calls that it would let through besides."},
            "ops": {"type": "array", "items": {"type": "object"}, "description": "RFC 6902."},
        }
    )


def _object(properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, "required": list(properties)}
