"""From a document to the normalised form: every section in its parser, every mistake noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from assay_core.documents import Document
from assay_core.errors import AssayError, Place
from assay_core.model import PolicyNotice
from assay_core.policy.form import PluginSection, PolicyForm, Tools
from assay_core.policy.matching.resources import SECTIONS
from assay_core.policy.matching.schema_text import SchemaFault
from assay_core.policy.matching.schemas import compile_schema
from assay_core.policy.reading.forms import (
    LEARNT_KEYS,
    LEGACY_KEYS,
    POLICY_KEYS,
    RULES_KEYS,
    RULES_TOOLS_KEYS,
    FileKind,
    recognise,
)
from assay_core.policy.reading.resources import resource_rules
from assay_core.policy.reading.runtime import RUNTIME_KEYS, runtime_sections
from assay_core.policy.reading.schemas import Schemas, add_constraints, add_required_arguments, add_schemas
from assay_core.policy.reading.sections import (
    LIMIT_KEYS,
    approval,
    per_tool_limits,
    responses,
    server_requests,
    timeouts,
)
from assay_core.policy.reading.sequences import sequence_rules
from assay_core.policy.reading.tools import TOOLS_KEYS, aliases, name_rules, parse_tools, tool_classes, tool_pins
from assay_core.policy.reading.written import Problems, Written

__all__ = ["Reading", "read_form"]

_WORDS = {
    "version 1": 'version 1 of the format (version: "1.0", allow, deny or constraints at the root)',
    "rules": "a rules policy (its names are exact)",
    "learnt": "a learnt list of files, network and processes",
}


@attrs.frozen(kw_only=True)
class Reading:
    """A document as it was understood."""

    kind: FileKind
    form: PolicyForm
    problems: Problems

    @property
    def notices(self) -> tuple[PolicyNotice, ...]:
        """What reading alone has to tell."""
        return tuple(self.problems.notices)


def read_form(document: Document, *, is_plugin_key: Callable[[str], bool], variables: Mapping[str, str]) -> Reading:
    """Read a document into the normalised form.

    Args:
        document: The file, or a mapping built in Python.
        is_plugin_key: Tells whether a root key belongs to a check plugin, installed or not.
        variables: What `${CWD}`, `${HOME}`, `${TMP}` and `${USER}` stand for.

    Returns:
        The form, with `problems.errors` still to be raised by the caller.

    Raises:
        PolicyError: if the document is no policy at all.
    """
    problems = Problems(document)
    kind = recognise(problems, is_plugin_key)
    root = problems.root()
    if kind == "schemas":
        return Reading(kind=kind, form=_schemas_only(root), problems=problems)
    members = _root_members(root, kind, is_plugin_key)
    fields: dict[str, Any] = {"file": document.file}  # the fields of PolicyForm
    fields |= _tools_and_schemas(members, kind)
    fields |= _sections(members)
    for name in SECTIONS:
        if name in members:
            fields[name] = resource_rules(members[name], name, variables, learnt=kind == "learnt")
    if kind in ("rules", "learnt"):
        fields["unconstrained_tools"] = "allow"  # neither form has such a check
    labelled = members.get("_meta", root) if kind == "learnt" else root
    if label := labelled.get("name"):
        fields["name"] = _name(label)
    known = (*POLICY_KEYS, *LEGACY_KEYS, *RULES_KEYS, *LEARNT_KEYS)
    fields["plugin_sections"] = tuple(
        PluginSection(key=key, value=each.value, place=each.key_place)
        for key, each in sorted(members.items())
        if key not in known
    )
    fields["origin_places"] = _places(members)
    form = PolicyForm(**fields)
    _check_ids(form, problems)
    _note_kind(root, kind, members)
    return Reading(kind=kind, form=form, problems=problems)


def _root_members(root: Written, kind: FileKind, is_plugin_key: Callable[[str], bool]) -> dict[str, Written]:
    known: tuple[str, ...] = (*POLICY_KEYS, *LEGACY_KEYS)
    hint = ""
    if kind == "rules":
        known = RULES_KEYS
        hint = 'this is a rules policy; write version: "2.0" to use every key'
    elif kind == "learnt":
        known = LEARNT_KEYS
    members = root.members()
    for key in [key for key in members if key not in known]:
        if kind == "rules" or not is_plugin_key(key):
            root.unknown(members.pop(key), key, known, hint)
    return members


def _name(entry: Written) -> str:
    if isinstance(entry.value, str):
        return entry.value
    entry.expected("a string")
    return ""


def _tools_and_schemas(members: Mapping[str, Written], kind: FileKind) -> dict[str, Any]:
    exact = kind == "rules"
    fields: dict[str, Any] = {}
    schemas = Schemas()
    tools = Tools()
    if "tools" in members:
        tools = parse_tools(members["tools"], exact=exact, further_keys=RULES_TOOLS_KEYS if exact else ())
    for key in ("allow", "deny"):
        if kind == "version 1" and key in members:
            before = getattr(tools, key) or ()
            there = {rule.name for rule in before}
            added = [rule for rule in name_rules(members[key]) if rule.name not in there]
            tools = attrs.evolve(tools, **{key: (*before, *added)})  # type: ignore[arg-type]  # allow and deny
    if "schemas" in members:
        add_schemas(members["schemas"], schemas)
    if kind == "version 1" and "constraints" in members:
        add_constraints(members["constraints"], schemas)
    if exact and "tools" in members:
        if constraints := members["tools"].get("arg_constraints"):
            add_schemas(constraints, schemas)
        if required := members["tools"].get("require_args"):
            add_required_arguments(required, schemas)
    if "tool_classes" in members:
        fields["tool_classes"] = tool_classes(members["tool_classes"])
    if "aliases" in members:
        fields["aliases"] = aliases(members["aliases"], exact=exact)
    if "tool_pins" in members:
        fields["tool_pins"] = tool_pins(members["tool_pins"])
    if "sequences" in members:
        fields["sequences"] = sequence_rules(members["sequences"], exact=exact)
    some = next(iter(members.values()), None)
    if some is not None:
        _check_schemas(schemas, some.problems)
    return {**fields, "tools": tools, **_schema_fields(schemas)}


def _schema_fields(schemas: Schemas) -> dict[str, Any]:
    return {"schemas": schemas.of, "schema_defs": schemas.defs, "schema_places": schemas.places}


def _sections(members: Mapping[str, Written]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "limits" in members:
        limits = members["limits"].fields(LIMIT_KEYS)
        for key in ("max_requests_total", "max_tool_calls_total"):
            if key in limits:
                fields[key] = limits[key].whole()
        if "per_tool" in limits:
            fields["per_tool"] = per_tool_limits(limits["per_tool"])
    if "enforcement" in members:
        enforcement = members["enforcement"].fields(("unconstrained_tools",))
        if "unconstrained_tools" in enforcement:
            word = enforcement["unconstrained_tools"].choice(("allow", "warn", "deny"))
            fields["unconstrained_tools"] = word or "deny"
    readers: dict[str, Callable[[Written], object]] = {
        "timeouts": timeouts,
        "responses": responses,
        "server_requests": server_requests,
        "approval": approval,
    }
    for key, read in readers.items():
        if key in members:
            fields[key] = read(members[key])
    fields["runtime"] = runtime_sections({key: members[key] for key in RUNTIME_KEYS if key in members})
    return fields


def _schemas_only(root: Written) -> PolicyForm:
    schemas = Schemas()
    add_schemas(root, schemas)
    _check_schemas(schemas, root.problems)
    count = len(schemas.of)
    root.problems.notice(
        "W_POLICY_SCHEMAS_ONLY",
        f"read as the argument schemas of {count} tool{'s' if count != 1 else ''}, and nothing else",
        root.place,
    )
    fields = _schema_fields(schemas)
    return PolicyForm(
        file=root.problems.document.file,
        unconstrained_tools="allow",
        origin_places={"schemas": root.place},
        **fields,
    )


def _check_schemas(schemas: Schemas, problems: Problems) -> None:
    """Compile every schema, so that all their faults are reported with the rest."""
    if schemas.defs:
        _check_schema({}, "", schemas, problems)
    for tool, schema in schemas.of.items():
        _check_schema(schema, tool, schemas, problems)


def _check_schema(schema: Mapping[str, Any], tool: str, schemas: Schemas, problems: Problems) -> None:
    place = schemas.places.get(tool) or problems.place(("schemas", "$defs"), key=True)
    try:
        compile_schema(schema, defs=schemas.defs or None, place=place)
    except AssayError as error:
        fault = error.__context__
        if isinstance(fault, SchemaFault):
            error.place = _place_in_schema(fault, tool, schemas, problems) or place
        problems.keep(error, place)


def _place_in_schema(fault: SchemaFault, tool: str, schemas: Schemas, problems: Problems) -> Place | None:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in fault.pointer.split("/")[1:]]
    if len(steps) > 1 and steps[0] == "$defs" and steps[1] in schemas.defs:
        tool, steps = "$defs", steps[1:]
    path = ("schemas", tool, *(int(step) if step.isdigit() else step for step in steps))
    place = problems.place((*path, fault.key) if fault.key else path, key=True)
    own = schemas.places.get(tool)
    return place if own is None or place.line >= own.line else None


def _check_ids(form: PolicyForm, problems: Problems) -> None:
    """Two rules may not share an id: reports could not tell them apart."""
    seen: dict[str, Place] = {}
    lists = [getattr(form.tools, field.name) for field in attrs.fields(Tools)]
    entries: list[Any] = [rule for each in lists if isinstance(each, tuple) for rule in each]
    entries += [*form.sequences, *form.per_tool]
    for rules in (form.files, form.network, form.processes, form.env):
        entries += [*(rules.allow or ()), *rules.deny, *rules.needs_review] if rules else []
    entries += [form.responses] if form.responses else []
    for entry in entries:
        name, place = entry.origin.id, entry.origin.place
        if name and name in seen:
            problems.add(f"two rules have the id {name!r}; the first stands at {seen[name]}", place)
        elif name and place:
            seen[name] = place


def _places(members: Mapping[str, Written]) -> dict[str, Place]:
    """Return the place of every section that is there, and of every list under `tools`."""
    places = {key: each.key_place for key, each in members.items()}
    if "tools" in members:
        for key, each in members["tools"].members().items() if isinstance(members["tools"].value, Mapping) else ():
            if key in TOOLS_KEYS:
                places[f"tools.{key}"] = each.key_place
    for key in ("allow", "deny"):
        if key in members:
            places.setdefault(f"tools.{key}", members[key].key_place)
    return places


def _note_kind(root: Written, kind: FileKind, members: Mapping[str, Written]) -> None:
    if kind in _WORDS:
        marks = [members[key].key_place for key in ("version", *LEGACY_KEYS, "_meta") if key in members]
        place = marks[0] if marks else root.place
        root.problems.notice(
            "W_POLICY_MIGRATED", f"read as {_WORDS[kind]}; `assay policy migrate` rewrites the file", place
        )
    elif "version" not in members:
        root.problems.notice("W_POLICY_VERSION", 'the policy states no version; read as version "2.0"', root.place)
