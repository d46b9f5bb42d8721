"""Random policies and episodes, small enough to collide with each other often. Seeded: a number is a case."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from tests.reference.interpreter import sequence_identity

_TOOLS = [
    "read_file",
    "read_secret",
    "write_file",
    "search",
    "search_web",
    "delete_user",
    "login",
    "d\u0435lete_user",
    "a*b",
]
_EXACT = [name for name in _TOOLS if "*" not in name]  # what keys of a policy may be
_PATTERNS = [*_TOOLS, "read_*", "*_file", "*", "s?arch*", "*e*_*", "??????", "Find", "Danger", "delete_*", "a*b*"]
_CLASSES = ["sink:network", "sink:shell", "source:disk"]
_VALUES: list[Any] = ["/srv/a", "/etc/passwd", "secret", "", 3, -1, 2.5, None, True, ["a", 1], {"x": "secret"}, "é\n"]
_SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "required": ["path"], "properties": {"path": {"type": "string", "pattern": "^/srv/"}}},
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {"path": {}, "n": {"type": "integer", "minimum": 0}},
    },
    {"type": "object", "properties": {"path": {"anyOf": [{"type": "string", "maxLength": 8}, {"type": "array"}]}}},
    {"type": "object", "minProperties": 1, "properties": {"path": {"$ref": "#/$defs/word"}}},
    {"type": "object", "properties": {"path": {"enum": ["/srv/a", 3]}, "n": {"not": {"type": "string"}}}},
    {"type": "object", "properties": {"path": {"type": ["array", "string"], "items": {"type": "string"}}}},
]
_ANNOUNCED = [{"type": "object"}, {"type": "object", "properties": {"b": {"type": "string"}, "a": {}}}, None]


def policy(rng: random.Random) -> dict[str, Any]:
    """Return a policy as a person would write it."""
    made: dict[str, Any] = {"version": "2.0", "aliases": {"Find": ["search", "search_w*"], "Danger": ["delete_user"]}}
    tools: dict[str, Any] = {}
    if rng.random() < 0.5:
        tools["allow"] = rng.sample(_PATTERNS, rng.randint(0, 5))
    if rng.random() < 0.5:
        tools["deny"] = [_listed(rng, "tool", name) for name in rng.sample([*_PATTERNS[:9], "*_secret", "Danger"], 2)]
    if rng.random() < 0.3:
        tools["deny_classes"] = [_listed(rng, "class", name) for name in rng.sample(_CLASSES, 1)]
    if rng.random() < 0.2:
        tools["allow_classes"] = rng.sample(_CLASSES, 2)
    made["tools"] = tools
    made["tool_classes"] = {tool: sorted(rng.sample(_CLASSES, rng.randint(1, 2))) for tool in rng.sample(_EXACT, 3)}
    if rng.random() < 0.8:
        shared = {"$defs": {"word": {"type": "string", "minLength": 1}}}
        made["schemas"] = shared | {tool: rng.choice(_SCHEMAS) for tool in rng.sample(_EXACT, rng.randint(1, 4))}
    if rng.random() < 0.7:
        made["enforcement"] = {"unconstrained_tools": rng.choice(["allow", "warn", "deny"])}
    if rng.random() < 0.6:
        made["limits"] = _limits(rng)
    if rng.random() < 0.2:
        made["tool_pins"] = {tool: _pin(rng, tool) for tool in rng.sample(_EXACT, 2)}
    rules = [_sequence(rng) for _ in range(rng.randint(0, 5))]
    made["sequences"] = list({sequence_identity(rule): rule for rule in rules}.values())
    return made


def episode(rng: random.Random) -> dict[str, Any]:
    """Return an episode in the interpreter's form."""
    clock, times, calls = 0.0, rng.choice(["all", "none", "some"]), []
    for _ in range(rng.choice([0, 1, 2, 4, 8, 12])):
        clock += rng.choice([0, 10, 500, 1000, 1500])
        call: dict[str, Any] = {
            "tool": rng.choice(_TOOLS),
            "outcome": rng.choice(["ok", "ok", "ok", "error", "denied"]),
        }
        if rng.random() < 0.9:
            names = rng.sample(["path", "n", "q"], rng.randint(0, 3))
            call["args"] = (
                {name: rng.choice(_VALUES) for name in names} if rng.random() < 0.95 else rng.choice(_VALUES[:9])
            )
        if times == "all" or (times == "some" and rng.random() < 0.5):
            call["ts_ms"] = clock
        if rng.random() < 0.2:
            call["server"] = rng.choice(["files", "other"])
        if call.get("args", {}) is None:
            del call["args"]
        calls.append(call)
    definitions = None
    if rng.random() < 0.5:
        definitions = [_announcement(rng, tool) for tool in rng.sample(_TOOLS, 6)]
    return {"calls": calls, "complete": rng.random() < 0.7, "definitions": definitions}


def _listed(rng: random.Random, word: str, name: str) -> Any:
    return name if rng.random() < 0.7 else {word: name, "severity": rng.choice(["warn", "deny"])}


def _limits(rng: random.Random) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if rng.random() < 0.5:
        limits["max_tool_calls_total"] = rng.randint(0, 9)
    names = rng.sample([*_TOOLS, "search*", "Find", "*"], rng.randint(1, 3))
    limits["per_tool"] = {
        name: rng.choice([2, {"max": 1}, {"max": 1, "per": "1s"}, {"max": 2, "per": "2s"}, {"max": 0, "per": "1s"}])
        for name in names
    }
    return limits


def _operand(rng: random.Random) -> Any:
    name = rng.choice(_PATTERNS)
    if rng.random() < 0.75:
        return name
    regexes = rng.choice(["secret", "^/srv/", ["s", "e"], "^\\[", "[0-9]$"])
    return {"tool": name, "args_match": {rng.choice(["path", "n"]): regexes}}


def _sequence(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(
        ["require", "eventually", "max_calls", "before", "after", "never_after", "sequence", "blocklist", "after"]
    )
    rule: dict[str, Any] = {"type": kind}
    operands = {
        "require": ["tool"], "eventually": ["tool"], "max_calls": ["tool"], "before": ["first", "then"],
        "after": ["trigger", "then"], "never_after": ["trigger", "forbidden"],
    }  # fmt: skip
    for key in operands.get(kind, []):
        rule[key] = _operand(rng)
    if kind in ("after", "eventually"):
        rule["within"] = rng.randint(1, 4)
    if kind == "max_calls":
        rule["max"] = rng.randint(0, 3)
    if kind == "sequence":
        rule |= {"tools": [_operand(rng) for _ in range(rng.randint(2, 3))], "strict": rng.random() < 0.5}
    if kind == "blocklist":
        rule["pattern"] = rng.choice(["delete", "read_*", "secret", "w?ite*"])
    if rng.random() < 0.2:
        rule["severity"] = "warn"
    return rule


def _pin(rng: random.Random, tool: str) -> dict[str, str]:
    announced = _announcement(rng, tool)
    text = json.dumps(announced["inputSchema"], sort_keys=rng.random() < 0.7, separators=(",", ":"))
    return {
        "server_id": "files",
        "tool_name": tool,
        "schema_hash": hashlib.sha256(text.encode()).hexdigest(),
        "meta_hash": hashlib.sha256(announced["description"].encode()).hexdigest(),
    }


def _announcement(rng: random.Random, tool: str) -> dict[str, Any]:
    made = {"name": tool, "description": rng.choice(["", "reads", "reads"]), "inputSchema": rng.choice(_ANNOUNCED)}
    return made | ({"server": rng.choice(["files", "files", "other"])} if rng.random() < 0.5 else {})
