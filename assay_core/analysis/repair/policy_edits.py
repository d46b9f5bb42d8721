"""The smallest edit of a policy that lets one recorded call through: one repair for each reason of a denial."""

from __future__ import annotations

from typing import Any

import attrs

from assay_core.analysis.learning import learn
from assay_core.analysis.repair.patch import Edit
from assay_core.analysis.repair.policy_file import Draft, PolicyFile, entry_identity, list_entries, section
from assay_core.analysis.repair.rule_edits import repair_limit, repair_pin, repair_sequence
from assay_core.analysis.repair.schema_fit import fitted
from assay_core.analysis.repair.schema_keywords import exactly_or_like
from assay_core.analysis.repair.situation import Situation, Unrepairable, arguments
from assay_core.analysis.repair.value_diff import edits_between
from assay_core.config.starter.learnt import CLIMBS, CLIMBS_SCHEMA
from assay_core.errors import AssayError
from assay_core.model import Episode, JsonObject, JsonValue, ToolCall, Violation
from assay_core.policy import Policy

__all__ = ["NoEdit", "edits_for"]

_MAX_ROUNDS = 40
_MAX_NAME = 1024
_DENY = (("tools", "deny"), ("deny",))
_OTHER_CLASS_LISTS = (
    "allow_classes", "approval_required_classes", "restrict_scope_classes", "redact_args_classes"
)  # fmt: skip


@attrs.frozen
class NoEdit:
    """Why no automatic edit lets a call through."""

    reason: str


def edits_for(file: PolicyFile, policy: Policy, situation: Situation) -> tuple[Edit, ...] | NoEdit:
    """Return the edits that let a denied call through, or that settle an unmet rule; or say why there are none.

    Each of them is needed: without it the call is denied, or the others do not fit. The file itself, with its
    comments, was changed so in memory and loaded again.

    Args:
        file: The policy's file.
        policy: The policy that the file is.
        situation: What stands in the way.
    """
    try:
        return _edits(file, policy, situation)
    except Unrepairable as obstacle:
        return NoEdit(str(obstacle))


def _edits(file: PolicyFile, policy: Policy, situation: Situation) -> tuple[Edit, ...] | NoEdit:
    draft = file.draft()
    changed = policy
    for _ in range(_MAX_ROUNDS):
        standing = situation.standing(changed)
        if not standing:
            break
        _repair(file, draft, changed, situation, standing[0])
        loaded = file.load(draft)
        if loaded is None:
            return NoEdit("with the edit that it needs the policy would not load")
        changed = loaded
    else:
        return NoEdit("more rules refuse it than can be edited at once")
    edits = _needed(file, edits_between(file.value, draft), situation)
    if edits is None or not _settles(file.rewritten(edits), situation):
        return NoEdit("the edit that it needs cannot be written into this file; edit the policy by hand")
    return edits


def _needed(file: PolicyFile, edits: tuple[Edit, ...], situation: Situation) -> tuple[Edit, ...] | None:
    """Drop every edit that is not needed; None where all of them together do not do."""
    if not edits or not _settles(file.edited(edits), situation):
        return None
    place = 0
    while place < len(edits) and len(edits) > 1:
        without = edits[:place] + edits[place + 1 :]
        if _settles(file.edited(without), situation):
            edits, place = without, 0
        else:
            place += 1
    return edits


def _settles(policy: Policy | None, situation: Situation) -> bool:
    return policy is not None and not situation.standing(policy)


def _repair(file: PolicyFile, draft: Draft, policy: Policy, situation: Situation, violation: Violation) -> None:
    """Change the draft so that one violation is gone.

    Raises:
        Unrepairable: there is no automatic edit.
    """
    call = situation.call
    where = next((rule.section for rule in policy.rules if rule.id == violation.rule), "")
    of_plugin = any(rule.id == violation.rule for check in policy.checks for rule in check.rules)
    if where == "sequences" and not of_plugin:
        repair_sequence(file, draft, policy, situation, violation)
    elif call is None or of_plugin:
        raise Unrepairable(f"{violation.code} is found by a check plugin, and no edit of a rule settles that")
    elif where == "limits":
        repair_limit(file, draft, policy, situation, violation)
    elif where == "tool_pins":
        repair_pin(draft, policy, situation)
    elif where in ("tools.deny", "tools.deny_classes"):
        _undeny(file, draft, call, violation)
    elif violation.code in ("E_TOOL_NOT_ALLOWED", "E_TOOL_CONFUSABLE"):
        _allow(file, draft, call, violation.code)
    elif where == "schemas":
        _widen(file, draft, policy, call)
    else:
        _describe(draft, call)


