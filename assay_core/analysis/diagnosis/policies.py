"""Policies that allow too much, say things twice, or speak of tools and arguments that no trace shows."""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Iterator, Mapping

from assay_core.analysis.diagnosis.denials import examine_denials
from assay_core.analysis.diagnosis.diagnosis import Diagnosis, Severity, of_notice
from assay_core.analysis.diagnosis.observing import Observed, declared_properties
from assay_core.analysis.diagnosis.project import Project
from assay_core.errors import Place
from assay_core.model import RuleSummary
from assay_core.policy import Operand, PolicyForm, SequenceRule, ToolPattern
from assay_core.policy.deciding.identity import sequence_identity
from assay_core.policy.form import NameRule
from assay_core.policy.reading.findings import covers

__all__ = ["examine_policy"]

_DUTIES = frozenset({"require", "eventually", "before", "after", "sequence"})
_LISTED = 10
_ALIKE = 0.8  # two names that are so similar are probably one, misspelt


def examine_policy(project: Project, observed: Observed | None) -> Iterator[Diagnosis]:
    """Yield what the author of the policy should know."""
    policy = project.policy
    if policy is None:
        return
    for notice in policy.notices:
        yield of_notice(notice, "policy")
    form = policy.form
    yield from _any_tool(form)
    yield from _redundant(form)
    if observed is None or not observed.episodes:
        return
    yield from examine_denials(project, observed)
    yield from _unmatched(form, observed)
    yield from _never_fired(form, observed)
    yield from _unseen_properties(form, observed)


def _any_tool(form: PolicyForm) -> Iterator[Diagnosis]:
    for rule in form.tools.allow or ():
        if rule.name.strip("*") == "" and not rule.exact:
            yield Diagnosis(
                code="W_POLICY_ANY_TOOL",
                severity="warning",
                area="policy",
                message=f"`tools.allow` holds {rule.name!r}, so every tool that is not denied is allowed",
                place=rule.origin.place,
                remedy="list the tools that the agent needs; `assay generate` learns them from a trace",
            )
    for section in ("files", "network", "processes"):
        resources = getattr(form, section)
        for entry in (resources.allow or ()) if resources else ():
            if entry.target in ("*", "/", "0.0.0.0/0", "::/0"):
                yield Diagnosis(
                    code="W_POLICY_ANY_TOOL",
                    severity="warning",
                    area="policy",
                    message=f"`{section}.allow` holds {entry.target!r}, so everything that is not denied is allowed",
                    place=entry.origin.place,
                    remedy="name what the agent needs",
                )


def _redundant(form: PolicyForm) -> Iterator[Diagnosis]:
    """Find entries of a list that a wider entry of the same list covers."""
    for key, rules in (("deny", form.tools.deny), ("allow", form.tools.allow or ())):
        seen: set[tuple[str, bool]] = set()
        for rule in rules:
            if (rule.name, rule.exact) in seen:
                continue  # the same entry twice: the loader says so
            seen.add((rule.name, rule.exact))
            wider = next((other for other in rules if other is not rule and _is_wider(other, rule, form)), None)
            if wider is None:
                continue
            same = "denies" if key == "deny" else "allows"
            yield Diagnosis(
                code="W_POLICY_REDUNDANT",
                severity="warning" if key == "deny" else "note",
                area="policy",
                message=f"`tools.{key}:{rule.name}` adds nothing: `tools.{key}:{wider.name}` {same} all that it does",
                place=rule.origin.place,
                remedy="remove one of the two",
            )


def _is_wider(other: NameRule, rule: NameRule, form: PolicyForm) -> bool:
    """Tell whether another entry makes this one superfluous: aliases and reasons of its own keep an entry."""
    own_words = rule.origin.id or rule.origin.reason
    if other.exact or rule.exact or own_words or {other.name, rule.name} & form.aliases.keys():
        return False
    if other.name == rule.name or other.origin.severity != rule.origin.severity:
        return False
    return covers(other.name, rule.name) and not (covers(rule.name, other.name) and rule.name < other.name)


def _unmatched(form: PolicyForm, observed: Observed) -> Iterator[Diagnosis]:
    """Tell of names and patterns that no recorded tool matches; a near miss is probably a misspelling."""
    lists: tuple[tuple[str, Iterable[NameRule]], ...] = (
        ("tools.allow", form.tools.allow or ()),
        ("tools.deny", form.tools.deny),
        ("tools.approval_required", form.tools.approval_required),
        ("tools.restrict_scope", form.tools.restrict_scope),
        ("tools.redact_args", form.tools.redact_args),
    )
    unnamed = _unnamed_tools(form, observed)
    for section, rules in lists:
        idle = [rule for rule in rules if not _is_called(rule.name, form, observed, exact=rule.exact)]
        patterns = [rule for rule in idle if section == "tools.allow" and not rule.exact]
        grave = {rule.name for rule in patterns if not ToolPattern(rule.name).is_exact}
        yield from _unmatched_names(section, [(rule.name, rule.origin.place) for rule in idle], unnamed, grave)
    limits = [(each.tool, each.origin.place) for each in form.per_tool if not _is_called(each.tool, form, observed)]
    yield from _unmatched_names("limits.per_tool", limits, unnamed)
    schemas = [(tool, form.schema_places.get(tool)) for tool in form.schemas if tool not in observed.tools]
    yield from _unmatched_names("schemas", schemas, unnamed)
    place = form.origin_places.get("aliases")
    aliases = [
        name for name, members in form.aliases.items() if not any(_is_called(m, form, observed) for m in members)
    ]
    yield from _unmatched_names("aliases", [(alias, place) for alias in aliases], unnamed)


