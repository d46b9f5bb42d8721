"""Every rule of a policy by its identity: what reports, `coverage` and enforcers list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from assay_core.errors import Place, PolicyError
from assay_core.model import PolicyNotice, Rule, Severity
from assay_core.policy.deciding.identity import limit_identity, name_identity, sequence_identity, shown
from assay_core.policy.form import NameRule, Origin, PolicyForm, ResourceRules

__all__ = [
    "ALLOW_CLASSES_RULE",
    "ALLOW_RULE",
    "CONFUSABLE_RULE",
    "REQUESTS_RULE",
    "TOTAL_RULE",
    "UNCONSTRAINED_RULE",
    "form_rules",
    "without_repeats",
]

CONFUSABLE_RULE = "tools.names"  # no policy switches it off
ALLOW_RULE = "tools.allow"
ALLOW_CLASSES_RULE = "tools.allow_classes"
TOTAL_RULE = "limits.max_tool_calls_total"
REQUESTS_RULE = "limits.max_requests_total"
UNCONSTRAINED_RULE = "enforcement.unconstrained_tools"
_WRAP = "mcp wrap"
_OBLIGATIONS = ("approval_required", "restrict_scope", "redact_args")


def form_rules(form: PolicyForm) -> Iterator[Rule]:
    """Yield the rules of a policy but for those of check plugins, in the order of deciding; may repeat identities."""
    yield Rule(id=CONFUSABLE_RULE, section="tools", text="tool names are printable ASCII, or spelt out in tools.allow")
    yield from _pins(form)
    yield from _limits(form)
    yield from _names(form)
    for tool in form.schemas:
        place = form.schema_places.get(tool)
        yield Rule(id=f"schemas:{tool}", section="schemas", text=f"arguments of {tool} fit their schema", place=place)
    if form.unconstrained_tools != "allow":
        severity: Severity = "deny" if form.unconstrained_tools == "deny" else "warn"
        place = form.origin_places.get("enforcement")
        text = "every tool has a schema"
        yield Rule(id=UNCONSTRAINED_RULE, section="enforcement", text=text, severity=severity, place=place)
    for rule in form.sequences:
        identity = sequence_identity(rule)
        yield _rule(identity, "sequences", sequence_identity(attrs.evolve(rule, origin=Origin())), rule.origin)
    yield from _obligations(form)
    yield from _live(form)
    yield from _resources(form)


def without_repeats(rules: Iterator[Rule]) -> tuple[tuple[Rule, ...], tuple[PolicyNotice, ...]]:
    """Return the rules sorted by identity, with a notice for each that stands there twice, word for word.

    Raises:
        PolicyError: E_POLICY_PARSE for two different rules with one identity: one would hide the other.
    """
    kept: dict[str, Rule] = {}
    notices = []
    for rule in rules:
        first = kept.setdefault(rule.id, rule)
        if first is rule:
            continue
        where = f"; the first stands at {first.place}" if first.place else ""
        if attrs.evolve(first, place=None) != attrs.evolve(rule, place=None):
            raise PolicyError(
                code="E_POLICY_PARSE",
                message=f"two rules have the identity {shown(rule.id)}{where}",
                remedy="delete one of them, or give it an `id` of its own",
                place=rule.place,
            )
        text = f"the rule {shown(rule.id)} stands there twice{where}"
        notices.append(PolicyNotice(code="W_POLICY_REPEATED", message=text, place=rule.place))
    return tuple(kept[identity] for identity in sorted(kept)), tuple(notices)


def _rule(identity: str, section: str, text: str, origin: Origin, decided_by: str = "trace") -> Rule:
    return Rule(
        id=identity,
        section=section,
        text=text,
        severity=origin.severity,
        reason=origin.reason,
        decided_by=decided_by,
        place=origin.place,
    )


def _pins(form: PolicyForm) -> Iterator[Rule]:
    for pin in form.tool_pins:
        text = f"{pin.tool} is {pin.server_id}:{pin.tool_name}:{pin.schema_hash[:8]}"
        yield Rule(id=f"tool_pins:{pin.tool}", section="tool_pins", text=text, place=pin.place)


def _limits(form: PolicyForm) -> Iterator[Rule]:
    place = form.origin_places.get("limits")
    if form.max_requests_total is not None:
        text = f"at most {form.max_requests_total} requests"
        yield Rule(id=REQUESTS_RULE, section="limits", text=text, decided_by=_WRAP, place=place)
    if form.max_tool_calls_total is not None:
        yield Rule(id=TOTAL_RULE, section="limits", text=f"at most {form.max_tool_calls_total} tool calls", place=place)
    for limit in form.per_tool:
        window = "" if limit.per_ms is None else f" per {limit.per_ms / 1000:g} s"
        text = f"{limit.tool}: at most {limit.max} calls{window}"
        yield _rule(limit_identity(limit), "limits", text, limit.origin)


def _names(form: PolicyForm) -> Iterator[Rule]:
    tools = form.tools
    for section, rules, words in (
        ("tools.deny", tools.deny, "named"),
        ("tools.deny_classes", tools.deny_classes, "of class"),
    ):
        for rule in rules:
            yield _rule(name_identity(section, rule), section, f"no tool {words} {rule.name}", rule.origin)
    lists = [rules for rules in (tools.allow, tools.allow_classes) if rules is not None]
    if lists:
        identity = ALLOW_RULE if tools.allow is not None else ALLOW_CLASSES_RULE
        names = [rule.name for rules in lists for rule in rules]
        text = f"only {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else "no tool at all"
        place = form.origin_places.get(identity) or next((rule.origin.place for each in lists for rule in each), None)
        yield Rule(id=identity, section=identity, text=text, place=place)


def _obligations(form: PolicyForm) -> Iterator[Rule]:
    lists: Mapping[str, tuple[NameRule, ...]] = {
        name + suffix: getattr(form.tools, name + suffix) for name in _OBLIGATIONS for suffix in ("", "_classes")
    }
    for name, rules in lists.items():
        section = f"tools.{name}"
        for rule in rules:
            yield _rule(name_identity(section, rule), section, f"{name}: {rule.name}", rule.origin, _WRAP)


def _live(form: PolicyForm) -> Iterator[Rule]:
    """Yield what only a live connection can show."""
    if form.timeouts:
        if form.timeouts.default_s is not None:
            yield _live_rule("timeouts.default", f"{form.timeouts.default_s:g} s", form.timeouts.place)
        for tool, seconds in form.timeouts.per_tool:
            yield _live_rule(f"timeouts.per_tool:{tool}", f"{tool}: {seconds:g} s", form.timeouts.place)
    if form.responses:
        origin = form.responses.origin
        origin = attrs.evolve(origin, severity=form.responses.on_violation, id="")
        if form.responses.max_bytes is not None:
            text = f"answers of at most {form.responses.max_bytes} bytes"
            yield _rule("responses.max_bytes", "responses", text, origin, _WRAP)
        for pattern in form.responses.deny_patterns:
            yield _rule(f"responses.deny_patterns:{pattern}", "responses", f"no answer has {pattern}", origin, _WRAP)
    for method, verdict in (form.server_requests or {}).items():
        text = f"{verdict} {'every method' if method == '*' else method}"
        yield _live_rule(f"server_requests:{method}", text, form.origin_places.get("server_requests"))
    for section in sorted(form.runtime):
        if form.runtime[section] is not None:
            yield _live_rule(section, f"settings of {section}", form.origin_places.get(section))


def _live_rule(identity: str, text: str, place: Place | None) -> Rule:
    section = identity.partition(":")[0].partition(".")[0]
    return Rule(id=identity, section=section, text=text, decided_by=_WRAP, place=place)


def _resources(form: PolicyForm) -> Iterator[Rule]:
    from assay_core.policy.matching.resources import SECTIONS, read_target

    for section in SECTIONS:
        rules: ResourceRules | None = getattr(form, section)
        if rules is None:
            continue
        if rules.allow == ():
            yield _live_rule(f"{section}.allow", f"no {section} at all", form.origin_places.get(section))
        for effect, entries in (("allow", rules.allow), ("deny", rules.deny), ("needs_review", rules.needs_review)):
            for entry in entries or ():
                identity = entry.origin.id or f"{section}.{effect}:{entry.target}"
                resource = read_target(section, effect, entry.expanded or entry.target)  # type: ignore[arg-type]  # an effect by the loop
                rights = f" ({entry.rights})" if section == "files" else ""
                yield _rule(identity, section, f"{effect} {entry.target}{rights}", entry.origin, resource.tier)
