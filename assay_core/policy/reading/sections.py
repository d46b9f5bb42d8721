"""From the file to the form: limits, timeouts, responses, server_requests, approval, enforcement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, cast

from assay_core.model import Severity
from assay_core.policy.form import Approval, Responses, Timeouts, ToolLimit
from assay_core.policy.reading.tools import ORIGIN_KEYS, origin_of
from assay_core.policy.reading.written import Written

__all__ = [
    "LIMIT_KEYS",
    "SERVER_METHODS",
    "approval",
    "duration_ms",
    "per_tool_limits",
    "responses",
    "server_requests",
    "timeouts",
]

LIMIT_KEYS = ("max_requests_total", "max_tool_calls_total", "per_tool")
SERVER_METHODS: Mapping[str, str] = {
    "sampling": "sampling/createMessage",
    "elicitation": "elicitation/create",
    "roots": "roots/list",
}

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNIT_MS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0}


def duration_ms(entry: Written) -> float | None:
    """Return a duration such as `60s`, `5m`, `500ms` or `1h` in milliseconds; more than none."""
    text = entry.value
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        entry.expected("a duration such as 500ms, 30s, 5m or 1h")
        return None
    length_ms = float(found.group(1)) * _UNIT_MS[found.group(2)]
    if not 0 < length_ms < float("inf"):
        entry.wrong(f"a duration of {text} is none")
        return None
    return length_ms


def per_tool_limits(section: Written) -> tuple[ToolLimit, ...]:
    """Return `limits.per_tool`: `{max, per}` or a bare number for each name, pattern or alias."""
    limits = []
    for tool, entry in section.members().items():
        per_ms, origin = None, origin_of(entry, {})
        if isinstance(entry.value, Mapping):
            members = entry.fields(("max", "per", *ORIGIN_KEYS), required=("max",))
            most = members["max"].whole() if "max" in members else None
            per_ms = duration_ms(members["per"]) if "per" in members else None
            origin = origin_of(entry, members)
        else:
            most = entry.whole()
        if not tool.strip():
            entry.wrong("an empty name matches no tool", at_key=True)
        elif most is not None:
            limits.append(ToolLimit(tool=tool, max=most, per_ms=per_ms, origin=origin))
    return tuple(limits)


def timeouts(section: Written) -> Timeouts:
    """Return the section `timeouts`."""
    members = section.fields(("default", "per_tool"))
    default_ms = duration_ms(members["default"]) if "default" in members else None
    per_tool = []
    if "per_tool" in members:
        for tool, entry in members["per_tool"].members().items():
            length_ms = duration_ms(entry)
            if length_ms is not None:
                per_tool.append((tool, length_ms / 1000))
    if isinstance(section.value, Mapping) and not members:
        section.wrong("timeouts without any duration limits nothing", code="E_CFG_VACUOUS")
    default_s = None if default_ms is None else default_ms / 1000
    return Timeouts(default_s=default_s, per_tool=tuple(per_tool), place=section.key_place)


def responses(section: Written) -> Responses:
    """Return the section `responses`."""
    members = section.fields(("max_bytes", "deny_patterns", "on_violation", "id", "reason"))
    most = members["max_bytes"].whole(least=1) if "max_bytes" in members else None
    patterns: list[str] = []
    if "deny_patterns" in members:
        patterns = [text for item in members["deny_patterns"].items() if (text := item.regex()) is not None]
    severity: Severity = "deny"
    if "on_violation" in members and members["on_violation"].choice(("warn", "deny")) == "warn":
        severity = "warn"
    if isinstance(section.value, Mapping) and "max_bytes" not in members and not section_has_items(members):
        section.wrong("responses without max_bytes and deny_patterns refuses nothing", code="E_CFG_VACUOUS")
    return Responses(
        max_bytes=most, deny_patterns=tuple(patterns), on_violation=severity, origin=origin_of(section, members)
    )


def section_has_items(members: Mapping[str, Written]) -> bool:
    """Tell whether `deny_patterns` was written with something in it."""
    return "deny_patterns" in members and bool(members["deny_patterns"].value)


def server_requests(section: Written) -> Mapping[str, Literal["allow", "deny"]]:
    """Return the verdict on each method a server may ask for; the key `*` stands for all others."""
    if isinstance(section.value, str):
        word = section.choice(("allow", "deny"))
        return {"*": cast("Literal['allow', 'deny']", word or "deny")}
    known = (*SERVER_METHODS, *SERVER_METHODS.values(), "*")
    verdicts: dict[str, Literal["allow", "deny"]] = {}
    for name, entry in section.fields(known).items():
        word = entry.choice(("allow", "deny")) or "deny"
        method = SERVER_METHODS.get(name, name)
        if method in verdicts:
            entry.wrong(f"{name!r} says again what {method!r} says", at_key=True)
        verdicts[method] = cast("Literal['allow', 'deny']", word)
    return verdicts


def approval(section: Written) -> Approval:
    """Return the section `approval`: who may approve, by key or by command."""
    members = section.fields(("keys", "command", "ttl"))
    keys = members["keys"].texts() if "keys" in members else ()
    command = members["command"].texts() if "command" in members else ()
    if isinstance(section.value, Mapping) and bool(keys) == bool(command):
        section.wrong("approval takes either keys (files with public keys) or command (a list of words)")
    ttl_ms = duration_ms(members["ttl"]) if "ttl" in members else None
    return Approval(
        keys=keys, command=command, ttl_s=None if ttl_ms is None else ttl_ms / 1000, place=section.key_place
    )
