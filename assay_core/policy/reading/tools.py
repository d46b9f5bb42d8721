"""From the file to the form: `tools`, `tool_classes`, `aliases`, `tool_pins`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from assay_core.model import Severity
from assay_core.policy.form import Contract, NameRule, Origin, ToolPin, Tools
from assay_core.policy.reading.written import Written

__all__ = ["CONTRACTS", "NAME_LISTS", "TOOLS_KEYS", "aliases", "exact_names", "name_of", "name_rules", "origin_of"]

NAME_LISTS = ("allow", "deny", "approval_required", "restrict_scope", "redact_args")
CLASS_LISTS = tuple(f"{name}_classes" for name in NAME_LISTS)
CONTRACTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "restrict_scope_contract": {
        "scope_type": ("tool", "resource", "tool_class"),
        "scope_value": (),
        "scope_match_mode": ("exact", "prefix", "contains", "any"),
    },
    "redact_args_contract": {
        "redaction_target": ("path", "query", "headers", "body", "metadata", "args"),
        "redaction_mode": ("mask", "hash", "drop", "partial"),
        "redaction_scope": ("request", "args", "metadata"),
    },
}
TOOLS_KEYS = (*NAME_LISTS, *CLASS_LISTS, *CONTRACTS)
ORIGIN_KEYS = ("id", "reason", "severity")

MAX_NAME = 1024  # characters; two patterns are compared in steps of their lengths' product
_HASH = re.compile(r"[0-9a-f]{64}")
_PIN_KEYS = ("server_id", "tool_name", "schema_hash", "meta_hash")


def origin_of(entry: Written, members: Mapping[str, Written]) -> Origin:
    """Return the `id`, `reason` and `severity` among the members of a rule."""
    severity: Severity = "deny"
    if "severity" in members and members["severity"].choice(("warn", "deny")) == "warn":
        severity = "warn"
    texts = {key: members[key].text() or "" for key in ("id", "reason") if key in members}
    return Origin(id=texts.get("id", ""), reason=texts.get("reason", ""), severity=severity, place=entry.place)


def name_of(entry: Written, *, words: str = "a tool name or pattern") -> str | None:
    """Return a name that can be one: not empty, no space around it."""
    name = entry.text(words=words)
    if name is None:
        return None
    if len(name) > MAX_NAME:
        entry.wrong(f"a name of {len(name)} characters is longer than {MAX_NAME}, the most that is read")
        return None
    if name != name.strip():
        entry.wrong(f"the name {name!r} begins or ends with white space, so it would match no tool")
        return None
    return name


def name_rules(entries: Written, *, word: str = "tool", exact: bool = False) -> tuple[NameRule, ...]:
    """Return the rules of one list. `exact`: the names of a rules policy, in which `*` and `?` are literal."""
    rules = [_name_rule(entry, word, exact) for entry in entries.items()]
    return tuple(rule for rule in rules if rule is not None)


def _name_rule(entry: Written, word: str, exact: bool) -> NameRule | None:
    if isinstance(entry.value, Mapping):
        known = (word, *ORIGIN_KEYS) if word == "class" else (word, "exact", *ORIGIN_KEYS)
        members = entry.fields(known, required=(word,))
        name = name_of(members[word]) if word in members else None
        if "exact" in members:
            exact = bool(members["exact"].flag())
        origin = origin_of(entry, members)
    else:
        name = name_of(entry, words=f"a {word} or {{{word}: …, id: …}}")
        origin = Origin(place=entry.place)
    if name is None:
        return None
    return NameRule(name=name, exact=word == "tool" and exact and _has_wildcard(name), origin=origin)


def _has_wildcard(name: str) -> bool:
    return "*" in name or "?" in name


def parse_tools(section: Written, *, exact: bool, further_keys: tuple[str, ...] = ()) -> Tools:
    """Return the section `tools`."""
    members = section.fields((*TOOLS_KEYS, *further_keys))
    lists: dict[str, tuple[NameRule, ...]] = {}
    for key in NAME_LISTS:
        if key in members:
            lists[key] = name_rules(members[key], exact=exact)
    for key in CLASS_LISTS:
        if key in members:
            lists[key] = name_rules(members[key], word="class")
    contracts = {key: _contract(members[key], key) for key in CONTRACTS if key in members}
    return Tools(**lists, **contracts)  # type: ignore[arg-type]  # the keys above are its fields


def _contract(section: Written, key: str) -> Contract | None:
    words = CONTRACTS[key]
    members = section.fields(words, required=words)
    values: dict[str, str] = {}
    for name, choices in words.items():
        if name not in members:
            continue
        text = members[name].text()
        if text is not None and choices and text.strip().lower() not in choices:
            members[name].wrong(f"expected one of {', '.join(choices)}, found the string {text!r}")
        elif text is not None:
            values[name] = text
    return Contract(values=values, place=section.place)


def exact_names(section: Written, what: str) -> dict[str, Written]:
    """Return the members of a mapping whose keys are exact tool names: a pattern there would match nothing."""
    members = section.members()
    for name in [name for name in members if _has_wildcard(name) or not name or name != name.strip()]:
        members.pop(name).wrong(
            f"{what} takes exact tool names, and {name!r} is none",
            code="E_POLICY_UNSUPPORTED",
            remedy="write one entry for each tool",
            at_key=True,
        )
    return members


def tool_classes(section: Written) -> dict[str, tuple[str, ...]]:
    """Return the classes of each tool, sorted."""
    members = exact_names(section, "tool_classes")
    return {tool: tuple(sorted(set(each.texts()))) for tool, each in members.items()}


def aliases(section: Written, *, exact: bool) -> dict[str, tuple[str, ...]]:
    """Return the members of each alias.

    They are looked up once: a member that is itself an alias would match no tool, so it is an error. An alias may
    list its own name, which is then the tool of that name.
    """
    found: dict[str, tuple[str, ...]] = {}
    members = section.members()
    for alias, each in members.items():
        names = []
        for item in each.items():
            name = name_of(item)
            if exact and name is not None and _has_wildcard(name):
                item.wrong(
                    f"in a rules policy {name!r} is an exact name, so this alias would match no tool",
                    code="E_POLICY_UNSUPPORTED",
                    remedy='write version: "2.0", where names are patterns, or name the tools',
                )
            elif name is not None and name in members and name != alias:
                item.wrong(
                    f"{name!r} is an alias too, and aliases are resolved one level deep: here it would not mean its "
                    "members",
                    remedy=f"list the members of {name!r} here",
                )
            elif name is not None:
                names.append(name)
        if not each.value:
            each.wrong("an alias without members matches no tool", code="E_CFG_VACUOUS")
        found[alias] = tuple(names)
    return found


def tool_pins(section: Written) -> tuple[ToolPin, ...]:
    """Return the pinned identity of each tool."""
    pins = []
    for tool, each in exact_names(section, "tool_pins").items():
        members = each.fields(_PIN_KEYS, required=_PIN_KEYS)
        values = {key: member.text() or "" for key, member in members.items()}
        for key in ("schema_hash", "meta_hash"):
            if values.get(key) and not _HASH.fullmatch(values[key]):
                members[key].wrong(f"expected 64 lower-case hexadecimal digits, found {values[key]!r}")
        if len(values) == len(_PIN_KEYS):
            pins.append(ToolPin(tool=tool, place=each.key_place, **values))
    return tuple(pins)
