"""The JSON Schemas of run.json and summary.json. Readers ignore keys they do not know, so further keys are valid."""

from __future__ import annotations

from typing import get_args

from assay_core.errors import CODES
from assay_core.model.json_value import JsonObject, JsonValue
from assay_core.model.result import Status

__all__ = ["run_schema", "summary_schema"]

_EXIT_CODE: JsonObject = {"enum": [0, 1, 2, 3], "description": "What the process exited with."}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_MS: JsonObject = {"type": ["number", "null"], "minimum": 0, "description": "Null under SOURCE_DATE_EPOCH."}
_SEED: JsonObject = {
    "type": ["string", "null"],
    "pattern": "^[0-9]+$",
    "description": "A decimal number; a string, because it may be beyond 2^53.",
}
_TEXT: JsonObject = {"type": "string"}
_NULL_TEXT: JsonObject = {"type": ["string", "null"]}
_ANY_OBJECT: JsonObject = {"type": "object"}
_VERSION: JsonObject = {"const": 1}
_COMPARED = (
    "compared",
    "regressions",
    "inconclusive",
    "improvements",
    "new",
    "missing",
    "renamed",
    "not_compared",
    "ignored",
    "behaviour_changes",
)


def run_schema() -> JsonObject:
    """Return the body of the schema of run.json; a run that ended early has no rows."""
    always: JsonObject = {
        "exit_code": _EXIT_CODE,
        "reason_code": _reason_code(),
        "reason_code_version": _VERSION,
        "seed_version": _VERSION,
        "order_seed": _SEED,
        "judge_seed": _SEED,
        "resolution": _resolution(),
    }
    completed: JsonObject = {
        "run_id": {**_COUNT, "description": "0 without a store."},
        "suite": _TEXT,
        "results": {"type": "array", "items": {"$ref": "#/$defs/row"}, "description": "Sorted by test_id."},
    }
    further: JsonObject = {
        "judge_metrics": _ANY_OBJECT,
        "sarif": _sarif(),
        "baseline": _comparison(),
        "policy": _policy(),
        "warnings": {"type": "array", "items": _TEXT},
        "provenance": _ANY_OBJECT,
    }
    schema = _object({**completed, **always, **further}, tuple(always))
    schema["dependentRequired"] = {"results": ["run_id", "suite"]}
    schema["$defs"] = {"row": _row(), "finding": _finding(), "attempt": _attempt()}
    return schema


def summary_schema() -> JsonObject:
    """Return the body of the schema of summary.json."""
    always: JsonObject = {
        "schema_version": _VERSION,
        "reason_code_version": _VERSION,
        "exit_code": _EXIT_CODE,
        "reason_code": _reason_code(),
        "message": _TEXT,
        "provenance": _object(
            {
                "assay_version": _TEXT,
                "verify_mode": {"enum": ["enabled", "disabled"]},
                **dict.fromkeys(("policy_pack_digest", "baseline_digest", "trace_digest", "config_digest"), _TEXT),
                "plugins": {"type": "array", "items": _TEXT},
            },
            ("assay_version", "verify_mode"),
        ),
        "seeds": _object(
            {"seed_version": _VERSION, "order_seed": _SEED, "judge_seed": _SEED},
            ("seed_version", "order_seed", "judge_seed"),
        ),
    }
    counts = dict.fromkeys(("passed", "failed", "warned", "skipped", "unstable", "total"), _COUNT)
    further: JsonObject = {
        "next_step": _TEXT,
        "results": _object(counts, ("passed", "failed", "total")),
        "performance": _performance(),
        "judge_metrics": _ANY_OBJECT,
        "sarif": _sarif(),
        "baseline": _object({"file": _TEXT, **dict.fromkeys(_COMPARED, _COUNT)}, ("file", *_COMPARED)),
    }
    return _object({**always, **further}, tuple(always))


def _object(properties: JsonObject, required: tuple[str, ...] = ()) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _reason_code() -> JsonObject:
    known = sorted({code for scope, code in CODES if scope == "run"})
    return {"type": "string", "examples": known, "description": "Empty on success. Plugins declare further codes."}


def _resolution() -> JsonObject:
    members: JsonObject = {
        "exit_code": _EXIT_CODE,
        "reason_code": _TEXT,
        "message": _TEXT,
        "next_step": _TEXT,
        "warnings": {"type": "array", "items": _TEXT},
    }
    return _object(members, ("exit_code", "reason_code"))


