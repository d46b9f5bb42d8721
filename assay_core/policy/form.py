"""The normalised form of a policy: what every accepted file becomes before it is compiled.

`load.py` builds it (and migrates old files into it); `compile.py` turns it into rules that decide. Every list
entry that a person wrote keeps its place, so that each rule can be traced to its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from assay_core.errors import Place
from assay_core.model import JsonObject, JsonValue, Severity

SequenceType: TypeAlias = Literal[
    "require", "eventually", "max_calls", "before", "after", "never_after", "sequence", "blocklist"
]


@attrs.frozen(kw_only=True)
class Origin:
    """What any rule may carry, and where it stands."""

    id: str = ""
    reason: str = ""
    severity: Severity = "deny"
    place: Place | None = None


@attrs.frozen(kw_only=True)
class NameRule:
    """A tool name pattern or a class in one of the lists under `tools`. Written as a string, or `{tool: …, id: …}`."""

    name: str
    exact: bool = False  # True: `*` and `?` stand for themselves (names of a rules policy; `{tool: …, exact: true}`)
    origin: Origin = Origin()


@attrs.frozen(kw_only=True)
class Operand:
    """A tool operand: a name, pattern or alias, and what its arguments must look like."""

    tool: str
    args_match: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)  # argument to regexes; all must be found
    exact: bool = False  # True: `*` and `?` stand for themselves; an alias is still an alias


@attrs.frozen(kw_only=True)
class SequenceRule:
    """One of the eight operators. Fields that its type does not use keep their defaults."""

    type: SequenceType
    tool: Operand | None = None  # require, eventually, max_calls
    first: Operand | None = None  # before
    then: Operand | None = None  # before, after
    trigger: Operand | None = None  # after, never_after
    forbidden: Operand | None = None  # never_after
    tools: tuple[Operand, ...] = ()  # sequence
    strict: bool = False  # sequence
    within: int = 1  # after, eventually
    max: int = 0  # max_calls
    pattern: str = ""  # blocklist; a substring unless it has `*` or `?`
    on_violation: Literal["report", "deny"] = "report"
    origin: Origin = Origin()


@attrs.frozen(kw_only=True)
class ToolLimit:
    """`limits.per_tool`: at most `max` permitted calls, in all or in any window of `per_ms`."""

    tool: str  # name, pattern or alias; a pattern counts its tools together
    max: int
    per_ms: float | None = None
    origin: Origin = Origin()


@attrs.frozen(kw_only=True)
class Contract:
    """`restrict_scope_contract`, `redact_args_contract`: three words each, as written."""

    values: Mapping[str, str]
    place: Place | None = None


@attrs.frozen(kw_only=True)
class Tools:
    """Everything under `tools`. None: the list is absent; an empty allow list allows nothing."""

    allow: tuple[NameRule, ...] | None = None
    deny: tuple[NameRule, ...] = ()
    allow_classes: tuple[NameRule, ...] | None = None
    deny_classes: tuple[NameRule, ...] = ()
    approval_required: tuple[NameRule, ...] = ()
    approval_required_classes: tuple[NameRule, ...] = ()
    restrict_scope: tuple[NameRule, ...] = ()
    restrict_scope_classes: tuple[NameRule, ...] = ()
    restrict_scope_contract: Contract | None = None
    redact_args: tuple[NameRule, ...] = ()
    redact_args_classes: tuple[NameRule, ...] = ()
    redact_args_contract: Contract | None = None


@attrs.frozen(kw_only=True)
class ResourceEntry:
    """One entry of files, network or processes."""

    target: str  # as written, `${…}` not yet expanded; for `env` a name or pattern
    expanded: str = ""  # the target after `${…}` was expanded, once, at load
    rights: str = "rwx"  # files only
    origin: Origin = Origin()


@attrs.frozen(kw_only=True)
class ResourceRules:
    """`files`, `network` or `processes`. None for allow: everything that is not denied is allowed."""

    allow: tuple[ResourceEntry, ...] | None = None
    deny: tuple[ResourceEntry, ...] = ()
    needs_review: tuple[ResourceEntry, ...] = ()  # learnt, never enforced, always reported


@attrs.frozen(kw_only=True)
class Responses:
    """`responses`: what a tool may answer."""

    max_bytes: int | None = None
    deny_patterns: tuple[str, ...] = ()
    on_violation: Severity = "deny"
    origin: Origin = Origin()


@attrs.frozen(kw_only=True)
class Timeouts:
    """`timeouts`, in seconds."""

    default_s: float | None = None
    per_tool: tuple[tuple[str, float], ...] = ()  # (name, pattern or alias, seconds), as written
    place: Place | None = None


@attrs.frozen(kw_only=True)
class Approval:
    """`approval`: who may approve, and for how long an approval holds."""

    keys: tuple[str, ...] = ()  # files with public keys, relative to the policy
    command: tuple[str, ...] = ()
    ttl_s: float | None = None
    place: Place | None = None


@attrs.frozen(kw_only=True)
class ToolPin:
    """`tool_pins`: the four-field identity of a tool."""

    tool: str
    server_id: str
    tool_name: str
    schema_hash: str  # 64 lower-case hexadecimal digits
    meta_hash: str
    place: Place | None = None


@attrs.frozen(kw_only=True)
class PluginSection:
    """A key that an installed check plugin owns."""

    key: str
    value: JsonValue
    place: Place | None = None


@attrs.frozen(kw_only=True)
class PolicyForm:
    """A whole policy, normalised."""

    file: str  # for messages; "<mapping>" for one built in Python
    version: str = "2.0"
    name: str = ""
    tools: Tools = Tools()
    tool_classes: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)  # classes sorted
    aliases: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    schemas: Mapping[str, JsonObject] = attrs.field(factory=dict)  # per exact tool name, without `$defs`
    schema_defs: JsonObject = attrs.field(factory=dict)  # the shared `$defs`
    schema_places: Mapping[str, Place] = attrs.field(factory=dict)
    sequences: tuple[SequenceRule, ...] = ()
    max_requests_total: int | None = None
    max_tool_calls_total: int | None = None
    per_tool: tuple[ToolLimit, ...] = ()
    unconstrained_tools: Literal["allow", "warn", "deny"] = "warn"
    timeouts: Timeouts | None = None
    responses: Responses | None = None
    server_requests: Mapping[str, Literal["allow", "deny"]] | None = None  # method, or "*", to verdict
    approval: Approval | None = None
    tool_pins: tuple[ToolPin, ...] = ()
    files: ResourceRules | None = None
    network: ResourceRules | None = None
    processes: ResourceRules | None = None
    env: ResourceRules | None = None
    plugin_sections: tuple[PluginSection, ...] = ()
    runtime: JsonObject = attrs.field(
        factory=dict
    )  # signatures, discovery, runtime_monitor, kill_switch: as normalised
    origin_places: Mapping[str, Place] = attrs.field(factory=dict)  # section name to its place
