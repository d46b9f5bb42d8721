"""The normalised form as JSON, and its digest.

The plain part has the shape over which the Rust project takes its digest: every member present, absent lists
null, absent maps empty. What only this format knows is added where the policy uses it, so that a plain file
keeps the plain shape. `${…}` stands as written, and a rule's place never counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from assay_core.canonical import digest
from assay_core.model import JsonObject, JsonValue
from assay_core.policy.form import (
    Contract,
    NameRule,
    Operand,
    Origin,
    PolicyForm,
    ResourceEntry,
    ResourceRules,
    SequenceRule,
    ToolLimit,
)
from assay_core.policy.reading.runtime import RUNTIME_KEYS

__all__ = ["form_digest", "normalised", "without_absent"]

_LISTS = (
    "allow",
    "deny",
    "allow_classes",
    "deny_classes",
    "approval_required",
    "approval_required_classes",
    "restrict_scope",
    "restrict_scope_classes",
    "redact_args",
    "redact_args_classes",
)
_EMPTY_IF_ABSENT = ("constraints", "schemas", "tool_pins", "tool_classes")
_TARGET_KEY = {"files": "path", "network": "address", "processes": "path", "env": "name"}
_MS_PER_UNIT = (("h", 3_600_000), ("m", 60_000), ("s", 1000))


def form_digest(form: PolicyForm) -> str:
    """Return `sha256:` and the SHA-256 of the normalised form's RFC 8785 bytes.

    Independent of the order of keys, of comments, places and the value of `${…}`; the order of lists counts.
    """
    return digest(normalised(form))


def normalised(form: PolicyForm) -> JsonObject:
    """Return the whole form as a JSON object, defaults written out."""
    result: dict[str, JsonValue] = {
        "version": form.version,
        "name": form.name,
        "tools": _tools(form),
        "allow": None,
        "deny": None,
        "schemas": _schemas(form),
        "constraints": [],
        "enforcement": {"unconstrained_tools": form.unconstrained_tools},
        "limits": _limits(form),
        "tool_pins": _pins(form),
        "tool_classes": {tool: sorted(classes) for tool, classes in form.tool_classes.items()},
    }
    for key in RUNTIME_KEYS:
        result[key] = form.runtime.get(key)
    return {**result, **_extended(form)}


def without_absent(value: JsonObject) -> JsonObject:
    """Return the normalised form without what is absent in it: a policy file that loads as the same form."""
    kept = {key: item for key, item in value.items() if item is not None and (item or key not in _EMPTY_IF_ABSENT)}
    tools = cast("JsonObject", value["tools"])
    kept["tools"] = {key: item for key, item in tools.items() if item is not None}
    limits = value.get("limits")
    if isinstance(limits, Mapping):
        kept["limits"] = {key: item for key, item in limits.items() if item is not None}
    return {key: item for key, item in kept.items() if key != "tools" or item}


def _tools(form: PolicyForm) -> JsonObject:
    tools: dict[str, JsonValue] = {key: _names(form, key) for key in _LISTS}
    for key in ("restrict_scope_contract", "redact_args_contract"):
        contract: Contract | None = getattr(form.tools, key)
        tools[key] = dict(contract.values) if contract else None
    return tools


def _names(form: PolicyForm, key: str) -> JsonValue:
    """Return a list under `tools`; null where it is absent, which an empty list is not."""
    rules: Sequence[NameRule] | None = getattr(form.tools, key)
    if rules is None or (not rules and f"tools.{key}" not in form.origin_places):
        return None
    word = "class" if key.endswith("_classes") else "tool"
    return [_entry(word, rule.name, rule.origin, {"exact": True} if rule.exact else {}) for rule in rules]


def _entry(word: str, name: str, origin: Origin, further: JsonObject) -> JsonValue:
    """Return an entry as its name where that says all, else as a mapping."""
    full = {word: name, **further, **_origin(origin)}
    return name if len(full) == 1 else full


def _origin(origin: Origin) -> JsonObject:
    written: dict[str, JsonValue] = {}
    if origin.id:
        written["id"] = origin.id
    if origin.reason:
        written["reason"] = origin.reason
    if origin.severity != "deny":
        written["severity"] = origin.severity
    return written


def _schemas(form: PolicyForm) -> JsonObject:
    shared: JsonObject = {"$defs": form.schema_defs} if form.schema_defs else {}
    return {**form.schemas, **shared}


def _limits(form: PolicyForm) -> JsonValue:
    totals = {"max_requests_total": form.max_requests_total, "max_tool_calls_total": form.max_tool_calls_total}
    per_tool = {limit.tool: _per_tool(limit) for limit in form.per_tool}
    if not per_tool and not any(value is not None for value in totals.values()) and "limits" not in form.origin_places:
        return None
    return {**totals, "per_tool": per_tool} if per_tool else totals


def _per_tool(limit: ToolLimit) -> JsonValue:
    full: dict[str, JsonValue] = {"max": limit.max}
    if limit.per_ms is not None:
        full["per"] = duration(limit.per_ms)
    full |= _origin(limit.origin)
    return limit.max if len(full) == 1 else full


def _pins(form: PolicyForm) -> JsonObject:
    names = ("server_id", "tool_name", "schema_hash", "meta_hash")
    return {pin.tool: {name: getattr(pin, name) for name in names} for pin in form.tool_pins}


def _extended(form: PolicyForm) -> JsonObject:
    """Return the sections that only this format knows, where the policy has them."""
    found: dict[str, JsonValue] = {}
    if form.aliases:
        found["aliases"] = {alias: list(names) for alias, names in form.aliases.items()}
    if form.sequences:
        found["sequences"] = [_sequence(rule) for rule in form.sequences]
    found |= _settings(form)
    for name in _TARGET_KEY:
        rules: ResourceRules | None = getattr(form, name)
        if rules is not None:
            found[name] = _resources(name, rules)
    found |= {section.key: section.value for section in form.plugin_sections}
    return found


def _settings(form: PolicyForm) -> JsonObject:
    found: dict[str, JsonValue] = {}
    if form.timeouts is not None:
        found["timeouts"] = _present(
            default=None if form.timeouts.default_s is None else duration(form.timeouts.default_s * 1000),
            per_tool={tool: duration(length_s * 1000) for tool, length_s in form.timeouts.per_tool} or None,
        )
    if form.responses is not None:
        origin = _origin(attrs.evolve(form.responses.origin, severity="deny"))
        found["responses"] = {
            **_present(max_bytes=form.responses.max_bytes, deny_patterns=list(form.responses.deny_patterns) or None),
            "on_violation": form.responses.on_violation,
            **origin,
        }
    if form.server_requests is not None:
        found["server_requests"] = dict(form.server_requests)
    if form.approval is not None:
        found["approval"] = _present(
            keys=list(form.approval.keys) or None,
            command=list(form.approval.command) or None,
            ttl=None if form.approval.ttl_s is None else duration(form.approval.ttl_s * 1000),
        )
    return found


def _present(**members: JsonValue) -> JsonObject:
    return {key: value for key, value in members.items() if value is not None}


def _sequence(rule: SequenceRule) -> JsonObject:
    written: dict[str, JsonValue] = {"type": rule.type}
    for key in ("tool", "first", "trigger", "then", "forbidden"):
        operand: Operand | None = getattr(rule, key)
        if operand is not None:
            written[key] = _operand(operand)
    if rule.type == "sequence":
        written |= {"tools": [_operand(each) for each in rule.tools], "strict": rule.strict}
    if rule.type in ("after", "eventually"):
        written |= {"within": rule.within, "on_violation": rule.on_violation}
    if rule.type == "max_calls":
        written["max"] = rule.max
    if rule.type == "blocklist":
        written["pattern"] = rule.pattern
    return {**written, **_origin(rule.origin)}


def _operand(operand: Operand) -> JsonValue:
    full: dict[str, JsonValue] = {"tool": operand.tool}
    if operand.args_match:
        full["args_match"] = {
            name: regexes[0] if len(regexes) == 1 else list(regexes) for name, regexes in operand.args_match.items()
        }
    if operand.exact:
        full["exact"] = True
    return operand.tool if len(full) == 1 else full


def _resources(section: str, rules: ResourceRules) -> JsonObject:
    return _present(
        allow=None if rules.allow is None else [_resource(section, each) for each in rules.allow],
        deny=[_resource(section, each) for each in rules.deny] or None,
        needs_review=[_resource(section, each) for each in rules.needs_review] or None,
    )


def _resource(section: str, entry: ResourceEntry) -> JsonValue:
    rights: JsonObject = {"rights": entry.rights} if section == "files" and entry.rights != "rwx" else {}
    return _entry(_TARGET_KEY[section], entry.target, entry.origin, rights)


def duration(length_ms: float) -> str:
    """Return a duration as a person would write it: the largest unit that leaves a whole number."""
    for unit, size_ms in _MS_PER_UNIT:
        if length_ms % size_ms == 0:
            return f"{int(length_ms // size_ms)}{unit}"
    return f"{int(length_ms)}ms" if length_ms == int(length_ms) else f"{length_ms!r}ms"
