"""The JSON Schema of a baseline. Readers skip members they do not know, so further members are valid."""

from __future__ import annotations

from assay_core.model.json_value import JsonObject

__all__ = ["baseline_schema"]

_TEXT: JsonObject = {"type": "string"}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}


def baseline_schema() -> JsonObject:
    """Return the body of the schema of a baseline."""
    entry: JsonObject = {
        "type": "object",
        "properties": {
            "test_id": _TEXT,
            "metric": {"type": "string", "description": "As under details.metrics of run.json."},
            "score": {"type": "number", "description": "The mean where there are several attempts."},
            "meta": {"description": "Not read."},
        },
        "required": ["test_id", "metric", "score"],
    }
    return {
        "type": "object",
        "properties": {
            "schema_version": {"const": 1},
            "suite": _TEXT,
            "assay_version": _TEXT,
            "created_at": {"type": "string", "description": "RFC 3339."},
            "config_fingerprint": {"type": "string", "description": "`md5:` and the digest of the suite's bytes."},
            "git_info": _git_info(),
            "entries": {"type": "array", "items": entry, "description": "Sorted by test_id, then metric."},
            "x-assay": _own(),
        },
        "required": ["schema_version", "suite", "entries"],
    }


def _git_info() -> JsonObject:
    members: JsonObject = {
        "commit": _TEXT,
        "branch": _TEXT,
        "dirty": {"type": "boolean"},
        "author": _TEXT,
        "timestamp": _TEXT,
    }
    return {"type": ["object", "null"], "properties": members}


def _own() -> JsonObject:
    """Describe the member that other readers skip."""
    counts: JsonObject = {"type": "object", "additionalProperties": _COUNT}
    attempts: JsonObject = {
        "type": "object",
        "properties": {
            "measured": {"type": "integer", "minimum": 1},
            "passed": _COUNT,
            "scores": {"type": "array", "items": {"type": "number"}, "maxItems": 1000},
        },
        "required": ["measured", "passed"],
    }
    behaviour: JsonObject = {
        "type": "object",
        "description": "What the episodes of the test did; every number counts episodes.",
        "properties": {
            "episodes": _COUNT,
            "tools": counts,
            "order": {
                "type": "array",
                "description": "Two tools, then episodes with all calls of the first before the second, after, mixed.",
                "items": {
                    "type": "array",
                    "prefixItems": [_TEXT, _TEXT, _COUNT, _COUNT, _COUNT],
                    "minItems": 5,
                    "maxItems": 5,
                },
            },
            "arguments": {
                "type": "object",
                "description": "Tool, then JSON Pointer, then JSON type.",
                "additionalProperties": {"type": "object", "additionalProperties": counts},
            },
            "cut": {"type": "boolean", "description": "Some of it is not listed."},
        },
        "required": ["episodes", "tools", "order", "arguments"],
    }
    test: JsonObject = {
        "type": "object",
        "properties": {
            "digest": {"type": "string", "description": "Of selector and expectations: finds a renamed test."},
            "attempts": {
                "type": "object",
                "additionalProperties": attempts,
                "description": "By metric; where there were several.",
            },
            "behaviour": behaviour,
        },
    }
    return {
        "type": "object",
        "description": "What this project keeps beyond the format it shares with others.",
        "properties": {
            "version": {"const": 1},
            "tests": {"type": "object", "additionalProperties": test},
        },
        "required": ["version", "tests"],
    }
