"""The JSON Schema of policy.yaml, version 2.0, as docs/reference/policy-language.md describes it."""

from __future__ import annotations

from collections.abc import Mapping

from assay_core.model.json_value import JsonObject, JsonValue
from assay_core.policy.reading.sections import SERVER_METHODS
from assay_core.policy.reading.tools import CONTRACTS, NAME_LISTS

__all__ = ["policy_schema"]

_FREE: JsonObject = {"^x-": {"description": "Free for your own use."}}
_TEXT: JsonObject = {"type": "string", "minLength": 1}
_REGEX: JsonObject = {**_TEXT, "description": "A regular expression of the linear-time engine; searched, not anchored."}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_DURATION: JsonObject = {
    "type": "string",
    "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$",
    "description": "Such as 500ms, 30s, 5m, 1h.",
}
_FLAG: JsonObject = {"type": "boolean"}
_ORIGIN: JsonObject = {
    "id": {"type": "string", "description": "The rule's identity in reports; else its content."},
    "reason": {"type": "string", "description": "Why the rule is there; shown with each violation."},
    "severity": {"enum": ["warn", "deny"], "default": "deny"},
}
# Per operator: required keys, then optional ones.
_OPERAND: JsonObject = {"$ref": "#/$defs/operand"}
_WITHIN: JsonObject = {"type": "integer", "minimum": 1, "description": "How many later calls count."}
_ON_VIOLATION: JsonObject = {
    "enum": ["report", "deny"],
    "default": "report",
    "description": "deny: once the deadline has passed, every live call but the one that is owed is refused.",
}
_OPERATORS: Mapping[str, tuple[str, JsonObject, JsonObject]] = {
    "require": ("The tool is called in every episode.", {"tool": _OPERAND}, {}),
    "eventually": (
        "The tool is called within the first calls.",
        {"tool": _OPERAND, "within": _WITHIN},
        {"on_violation": _ON_VIOLATION},
    ),
    "max_calls": ("The tool is called at most so often.", {"tool": _OPERAND, "max": _COUNT}, {}),
    "before": ("`then` is called only after `first`.", {"first": _OPERAND, "then": _OPERAND}, {}),
    "after": (
        "After `trigger`, `then` is called soon.",
        {"trigger": _OPERAND, "then": _OPERAND},
        {"within": {**_WITHIN, "default": 1}, "on_violation": _ON_VIOLATION},
    ),
    "never_after": ("After `trigger`, `forbidden` is not called.", {"trigger": _OPERAND, "forbidden": _OPERAND}, {}),
    "sequence": (
        "The tools are called in this order.",
        {"tools": {"type": "array", "minItems": 2, "items": _OPERAND}},
        {"strict": {**_FLAG, "default": False, "description": "Nothing else may come between."}},
    ),
    "blocklist": (
        "No tool whose name holds the pattern is called.",
        {"pattern": {**_TEXT, "description": "A part of the name, or a pattern where it has * or ?."}},
        {},
    ),
}


def policy_schema(plugin_keys: Mapping[str, JsonObject]) -> JsonObject:
    """Return the body of the schema, with the keys that installed check plugins own."""
    properties: dict[str, JsonValue] = {
        "version": {"enum": ["2.0", 2.0], "description": 'The version of this format: "2.0".'},
        "name": {"type": ["string", "null"], "description": "A label."},
        "tools": _nullable(_tools()),
        "tool_classes": _map_of(_list_of(_TEXT), "Classes of each tool, by its exact name."),
        "aliases": _map_of(_list_of(_TEXT, least=1), "Names that stand for several tools."),
        "schemas": _map_of(
            {"type": "object", "description": "A JSON Schema 2020-12 of the tool's arguments."},
            "Argument schemas by exact tool name; `$defs` holds shared definitions.",
        ),
        "sequences": {"type": ["array", "null"], "items": {"$ref": "#/$defs/sequence"}},
        "limits": _nullable(_limits()),
        "timeouts": _nullable(_object({"default": _DURATION, "per_tool": _map_of(_DURATION, "Name to duration.")})),
        "responses": _nullable(_responses()),
        "server_requests": _server_requests(),
        "approval": _nullable(
            _object({"keys": _list_of(_TEXT), "command": _list_of({"type": "string"}), "ttl": _DURATION})
        ),
        "enforcement": _nullable(
            _object(
                {
                    "unconstrained_tools": {
                        "enum": ["allow", "warn", "deny"],
                        "default": "warn",
                        "description": "What a call of an allowed tool without a schema is.",
                    }
                }
            )
        ),
        "files": _nullable(_resources("path", {"rights": {"type": "string", "pattern": "^[rwx]{1,3}$"}})),
        "network": _nullable(_resources("address", {})),
        "processes": _nullable(_resources("path", {})),
        "env": _nullable(_resources("name", {})),
        "tool_pins": _map_of(_pin(), "The identity a tool has to have."),
        "allow": {"type": ["array", "null"], "items": _TEXT, "deprecated": True, "description": "Use tools.allow."},
        "deny": {"type": ["array", "null"], "items": _TEXT, "deprecated": True, "description": "Use tools.deny."},
        "constraints": {
            "type": ["array", "object", "null"],
            "deprecated": True,
            "description": "The form of version 1; `assay policy migrate` turns it into schemas.",
        },
        **{key: {"type": ["object", "null"]} for key in ("signatures", "discovery", "runtime_monitor", "kill_switch")},
        **plugin_keys,
    }
    return {
        "description": "A policy: which tool calls are permitted.",
        **_object(properties),
        "$defs": {"operand": _operand(), "sequence": _sequence()},
    }


