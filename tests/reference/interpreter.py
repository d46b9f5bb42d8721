"""A slow, obvious reading of the policy language, written against the reference page and not against the engine.

It takes a policy as the mapping a person writes and an episode as plain dictionaries, keeps no state between
calls and scans everything that came before, every time. It must not import `assay_core.policy`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jsonschema

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


class Found(NamedTuple):
    """One violation."""

    code: str
    rule: str
    severity: str
    antecedent: int | None = None
    pointer: str = ""
    keyword: str = ""


class Judged(NamedTuple):
    """One episode."""

    calls: list[tuple[str, list[Found]]]  # verdict and violations of each call
    closing: list[Found]
    states: dict[str, str]  # rule to state, for the rules that a trace decides


def interpret(policy: Mapping[str, Any], episode: Mapping[str, Any]) -> Judged:
    """Decide an episode: `calls` ({tool, args?, outcome, ts_ms, server}), `complete`, `definitions` (or None)."""
    calls = episode["calls"]
    judged: list[tuple[str, list[Found]]] = []
    for index in range(len(calls)):
        found = _decide(policy, episode, index, [verdict for verdict, _ in judged])
        denied = any(each.severity == "deny" for each in found)
        judged.append(("deny" if denied else "warn" if found else "allow", found))
    closing, states = _end(policy, episode, judged)
    return Judged(judged, closing, states)


# -- one call -----------------------------------------------------------------------------------------------------


def _decide(policy: Mapping[str, Any], episode: Mapping[str, Any], index: int, verdicts: list[str]) -> list[Found]:
    call, tool = episode["calls"][index], episode["calls"][index]["tool"]
    found: list[Found] = []
    if not _is_ascii(tool) and tool not in [_entry(each)["name"] for each in _tools(policy).get("allow") or []]:
        found.append(Found("E_TOOL_CONFUSABLE", "tools.names", "deny"))
    found += _pins(policy, episode, call)
    found += _limits(policy, episode, index, verdicts)
    found += _lists(policy, tool)
    schemas = policy.get("schemas") or {}
    if tool in schemas and tool != "$defs":
        found += _schema(schemas, tool, call.get("args", {}))
    elif (mode := (policy.get("enforcement") or {}).get("unconstrained_tools", "warn")) != "allow":
        found.append(Found("E_TOOL_UNCONSTRAINED", "enforcement.unconstrained_tools", mode))
    for rule in policy.get("sequences") or []:
        broken, antecedent = _breaks(policy, rule, _ran(episode, index), call)
        if broken:
            severity = rule.get("severity", "deny")
            found.append(Found("E_SEQUENCE_VIOLATION", sequence_identity(rule), severity, antecedent))
    return found


def _is_ascii(name: str) -> bool:
    return all(" " <= character <= "~" for character in name)


def _pins(policy: Mapping[str, Any], episode: Mapping[str, Any], call: Mapping[str, Any]) -> list[Found]:
    pin = (policy.get("tool_pins") or {}).get(call["tool"])
    if pin is None or episode["definitions"] is None:
        return []
    announced = [each for each in episode["definitions"] if each["name"] == call["tool"]]
    if call.get("server") is not None:
        announced = [each for each in announced if each.get("server") in (None, call["server"])]
    same = bool(announced)
    for each in announced:
        schema = json.dumps(each.get("inputSchema"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        compact = json.dumps(each.get("inputSchema"), separators=(",", ":"), ensure_ascii=False)
        server = each.get("server") or call.get("server")
        same = same and (
            pin["schema_hash"] in (_sha256(schema), _sha256(compact))
            and pin["meta_hash"] == _sha256(each.get("description") or "")
            and pin["tool_name"] == each["name"]
            and server in (None, pin["server_id"])
        )
    return [] if same else [Found("E_TOOL_DRIFT", f"tool_pins:{call['tool']}", "deny")]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _limits(policy: Mapping[str, Any], episode: Mapping[str, Any], index: int, verdicts: list[str]) -> list[Found]:
    limits, calls, found = policy.get("limits") or {}, episode["calls"], []
    total = limits.get("max_tool_calls_total")
    if total is not None and index + 1 > total:
        found.append(Found("E_RATE_LIMIT", "limits.max_tool_calls_total", "deny"))
    for tool, limit in (limits.get("per_tool") or {}).items():
        limit = limit if isinstance(limit, Mapping) else {"max": limit}
        if not _means(policy, tool, calls[index]["tool"]):
            continue
        permitted = [calls[i] for i in range(index) if verdicts[i] != "deny" and _means(policy, tool, calls[i]["tool"])]
        if "per" in limit:
            met = [i for i in range(index + 1) if _means(policy, tool, calls[i]["tool"])]
            now = _time(calls, met, index)
            if now is None:
                continue
            times = [_time(calls, met, i) for i in met[:-1] if verdicts[i] != "deny"]
            latest = times[-limit["max"] :] if limit["max"] else []
            permitted = [each for each in latest if each > now - _ms(limit["per"])]
        if len(permitted) + 1 > limit["max"]:
            found.append(Found("E_RATE_LIMIT", f"limits.per_tool:{tool}", limit.get("severity", "deny")))
    return found


def _time(calls: Sequence[Mapping[str, Any]], met: Sequence[int], index: int) -> Any:
    """The time of a call; where it has none, of the latest one before it that has, else of the first one after."""
    timed = [i for i in met if calls[i].get("ts_ms") is not None]
    nearest = [i for i in timed if i <= index][-1:] or timed[:1]
    return calls[nearest[0]]["ts_ms"] if nearest else None


def _ms(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", duration).groups()  # type: ignore[union-attr]  # checked when loaded
    return int(number) * _SECONDS[unit] * 1000


def _lists(policy: Mapping[str, Any], tool: str) -> list[Found]:
    tools, classes = _tools(policy), (policy.get("tool_classes") or {}).get(tool, [])
    found = []
    for entry in map(_entry, tools.get("deny") or []):
        if _listed(policy, entry, tool):
            rule = entry.get("id") or f"tools.deny:{entry['name']}"
            found.append(Found("E_TOOL_DENIED", rule, entry.get("severity", "deny")))
    for entry in map(_entry, tools.get("deny_classes") or []):
        if entry["name"] in classes:
            rule = entry.get("id") or f"tools.deny_classes:{entry['name']}"
            found.append(Found("E_TOOL_DENIED", rule, entry.get("severity", "deny")))
    allow, allow_classes = tools.get("allow"), tools.get("allow_classes")
    if allow is None and allow_classes is None:
        return found
    by_name = any(_listed(policy, entry, tool) for entry in map(_entry, allow or []))
    by_class = any(_entry(each)["name"] in classes for each in allow_classes or [])
    if not by_name and not by_class:
        found.append(Found("E_TOOL_NOT_ALLOWED", "tools.allow" if allow is not None else "tools.allow_classes", "deny"))
    return found


def _tools(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    return policy.get("tools") or {}


def _entry(written: Any) -> dict[str, Any]:
    if isinstance(written, str):
        return {"name": written}
    return {"name": written.get("tool") or written.get("class"), **written}


def _listed(policy: Mapping[str, Any], entry: Mapping[str, Any], tool: str) -> bool:
    """An entry of a list stands for itself, and where it names an alias for the members as well."""
    members = (policy.get("aliases") or {}).get(entry["name"], [])
    if entry.get("exact"):
        return tool in (entry["name"], *members)
    return any(_glob(pattern, tool) for pattern in (entry["name"], *members))


def _means(policy: Mapping[str, Any], operand: str, tool: str) -> bool:
    """An operand that names an alias stands for its members only."""
    return any(_glob(pattern, tool) for pattern in (policy.get("aliases") or {}).get(operand, [operand]))


def _glob(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_glob(pattern[1:], name[skip:]) for skip in range(len(name) + 1))
    return bool(name) and pattern[0] in ("?", name[0]) and _glob(pattern[1:], name[1:])


def _schema(schemas: Mapping[str, Any], tool: str, args: Any) -> list[Found]:
    schema = {**schemas[tool], "$defs": {**schemas.get("$defs", {}), **schemas[tool].get("$defs", {})}}
    found = set()
    for error in jsonschema.Draft202012Validator(schema).iter_errors(args):
        pointer = "".join("/" + str(each).replace("~", "~0").replace("/", "~1") for each in error.absolute_path)
        found.add(Found("E_ARG_SCHEMA", f"schemas:{tool}", "deny", None, pointer, error.validator))
    return sorted(found)


# -- sequences ----------------------------------------------------------------------------------------------------


def _ran(episode: Mapping[str, Any], before: int | None = None) -> list[tuple[int, Mapping[str, Any]]]:
    """The calls that ran, with their indexes."""
    return [(i, call) for i, call in enumerate(episode["calls"][:before]) if call["outcome"] != "denied"]


def _fits(policy: Mapping[str, Any], operand: Any, call: Mapping[str, Any]) -> bool:
    if isinstance(operand, str):
        return _means(policy, operand, call["tool"])
    if operand.get("exact"):
        if call["tool"] not in (policy.get("aliases") or {}).get(operand["tool"], [operand["tool"]]):
            return False
    elif not _means(policy, operand["tool"], call["tool"]):
        return False
    args = call.get("args", {})
    for name, regexes in (operand.get("args_match") or {}).items():
        if not isinstance(args, Mapping) or name not in args:
            return False
        value = args[name]
        texts = [json.dumps(value, separators=(",", ":"), ensure_ascii=False)] + [value] * isinstance(value, str)
        for regex in [regexes] if isinstance(regexes, str) else regexes:
            if not any(re.search(regex, text) for text in texts):
                return False
    return True


def _breaks(
    policy: Mapping[str, Any],
    rule: Mapping[str, Any],
    ran: list[tuple[int, Mapping[str, Any]]],
    call: Mapping[str, Any],
) -> tuple[bool, int | None]:
    def fits(key: str, which: Mapping[str, Any]) -> bool:
        return _fits(policy, rule[key], which)

    match rule["type"]:
        case "max_calls":
            return fits("tool", call) and sum(fits("tool", each) for _, each in ran) + 1 > rule["max"], None
        case "before":
            return fits("then", call) and not any(fits("first", each) for each in (*[c for _, c in ran], call)), None
        case "never_after":
            triggers = [i for i, each in ran if fits("trigger", each)]
            if triggers and fits("forbidden", call):
                return True, triggers[0]
        case "blocklist":
            pattern = rule["pattern"]
            wild = "*" in pattern or "?" in pattern
            return (_glob(pattern, call["tool"]) if wild else pattern in call["tool"]), None
        case "sequence":
            done = _progress(policy, rule, ran)
            waiting = rule["tools"][len(done) :]
            if not waiting or _fits(policy, waiting[0], call):
                return False, None
            strict = rule.get("strict", False)
            broken = bool(done) if strict else any(_fits(policy, each, call) for each in waiting[1:])
            return broken, done[-1] if broken and done else None
    return False, None


def _progress(
    policy: Mapping[str, Any], rule: Mapping[str, Any], ran: list[tuple[int, Mapping[str, Any]]]
) -> list[int]:
    done: list[int] = []
    for index, call in ran:
        if len(done) < len(rule["tools"]) and _fits(policy, rule["tools"][len(done)], call):
            done.append(index)
    return done


def _owed(
    policy: Mapping[str, Any], rule: Mapping[str, Any], episode: Mapping[str, Any]
) -> tuple[str, list[int | None]]:
    """The state of a rule at the end, apart from what single calls broke, and the antecedents of what is missing."""
    ran, complete = _ran(episode), episode["complete"]
    length = len(ran)
    match rule["type"]:
        case "require":
            if any(_fits(policy, rule["tool"], call) for _, call in ran):
                return "held", []
            return ("violated", [None]) if complete else ("open", [])
        case "eventually":
            hits = [place for place, (_, call) in enumerate(ran) if _fits(policy, rule["tool"], call)]
            if hits and hits[0] < rule["within"]:
                return "held", []
            return ("violated", [None]) if hits or complete or length >= rule["within"] else ("open", [])
        case "after":
            within, missing, still_open, triggers = rule.get("within", 1), [], False, 0
            for place, (index, call) in enumerate(ran):
                if not _fits(policy, rule["trigger"], call):
                    continue
                triggers += 1
                window = ran[place + 1 : place + 1 + within]
                if any(_fits(policy, rule["then"], each) for _, each in window):
                    continue
                if complete or length > place + within:
                    missing.append(index)
                else:
                    still_open = True
            if missing:
                return "violated", missing
            return "open" if still_open else "held" if triggers else "not_exercised", []
        case "before":
            return "held" if any(_fits(policy, rule["then"], call) for _, call in ran) else "not_exercised", []
        case "never_after":
            return "held" if any(_fits(policy, rule["trigger"], call) for _, call in ran) else "not_exercised", []
        case "sequence":
            done = _progress(policy, rule, ran)
            if not done:
                return "not_exercised", []
            if len(done) == len(rule["tools"]):
                return "held", []
            return ("violated", [done[-1]]) if complete else ("open", [])
    return "held", []


def sequence_identity(rule: Mapping[str, Any]) -> str:
    """Return the identity of a sequence rule, by the examples of the policy language."""
    if rule.get("id"):
        return str(rule["id"])

    def text(operand: Any) -> str:
        if isinstance(operand, str):
            return operand
        wanted = [
            f"{name}=~{regex}"
            for name, regexes in sorted((operand.get("args_match") or {}).items())
            for regex in ([regexes] if isinstance(regexes, str) else regexes)
        ]
        wild = operand.get("exact") and ("*" in operand["tool"] or "?" in operand["tool"])
        return ("=" if wild else "") + operand["tool"] + ("{" + ",".join(wanted) + "}" if wanted else "")

    kind = rule["type"]
    content = {
        "require": lambda: text(rule["tool"]),
        "eventually": lambda: f"{text(rule['tool'])}@{rule['within']}",
        "max_calls": lambda: f"{text(rule['tool'])}<={rule['max']}",
        "before": lambda: f"{text(rule['first'])}->{text(rule['then'])}",
        "after": lambda: f"{text(rule['trigger'])}->{text(rule['then'])}@{rule.get('within', 1)}",
        "never_after": lambda: f"{text(rule['trigger'])}->{text(rule['forbidden'])}",
        "sequence": lambda: ("strict:" if rule.get("strict") else "") + ">".join(map(text, rule["tools"])),
        "blocklist": lambda: rule["pattern"],
    }[kind]()
    return f"{kind}:{content}"


# -- the end ------------------------------------------------------------------------------------------------------


def _end(
    policy: Mapping[str, Any], episode: Mapping[str, Any], judged: Sequence[tuple[str, list[Found]]]
) -> tuple[list[Found], dict[str, str]]:
    calls, closing, states = episode["calls"], [], _before_violations(policy, episode)
    for rule in policy.get("sequences") or []:
        identity = sequence_identity(rule)
        states[identity], missing = _owed(policy, rule, episode)
        for antecedent in missing:
            closing.append(Found("E_SEQUENCE_VIOLATION", identity, rule.get("severity", "deny"), antecedent))
    for _, found in judged:
        for each in found:
            states[each.rule] = "violated"
    assert len(judged) == len(calls)
    return closing, states


def _before_violations(policy: Mapping[str, Any], episode: Mapping[str, Any]) -> dict[str, str]:
    """The states of the rules that are not sequences, as if nothing had been violated."""
    calls, tools, limits = episode["calls"], _tools(policy), policy.get("limits") or {}
    names = [call["tool"] for call in calls]

    def held(exercised: object) -> str:
        return "held" if exercised else "not_exercised"

    states = {"tools.names": held(names)}
    for section in ("deny", "deny_classes"):
        for entry in map(_entry, tools.get(section) or []):
            states[entry.get("id") or f"tools.{section}:{entry['name']}"] = held(names)
    if tools.get("allow") is not None:
        states["tools.allow"] = held(names)
    elif tools.get("allow_classes") is not None:
        states["tools.allow_classes"] = held(names)
    for tool in policy.get("schemas") or {}:
        if tool != "$defs":
            states[f"schemas:{tool}"] = held(tool in names)
    if (policy.get("enforcement") or {}).get("unconstrained_tools", "warn") != "allow":
        states["enforcement.unconstrained_tools"] = held(names)
    if limits.get("max_tool_calls_total") is not None:
        states["limits.max_tool_calls_total"] = held(names)
    for tool, limit in (limits.get("per_tool") or {}).items():
        timed = isinstance(limit, Mapping) and "per" in limit
        met = [each for each in calls if _means(policy, tool, each["tool"])]
        placed = not timed or all(each.get("ts_ms") is not None for each in met)
        states[f"limits.per_tool:{tool}"] = held(met and placed)
    for tool in policy.get("tool_pins") or {}:
        states[f"tool_pins:{tool}"] = held(tool in names and episode["definitions"] is not None)
    return states
