"""From the file to the form: signatures, discovery, runtime_monitor, kill_switch, with every default written out."""

from __future__ import annotations

from collections.abc import Mapping

from assay_core.model import JsonObject, JsonValue
from assay_core.policy.reading.written import Written

__all__ = ["RUNTIME_KEYS", "runtime_sections"]

RUNTIME_KEYS = ("signatures", "discovery", "runtime_monitor", "kill_switch")
_METHODS = ("config_files", "processes", "network", "dns", "well_known")
_ACTIONS = ("log", "warn", "fail")
_MODES = ("graceful", "immediate")


def runtime_sections(members: Mapping[str, Written]) -> JsonObject:
    """Return the sections that are there, normalised, and check that every `on_rule` names a rule."""
    readers = {
        "signatures": _signatures,
        "discovery": _discovery,
        "runtime_monitor": _runtime_monitor,
        "kill_switch": _kill_switch,
    }
    found = {key: read(members[key]) for key, read in readers.items() if key in members}
    if "runtime_monitor" in found and "kill_switch" in found:
        _cross_check(found["runtime_monitor"], members["kill_switch"])
    return found


def _signatures(section: Written) -> JsonObject:
    return {"check_descriptions": _flag(section.fields(("check_descriptions",)), "check_descriptions", False)}


def _discovery(section: Written) -> JsonObject:
    members = section.fields(("enabled", "methods", "output", "on_findings"))
    methods: list[JsonValue] = ["config_files", "processes"]
    if "methods" in members:
        methods = [word for item in members["methods"].items() if (word := item.choice(_METHODS)) is not None]
    findings = {}
    if "on_findings" in members:
        findings = members["on_findings"].fields(("unmanaged_server", "no_auth"))
    return {
        "enabled": _flag(members, "enabled", False),
        "methods": methods,
        "output": members["output"].text() if "output" in members else None,
        "on_findings": {key: _word(findings, key, _ACTIONS, "log") for key in ("unmanaged_server", "no_auth")},
    }


def _runtime_monitor(section: Written) -> JsonObject:
    members = section.fields(("enabled", "provider", "scope", "rules"))
    rules: list[JsonValue] = []
    seen: set[str] = set()
    for item in members["rules"].items() if "rules" in members else []:
        rule = _monitor_rule(item)
        name = str(rule.get("id", ""))
        if name and name in seen:
            item.wrong(f"two rules have the id {name!r}")
        seen.add(name)
        rules.append(rule)
    scope = members["scope"].fields(("mode", "cgroup")) if "scope" in members else {}
    cgroup_keys = ("freeze_on_incident", "create_leaf", "cleanup")
    cgroup = scope["cgroup"].fields((*cgroup_keys, "name_prefix", "pids_max")) if "cgroup" in scope else {}
    return {
        "enabled": _flag(members, "enabled", False),
        "provider": _word(members, "provider", ("ebpf",), "ebpf"),
        "scope": {
            "mode": _word(scope, "mode", ("cgroup_v2", "pid_set"), "cgroup_v2"),
            "cgroup": {
                **{key: _flag(cgroup, key, True) for key in cgroup_keys},
                "name_prefix": (cgroup["name_prefix"].text() if "name_prefix" in cgroup else None) or "assay",
                "pids_max": _whole(cgroup, "pids_max", 2048),
            },
        },
        "rules": rules,
    }


def _monitor_rule(item: Written) -> dict[str, JsonValue]:
    members = item.fields(("id", "type", "match", "severity", "action"), required=("id", "type", "match"))
    return {
        "id": members["id"].text() if "id" in members else None,
        "type": _word(members, "type", ("file_open", "net_connect", "proc_exec"), ""),
        "match": _match(members["match"], nested=False) if "match" in members else None,
        "severity": _word(members, "severity", ("low", "medium", "high", "critical"), "medium"),
        "action": _word(members, "action", ("log", "alert", "deny", "trigger_kill"), "log"),
    }


def _match(section: Written, *, nested: bool) -> JsonObject:
    known = ("path_globs", "dest_globs") if nested else ("path_globs", "dest_globs", "not")
    members = section.fields(known)
    match: dict[str, JsonValue] = {
        key: list(members[key].texts()) if key in members else [] for key in ("path_globs", "dest_globs")
    }
    if not nested:
        match["not"] = _match(members["not"], nested=True) if "not" in members else None
    if not match["path_globs"] and not match["dest_globs"] and not match.get("not"):
        section.wrong("a match without path_globs and dest_globs matches nothing", code="E_CFG_VACUOUS")
    return match


def _kill_switch(section: Written) -> JsonObject:
    keys = (
        "enabled",
        "mode",
        "kill_scope",
        "grace_period_ms",
        "kill_children",
        "capture_state",
        "output_dir",
        "triggers",
    )
    members = section.fields(keys)
    triggers: list[JsonValue] = []
    for item in members["triggers"].items() if "triggers" in members else []:
        trigger = item.fields(("on_rule", "mode"), required=("on_rule",))
        triggers.append(
            {
                "on_rule": trigger["on_rule"].text() if "on_rule" in trigger else None,
                "mode": trigger["mode"].choice(_MODES) if "mode" in trigger else None,
            }
        )
    return {
        "enabled": _flag(members, "enabled", True),
        "mode": _word(members, "mode", _MODES, "graceful"),
        "kill_scope": _word(members, "kill_scope", ("cgroup", "pid_fd", "legacy_pid"), "cgroup"),
        "grace_period_ms": _whole(members, "grace_period_ms", 3000),
        "kill_children": _flag(members, "kill_children", True),
        "capture_state": _flag(members, "capture_state", False),
        "output_dir": members["output_dir"].text() if "output_dir" in members else None,
        "triggers": triggers,
    }


def _cross_check(monitor: JsonValue, kill_switch: Written) -> None:
    rules = monitor["rules"] if isinstance(monitor, Mapping) else []
    known = {rule["id"] for rule in rules if isinstance(rule, Mapping)}  # type: ignore[union-attr]  # a list, built above
    triggers = kill_switch.get("triggers")
    for item in triggers.items() if triggers and isinstance(triggers.value, list) else []:
        on_rule = item.get("on_rule")
        if on_rule is not None and isinstance(on_rule.value, str) and on_rule.value not in known:
            on_rule.wrong(f"runtime_monitor has no rule {on_rule.value!r}")


def _flag(members: Mapping[str, Written], key: str, default: bool) -> bool:
    value = members[key].flag() if key in members else None
    return default if value is None else value


def _whole(members: Mapping[str, Written], key: str, default: int) -> int:
    value = members[key].whole() if key in members else None
    return default if value is None else value


def _word(members: Mapping[str, Written], key: str, choices: tuple[str, ...], default: str) -> str:
    value = members[key].choice(choices) if key in members else None
    return default if value is None else value