def _row() -> JsonObject:
    members: JsonObject = {
        "test_id": _TEXT,
        "status": {"enum": list(get_args(Status))},
        "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "cached": {"type": "boolean"},
        "message": _TEXT,
        "details": {
            **_ANY_OBJECT,
            "properties": {"findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}}},
        },
        "duration_ms": _MS,
        "fingerprint": _NULL_TEXT,
        "skip_reason": _NULL_TEXT,
        "attempts": {"type": ["array", "null"], "items": {"$ref": "#/$defs/attempt"}},
    }
    return _object({**members, "error_policy_applied": {"enum": ["block", "allow"]}}, tuple(members))


def _finding() -> JsonObject:
    members: JsonObject = {
        "code": _TEXT,
        "severity": {"enum": ["error", "warning", "note"]},
        "message": _TEXT,
        "rule": _TEXT,
        "file": _TEXT,
        "line": {"type": "integer", "minimum": 1},
        "test_id": _TEXT,
        "episode_id": _TEXT,
        "tool": _TEXT,
        "call_index": _COUNT,
        "pointer": _TEXT,
        "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    }
    return _object(members, ("code", "severity", "message", "fingerprint"))


def _attempt() -> JsonObject:
    members: JsonObject = {
        "attempt_no": {"type": "integer", "minimum": 1},
        "status": {"enum": list(get_args(Status))},
        "message": _TEXT,
        "duration_ms": _MS,
        "details": _ANY_OBJECT,
    }
    return _object(members, tuple(members))


def _policy() -> JsonObject:
    rule: JsonObject = _object(
        {
            "rule": _TEXT,
            "section": _TEXT,
            **dict.fromkeys(("held", "violated", "not_exercised", "open"), _COUNT),
            "decided_by": _TEXT,
        },
        ("rule", "held", "violated", "not_exercised"),
    )
    members: JsonObject = {
        "name": _TEXT,
        "digest": _TEXT,
        "unrestricted": {"type": "array", "items": _TEXT},
        "rules": {"type": "array", "items": rule},
    }
    return _object(members, ("digest", "rules"))


def _comparison() -> JsonObject:
    score: JsonObject = {"type": "number"}
    rate = _object(
        {
            "passed": _COUNT,
            "attempts": _COUNT,
            "interval_95": {"type": "array", "items": score, "minItems": 2, "maxItems": 2},
            "pass_k": score,
        },
        ("passed", "attempts"),
    )
    statistics = _object(
        {
            "p_value": {"type": ["number", "null"], "description": "Null where nothing fell beyond max_drop."},
            "level": score,
            "k": _COUNT,
            "baseline": rate,
            "candidate": rate,
            "settled_by_attempts": {"type": ["integer", "null"]},
        },
        ("p_value", "level"),
    )
    members: JsonObject = {
        "test_id": _TEXT,
        "metric": _TEXT,
        **dict.fromkeys(("baseline_score", "candidate_score", "delta"), score),
        "max_drop": {"type": ["number", "null"]},
        "verdict": {"enum": ["pass", "fail", "inconclusive"]},
        "renamed_from": _TEXT,
        "statistics": {**statistics, "description": "Where some side has several attempts."},
    }
    change = _object(members, ("test_id", "metric", "baseline_score", "candidate_score", "delta", "verdict"))
    texts: JsonObject = {"type": "array", "items": _TEXT}
    behaviour = _object(
        {
            "test_id": _TEXT,
            "kind": {"enum": ["tool_gone", "tool_new", "order", "arguments"]},
            "tool": _TEXT,
            "message": _TEXT,
            "severity": {"enum": ["warning", "note"]},
        },
        ("test_id", "kind", "tool", "message", "severity"),
    )
    changes: JsonObject = {"type": "array", "items": change}
    renamed = _object({"before": _TEXT, "after": _TEXT}, ("before", "after"))
    lists = ("regressions", "inconclusive", "improvements", "tolerated")
    return _object(
        {
            **dict.fromkeys(("file", "suite", "digest", "created_at", "assay_version"), _TEXT),
            "compared": _COUNT,
            **dict.fromkeys(lists, changes),
            **dict.fromkeys(("new_tests", "missing_tests", "not_compared"), texts),
            "renamed_tests": {"type": "array", "items": renamed},
            "ignored_entries": _COUNT,
            "behaviour": {"type": "array", "items": behaviour},
        },
        ("file", "suite", "digest", "compared", *lists),
    )


def _sarif() -> JsonObject:
    return _object({"omitted": _COUNT}, ("omitted",))


def _performance() -> JsonObject:
    phases = dict.fromkeys(("ingest_ms", "eval_ms", "judge_ms", "report_ms"), _MS)
    slow = _object({"test_id": _TEXT, "duration_ms": _MS}, ("test_id", "duration_ms"))
    members: JsonObject = {
        "total_duration_ms": _MS,
        "cache_hit_rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "slowest_tests": {"type": "array", "items": slow, "maxItems": 5},
        "phase_timings": _object(phases),
    }
    return _object(members, ("total_duration_ms", "phase_timings"))