def _object(properties: JsonObject, required: tuple[str, ...] = ()) -> dict[str, JsonValue]:
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": properties,
        "patternProperties": _FREE,
        "additionalProperties": False,
    }
    if required:
        schema["required"] = list(required)
    return schema


def _nullable(schema: JsonObject) -> JsonObject:
    return {**schema, "type": [str(schema["type"]), "null"]}


def _map_of(schema: JsonObject, doc: str) -> JsonObject:
    return {"type": ["object", "null"], "additionalProperties": schema, "description": doc}


def _list_of(schema: JsonObject, least: int = 0) -> JsonObject:
    return {"type": "array", "items": schema, **({"minItems": least} if least else {})}


def _names(word: str, doc: str) -> JsonObject:
    rule = _object({word: _TEXT, **_ORIGIN}, (word,))
    return {"type": ["array", "null"], "items": {"anyOf": [_TEXT, rule]}, "description": doc}


def _tools() -> JsonObject:
    docs = {
        "allow": "Only these may be called; absent: all that are not denied.",
        "deny": "These are refused; deny wins.",
        "approval_required": "These need an approval.",
        "restrict_scope": "These are held to restrict_scope_contract.",
        "redact_args": "The arguments of these are redacted by redact_args_contract.",
    }
    properties: dict[str, JsonValue] = {}
    for name in NAME_LISTS:
        properties[name] = _names("tool", f"Names, patterns or aliases. {docs[name]}")
        properties[f"{name}_classes"] = _names("class", f"Classes. {docs[name]}")
    for name, words in CONTRACTS.items():
        members = {
            key: {"type": "string", **({"examples": list(values)} if values else {})} for key, values in words.items()
        }
        properties[name] = _nullable(_object(members, tuple(words)))
    return _object(properties)


def _operand() -> JsonObject:
    patterns: JsonObject = {"anyOf": [_REGEX, _list_of(_REGEX, least=1)]}
    selector = _object({"tool": _TEXT, "args_match": {"type": "object", "additionalProperties": patterns}}, ("tool",))
    return {"description": "A tool name, a pattern, an alias, or a selector of calls.", "anyOf": [_TEXT, selector]}


def _sequence() -> JsonObject:
    choices: list[JsonValue] = []
    for name, (doc, required, optional) in _OPERATORS.items():
        body = _object({"type": {"const": name}, **required, **optional, **_ORIGIN}, ("type", *required))
        choices.append({"if": {"properties": {"type": {"const": name}}}, "then": {**body, "description": doc}})
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(_OPERATORS)}},
        "allOf": choices,
    }


def _limits() -> JsonObject:
    limit = _object({"max": _COUNT, "per": {**_DURATION, "description": "A sliding window."}, **_ORIGIN}, ("max",))
    per_tool = _map_of({"anyOf": [_COUNT, limit]}, "By name, pattern or alias; a pattern counts its tools together.")
    total: JsonObject = {"type": ["integer", "null"], "minimum": 0}
    return _object({"max_requests_total": total, "max_tool_calls_total": total, "per_tool": per_tool})


def _responses() -> JsonObject:
    return _object(
        {
            "max_bytes": {"type": "integer", "minimum": 1},
            "deny_patterns": _list_of(_REGEX),
            "on_violation": _ORIGIN["severity"],
            "id": _ORIGIN["id"],
            "reason": _ORIGIN["reason"],
        }
    )


def _server_requests() -> JsonObject:
    verdict: JsonObject = {"enum": ["allow", "deny"]}
    methods = dict.fromkeys((*SERVER_METHODS, *SERVER_METHODS.values(), "*"), verdict)
    return {
        "anyOf": [verdict, {"type": "null"}, _object(methods)],
        "description": "What a server may ask of its client.",
    }


def _resources(target: str, further: JsonObject) -> JsonObject:
    entry: JsonObject = {"anyOf": [_TEXT, _object({target: _TEXT, **further, **_ORIGIN}, (target,))]}
    properties: dict[str, JsonValue] = {
        "allow": {"type": ["array", "null"], "items": entry, "description": "Everything else is denied."},
        "deny": {"type": ["array", "null"], "items": entry, "description": "Refused; deny wins."},
    }
    if target != "name":
        learnt: JsonObject = {key: {} for key in ("count", "stability", "runs_seen", "risk", "reasons")}
        review: JsonObject = {"anyOf": [_TEXT, _object({target: _TEXT, **further, **_ORIGIN, **learnt}, (target,))]}
        properties["needs_review"] = {
            "type": ["array", "null"],
            "items": review,
            "description": "Learnt, never enforced, always reported.",
        }
    return _object(properties)


def _pin() -> JsonObject:
    digest: JsonObject = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    members: JsonObject = {
        "server_id": {"type": "string"},
        "tool_name": {"type": "string"},
        "schema_hash": digest,
        "meta_hash": digest,
    }
    return _object(members, tuple(members))