def _unmatched_names(
    section: str, names: Iterable[tuple[str, Place | None]], unnamed: set[str], grave: Container[str] = ()
) -> Iterator[Diagnosis]:
    """Tell of each name that is probably wrong, and of all others of a section at once."""
    quiet: list[tuple[str, Place | None]] = []
    for name, place in names:
        guess = next(iter(difflib.get_close_matches(name, sorted(unnamed), n=1, cutoff=_ALIKE)), None)
        if guess is None and name not in grave:
            quiet.append((name, place))
            continue
        hint = f"; {guess!r}, which is called, stands nowhere in the policy" if guess else ""
        yield _unmatched_finding(f"`{section}:{name}` matches", place, "warning", hint)
    if quiet:
        listed = ", ".join(name for name, _ in quiet[:_LISTED])
        listed += f" and {len(quiet) - _LISTED} more" if quiet[_LISTED:] else ""
        yield _unmatched_finding(
            f"of `{section}`, {listed} match", quiet[0][1], "note", is_deny=section == "tools.deny"
        )


def _unmatched_finding(
    what: str, place: Place | None, severity: Severity, hint: str = "", *, is_deny: bool = False
) -> Diagnosis:
    remedy = "correct the name, or record an episode that calls such a tool"
    return Diagnosis(
        code="W_POLICY_UNMATCHED",
        severity=severity,
        area="policy",
        message=f"{what} no tool that these traces call{hint}",
        place=place,
        remedy="nothing, if no agent is to call them; else correct the name" if is_deny else remedy,
    )


def _unnamed_tools(form: PolicyForm, observed: Observed) -> set[str]:
    """Return the called tools that the policy does not name exactly: what a misspelling may have meant."""
    named: set[str] = set(form.schemas) | {limit.tool for limit in form.per_tool}
    for rules in (form.tools.allow or (), form.tools.deny):
        named.update(rule.name for rule in rules)
    for rule in form.sequences:
        named.update(operand.tool for _, operand in _operands(rule))
    for members in form.aliases.values():
        named.update(members)
    return {tool for tool in observed.tools if tool not in named}


def _never_fired(form: PolicyForm, observed: Observed) -> Iterator[Diagnosis]:
    """Tell of rules about order, of checks and limits that no episode exercised, and say what is missing."""
    states = {each.rule: each for each in observed.rules}
    for rule in form.sequences:
        identity = sequence_identity(rule)
        state = states.get(identity)
        if state is None or _was_exercised(state):
            continue
        missing = [
            f"`{field}` ({operand.tool})"
            for field, operand in _operands(rule)
            if not _is_called(operand.tool, form, observed, exact=operand.exact)
        ]
        why = f"no recorded call is its {' or '.join(missing)}" if missing else "no recorded call arms it"
        yield _idle_rule(identity, why, rule.origin.place, "warning" if rule.type in _DUTIES else "note")
    for section in form.plugin_sections:
        for state in observed.rules:
            if state.section == section.key and not _was_exercised(state):
                yield _idle_rule(state.rule, "nothing in these traces concerns it", section.place, "note")


def _idle_rule(identity: str, why: str, place: Place | None, severity: Severity) -> Diagnosis:
    return Diagnosis(
        code="W_RULE_NOT_EXERCISED",
        severity=severity,
        area="policy",
        message=f"the rule `{identity}` can never fire on these traces: {why}",
        place=place,
        remedy="record an episode in which it applies, or correct the names in it",
    )


def _was_exercised(state: RuleSummary) -> bool:
    return bool(state.held or state.violated or state.open)


def _unseen_properties(form: PolicyForm, observed: Observed) -> Iterator[Diagnosis]:
    for tool, schema in form.schemas.items():
        if tool not in observed.tools:
            continue  # told as a whole
        seen = observed.properties.get(tool, set())
        unseen = [each for each in declared_properties(schema, form.schema_defs) if each not in seen]
        if unseen:
            listed = ", ".join(unseen[:_LISTED]) + (f" and {len(unseen) - _LISTED} more" if unseen[_LISTED:] else "")
            yield Diagnosis(
                code="W_SCHEMA_UNSEEN",
                severity="note",
                area="policy",
                message=f"the schema of {tool!r} describes what no recorded call gives: {listed}",
                place=form.schema_places.get(tool),
                remedy="check the spelling, or record a call that gives it",
            )


def _operands(rule: SequenceRule) -> Iterator[tuple[str, Operand]]:
    for field in ("tool", "first", "then", "trigger", "forbidden"):
        operand = getattr(rule, field)
        if operand is not None:
            yield field, operand
    for operand in rule.tools:
        yield "tools", operand


def _is_called(name: str, form: PolicyForm, observed: Observed, *, exact: bool = False) -> bool:
    """Tell whether some recorded tool is meant by a name, a pattern or an alias."""
    names: Mapping[str, bool] = {name: exact, **dict.fromkeys(form.aliases.get(name, ()), False)}
    for each, is_exact in names.items():
        if is_exact or ToolPattern(each).is_exact:
            if each in observed.tools:
                return True
        elif any(ToolPattern(each).matches(tool) for tool in observed.tools):
            return True
    return False