def _undeny(file: PolicyFile, draft: Draft, call: ToolCall, violation: Violation) -> None:
    """Remove the entry that denies the tool; from a class the tool alone is taken, where nothing else needs it."""
    exact = file.kind == "rules"
    for entries, place, entry in list_entries(draft, *_DENY):
        if entry_identity(entry, "tools.deny", "tool", exact=exact) == violation.rule:
            del entries[place]
            return
    for entries, place, entry in list_entries(draft, ("tools", "deny_classes")):
        if entry_identity(entry, "tools.deny_classes", "class", exact=False) == violation.rule:
            name = str(entry["class"] if isinstance(entry, dict) else entry)
            of_tool = section(draft, "tool_classes", call.tool)
            if isinstance(of_tool, list) and name in of_tool and not _class_is_used(draft, name):
                of_tool.remove(name)
            else:
                del entries[place]
            return
    raise Unrepairable(f"the rule {violation.rule!r} does not stand in this file")


def _class_is_used(draft: Draft, name: str) -> bool:
    lists = tuple(("tools", each) for each in _OTHER_CLASS_LISTS)
    names = (entry["class"] if isinstance(entry, dict) else entry for _, _, entry in list_entries(draft, *lists))
    return name in names


def _allow(file: PolicyFile, draft: Draft, call: ToolCall, code: str) -> None:
    """Add the very name to the list of allowed tools."""
    name = call.tool
    if not name or name != name.strip() or len(name) > _MAX_NAME:
        raise Unrepairable("a name that is empty, very long, or begins or ends with white space cannot be listed")
    entry: JsonValue = name
    if file.kind != "rules" and ("*" in name or "?" in name):
        entry = {"tool": name, "exact": True}
    tools = section(draft, "tools")
    for listed in (section(draft, "tools", "allow"), draft.get("allow")):
        if isinstance(listed, list):
            listed.append(entry)
            return
    if code == "E_TOOL_CONFUSABLE" or not isinstance(tools, dict):
        raise Unrepairable(
            "its name has characters outside printable ASCII; only a policy with a list of allowed tools can spell it "
            "out, and to add one would deny all other tools"
        )
    tools["allow"] = [entry]


def _widen(file: PolicyFile, draft: Draft, policy: Policy, call: ToolCall) -> None:
    """Widen the schema of the tool so far that the arguments fit."""
    args = arguments(call)
    home, schema = _schema_of(file, draft, call.tool)
    if home is None or not isinstance(schema, dict):
        raise Unrepairable("its schema comes from an old form of policy; `assay policy migrate` makes it editable")
    widened = fitted(schema, policy.form.schema_defs, args)
    if widened is None:
        raise Unrepairable("no small change of its schema lets the arguments through; edit the schema by hand")
    if widened != schema:
        home[call.tool] = widened
    lacking = section(draft, "tools", "require_args", call.tool) if file.kind == "rules" else None
    if isinstance(lacking, list) and isinstance(args, dict):
        kept = [name for name in lacking if name in args]
        if kept:
            lacking[:] = kept
        else:
            del draft["tools"]["require_args"][call.tool]


def _schema_of(file: PolicyFile, draft: Draft, tool: str) -> tuple[dict[str, Any] | None, Any]:
    """Return the mapping in which the schema of a tool stands, and the schema."""
    homes = {"schemas": draft, "rules": section(draft, "tools", "arg_constraints")}
    home = homes.get(file.kind, section(draft, "schemas"))
    if file.kind == "rules" and section(draft, "tools", "require_args", tool) is not None:
        home = home if isinstance(home, dict) and tool in home else {tool: {}}
    return (home, home[tool]) if isinstance(home, dict) and tool in home else (None, None)


def _describe(draft: Draft, call: ToolCall) -> None:
    """Add a schema as one is learnt from this call alone."""
    schemas = section(draft, "schemas")
    if not isinstance(schemas, dict):
        schemas = draft["schemas"] = {}
    schemas[call.tool] = _learnt(call)


def _learnt(call: ToolCall) -> JsonObject:
    args = arguments(call)
    try:
        learnt = learn([Episode(id="call", events=(call,))], "the call")
    except AssayError as error:
        raise Unrepairable(error.message) from None
    if obstacle := learnt.unnamed.get(call.tool):
        raise Unrepairable(f"it has no schema, and cannot be given one: {obstacle}")
    schema = learnt.schemas.get(call.tool)
    return exactly_or_like(args) if schema is None else _without_references(schema)


def _without_references(value: Any) -> Any:
    """Write out the shared definition that learnt schemas refer to: this file may not have it."""
    if isinstance(value, dict):
        if value == {"$ref": CLIMBS}:
            return dict(CLIMBS_SCHEMA)
        return {key: _without_references(each) for key, each in value.items()}
    return value
