"""Which of the accepted forms a file has. What is none of them is refused, saying what it looks like."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal, NoReturn, TypeAlias

from assay_core.convert import nearest
from assay_core.model import JsonObject, JsonValue
from assay_core.policy.reading.resources import LEARNT_LISTS
from assay_core.policy.reading.written import Problems, raise_all, shown

__all__ = ["LEARNT_KEYS", "LEGACY_KEYS", "POLICY_KEYS", "RULES_KEYS", "RULES_TOOLS_KEYS", "FileKind", "recognise"]

FileKind: TypeAlias = Literal["current", "version 1", "rules", "schemas", "learnt"]

LEGACY_KEYS = ("allow", "deny", "constraints")
POLICY_KEYS = (
    "version", "name", "tools", "tool_classes", "aliases", "schemas", "sequences", "limits", "timeouts", "responses",
    "server_requests", "approval", "enforcement", "files", "network", "processes", "env", "tool_pins", "signatures",
    "discovery", "runtime_monitor", "kill_switch",
)  # fmt: skip
RULES_KEYS = ("version", "name", "metadata", "tools", "sequences", "aliases", "on_error")
RULES_TOOLS_KEYS = ("require_args", "arg_constraints")
LEARNT_KEYS = ("_meta", "files", "network", "processes")
_RULES_MARKS = ("metadata", "on_error")

_UNSUPPORTED = "E_POLICY_UNSUPPORTED"
_SCHEMA_WORDS = frozenset(
    ["$schema", "$ref", "$defs", "type", "properties", "required", "additionalProperties", "patternProperties",
     "propertyNames", "enum", "const", "anyOf", "oneOf", "allOf", "not", "if", "items", "minProperties",
     "maxProperties", "dependentRequired", "dependentSchemas", "unevaluatedProperties"]
)  # fmt: skip
# A root key that gives another kind of file away: what it looks like, and what to do.
_STRANGERS: Mapping[str, tuple[str, str]] = {
    "blocklist": ("a list of blocked tools", "write tools: {deny: [...]} with version: \"2.0\""),
    "mandate_trust": ("the trust policy of mandates", "name a tool policy"),
    "entries": ("a profile of observed behaviour", "`assay generate --profile` makes a policy from it"),
    "fs": ("a sandbox policy of the Rust project", "write files: and network: with version: \"2.0\""),
    "net": ("a sandbox policy of the Rust project", "write files: and network: with version: \"2.0\""),
    "rules": ("a list of rules under `rules`", "write them under `sequences:` with version: \"2.0\""),
}  # fmt: skip
_SUITE_KEYS = ("configVersion", "suite", "tests")


def recognise(problems: Problems, is_plugin_key: Callable[[str], bool]) -> FileKind:
    """Return the form of a document.

    Raises:
        PolicyError: E_CFG_KIND for a suite, E_CFG_VERSION for a version nobody knows, E_POLICY_UNSUPPORTED for
            anything else that is no policy, E_POLICY_PARSE for misspelt keys alone.
    """
    value = problems.document.value
    if not isinstance(value, Mapping):
        _refuse_root(problems, value)
    keys = [key for key in value if value[key] is not None and key[:2] != "x-"]
    if not keys:
        _refuse(problems, "the file is empty; a policy that says nothing checks nothing", "see `assay init`")
    _refuse_strangers(problems, keys)
    version = _version(problems, value.get("version"))
    tools = value.get("tools")
    rules_marks = any(key in keys for key in _RULES_MARKS) or (
        isinstance(tools, Mapping) and any(tools.get(key) is not None for key in RULES_TOOLS_KEYS)
    )
    legacy_marks = value.get("constraints") not in (None, [], {}) or "allow" in keys or "deny" in keys
    if version == "2.0":
        return "version 1" if legacy_marks else "current"
    if version is not None and version != "1.0":
        return "rules"
    if rules_marks and not legacy_marks:
        return "rules"
    if version == "1.0" or legacy_marks:
        return "version 1"
    return _without_version(problems, value, keys, is_plugin_key)


def _version(problems: Problems, version: JsonValue) -> str | None:
    """Return the version as text: `2.0` counts as `"2.0"`. Rules policies are those that say 1.1 and the like."""
    if version is None:
        return None
    path = ("version",)
    if isinstance(version, bool) or not isinstance(version, (str, int, float)):
        problems.add(f'version: expected "2.0", found {shown(version)}', problems.place(path))
        problems.raise_any()
    text = str(version).strip()
    try:
        number = float(text)
    except ValueError:
        number = 0.0  # words are names of rules policies
    if isinstance(version, int) or (number >= 2 and text != "2.0") or not text:
        problems.add(
            f"version: {version!r} is not a version of a policy that this release reads",
            problems.place(path),
            code="E_CFG_VERSION",
            remedy='write version: "2.0"',
        )
        problems.raise_any()
    return text


def _without_version(
    problems: Problems, value: JsonObject, keys: list[str], is_plugin_key: Callable[[str], bool]
) -> FileKind:
    if "_meta" in keys or (set(keys) <= set(LEARNT_KEYS) and _has_learnt_marks(value)):
        return "learnt"
    if any(key in POLICY_KEYS or is_plugin_key(key) for key in keys):
        return "current"
    if keys == ["schema"]:
        _refuse(problems, "this looks like one JSON Schema that names no tool", "write schemas: {TOOL: …}")
    if all(_is_schema(value[key]) or key == "$defs" for key in keys):
        return "schemas"
    if isinstance(value.get("type"), str) and set(keys) <= _SCHEMA_WORDS | {"title", "description", "$id"}:
        _refuse(problems, "this looks like one JSON Schema that names no tool", "write schemas: {TOOL: …}")
    guesses = {key: nearest(key, POLICY_KEYS) for key in keys}
    if any(guesses.values()):
        for key in keys:
            problems.root().unknown(problems.root().child(key), key, POLICY_KEYS)
        problems.raise_any()
    shown_keys = ", ".join(map(repr, sorted(keys)[:6]))
    _refuse(problems, f"no key of a policy is here, only {shown_keys}", 'a policy begins with version: "2.0"')


def _has_learnt_marks(value: JsonObject) -> bool:
    for name in LEARNT_KEYS[1:]:
        section = value.get(name)
        if not isinstance(section, Mapping):
            continue
        if any(key in section for key in LEARNT_LISTS):
            return True
        for entries in section.values():
            if isinstance(entries, list) and any(isinstance(each, Mapping) and "pattern" in each for each in entries):
                return True
    return False


def _is_schema(value: JsonValue) -> bool:
    return isinstance(value, Mapping) and any(key in _SCHEMA_WORDS for key in value)


def _refuse_root(problems: Problems, value: JsonValue) -> NoReturn:
    if value is None:
        _refuse(problems, "the file is empty; a policy that says nothing checks nothing", "see `assay init`")
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(each, str) for each in value):
            _refuse(problems, "this looks like a list of tool names", "write them under tools: as allow: or deny:")
        _refuse(problems, "this looks like a list of sequence rules", 'write them under sequences: with version: "2.0"')
    _refuse(problems, f"a policy is a mapping, and this is {shown(value)}", 'a policy begins with version: "2.0"')


def _refuse_strangers(problems: Problems, keys: Collection[str]) -> None:
    version = problems.root().get("version")
    is_suite = any(key in keys for key in _SUITE_KEYS) or (version is not None and isinstance(version.value, int))
    if is_suite and not any(key in (*POLICY_KEYS[2:], *LEGACY_KEYS) for key in keys):
        problems.add("this looks like a suite, not a policy", problems.place(()), code="E_CFG_KIND")
        problems.raise_any()
    for key, (looks_like, remedy) in _STRANGERS.items():
        if key in keys:
            _refuse(problems, f"the key {key!r} makes this look like {looks_like}", remedy, key)


def _refuse(problems: Problems, message: str, remedy: str, key: str = "") -> NoReturn:
    place = problems.place((key,), key=True) if key else problems.place(())
    problems.add(message, place, code=_UNSUPPORTED, remedy=remedy)
    raise_all(problems.errors)
    raise AssertionError  # `add` left at least one error
