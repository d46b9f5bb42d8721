"""What the policy has to do with calls of one tool name, worked out once per name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import attrs

from assay_core.model import ALLOW, Decision, Obligation, Severity, Violation
from assay_core.policy.deciding.identity import limit_identity, name_identity, shown
from assay_core.policy.deciding.operators import State
from assay_core.policy.deciding.rules import ALLOW_CLASSES_RULE, ALLOW_RULE, CONFUSABLE_RULE, UNCONSTRAINED_RULE
from assay_core.policy.deciding.sequences import Sequences, Step
from assay_core.policy.form import NameRule, PolicyForm, ToolLimit, ToolPin
from assay_core.policy.matching.patterns import NameMatcher
from assay_core.policy.matching.schemas import CompiledSchema

__all__ = ["Plan", "Planner", "verdict_of"]

_OBLIGATIONS = (("approval", "approval_required"), ("scope", "restrict_scope"), ("redaction", "redact_args"))


@attrs.frozen(kw_only=True)
class Plan:
    """The steps of deciding that matter to one tool name. Steps that the name alone settles are settled here."""

    confusable: tuple[Violation, ...]  # step 0
    pins: tuple[ToolPin, ...]  # step 1
    limits: tuple[int, ...]  # step 2: places in form.per_tool
    names: tuple[Violation, ...]  # steps 3 and 4
    schema_rule: str
    schema: CompiledSchema | None  # step 5
    unconstrained: tuple[Violation, ...]  # step 6
    steps: tuple[Step, ...]  # step 7
    owing: tuple[Step, ...]  # step 7, live only
    needs_args: bool  # for step 7
    obligations: tuple[Obligation, ...]  # step 9
    settled: Decision  # the decision where nothing but the name speaks
    exercised: tuple[str, ...]  # rules that every decided call of this tool exercises
    hot: Hot | None  # None: more than schema, sequences, checks and the total depends on the call


class Hot(NamedTuple):
    """What the loop over recorded calls reads of a plan, in one unpacking."""

    check: Callable[[object], bool] | None  # the schema's own test; an exception counts as False
    guards: tuple[tuple[int, Callable[[State, int, int], bool], int], ...]  # (slot, breaks, roles)
    moves: tuple[tuple[int, Callable[[State, int, int, int], State], int], ...]  # (slot, advance, roles)
    selected: tuple[Step, ...]  # the steps that look into the arguments
    exercised: str | None  # the one rule beside the sequences that such a call exercises
    remark: Decision | None  # the decision, where it is more than a plain allow


@attrs.frozen(kw_only=True)
class _Listed:
    """One entry of a list under `tools`, compiled."""

    id: str
    rule: NameRule
    names: NameMatcher


@attrs.frozen(kw_only=True)
class _Due:
    """One obligation of a policy, compiled."""

    entry: _Listed
    by_class: bool
    obligation: Obligation


class Planner:
    """Makes plans out of a policy's form."""

    def __init__(
        self,
        form: PolicyForm,
        schemas: Mapping[str, CompiledSchema],
        sequences: Sequences,
        reasons: Mapping[str, str],
    ) -> None:
        self._form = form
        self._reasons = reasons
        self._schemas = schemas
        self._sequences = sequences
        tools = form.tools
        self._deny = self._listed("tools.deny", tools.deny)
        self._deny_classes = self._listed("tools.deny_classes", tools.deny_classes)
        self._allow = None if tools.allow is None else self._listed(ALLOW_RULE, tools.allow)
        self._allow_classes = None
        if tools.allow_classes is not None:
            self._allow_classes = frozenset(rule.name for rule in tools.allow_classes)
        self._spelt_out = frozenset(rule.name for rule in tools.allow or ())
        self._classes = {tool: frozenset(classes) for tool, classes in form.tool_classes.items()}
        self._limits = tuple(NameMatcher(limit.tool, form.aliases) for limit in form.per_tool)
        self._due = tuple(self._all_due())

    def plan(self, tool: str) -> Plan:
        """Work out the plan of a tool name."""
        schema = self._schemas.get(tool)
        confusable, names, unconstrained = self.confusable(tool), self.listed(tool), self._unconstrained(tool)
        steps = self._sequences.steps(tool)
        owing = self._sequences.owing_steps(tool)
        pins = tuple(pin for pin in self._form.tool_pins if pin.tool == tool)
        limits = tuple(place for place, names_of in enumerate(self._limits) if names_of.matches(tool))
        obligations = self._obligations(tool)
        needs_args = any(step.conditional for step in (*steps, *owing))
        exercised = [f"schemas:{tool}"] if schema else []
        exercised += [limit_identity(self._form.per_tool[place]) for place in limits if self._is_total(place)]
        plan = Plan(
            confusable=confusable,
            pins=pins,
            limits=limits,
            names=names,
            schema_rule=f"schemas:{tool}",
            schema=schema,
            unconstrained=unconstrained,
            steps=steps,
            owing=owing,
            needs_args=needs_args,
            obligations=obligations,
            settled=verdict_of((*confusable, *names, *unconstrained), obligations, self._reasons),
            exercised=tuple(exercised),
            hot=None,
        )
        if confusable or names or pins or limits or len(exercised) > 1:
            return plan
        guards = tuple((step.slot, step.breaks, step.roles) for step in steps if step.breaks and not step.conditional)
        moves = tuple(
            (step.slot, step.advance, step.roles)
            for step in steps
            if step.advance and step.roles and not step.conditional
        )
        selected = tuple(step for step in steps if step.conditional)
        check = schema.engine_check if schema else None
        remark = plan.settled if plan.settled.verdict != "allow" else None
        return attrs.evolve(plan, hot=Hot(check, guards, moves, selected, exercised[0] if exercised else None, remark))

    def confusable(self, tool: str) -> tuple[Violation, ...]:
        """Step 0: the name is printable ASCII, or spelt out in tools.allow. Nothing is normalised."""
        if _is_plain(tool) or tool in self._spelt_out:
            return ()
        text = f"the tool name {shown_ascii(tool)} has characters outside printable ASCII"
        return (Violation(rule=CONFUSABLE_RULE, code="E_TOOL_CONFUSABLE", message=text),)

    def listed(self, tool: str) -> tuple[Violation, ...]:
        """Steps 3 and 4: the lists under `tools`."""
        classes = self._classes.get(tool, frozenset[str]())
        found = [
            _denied(entry, f"{shown(tool)} is denied by name ({entry.rule.name})")
            for entry in self._deny
            if entry.names.matches(tool)
        ]
        found += [
            _denied(entry, f"{shown(tool)} is denied by class ({entry.rule.name})")
            for entry in self._deny_classes
            if entry.rule.name in classes
        ]
        if self._allow is None and self._allow_classes is None:
            return tuple(found)
        by_name = any(entry.names.matches(tool) for entry in self._allow or ())
        if not by_name and not classes & (self._allow_classes or frozenset()):
            rule = ALLOW_CLASSES_RULE if self._allow is None else ALLOW_RULE
            found.append(Violation(rule=rule, code="E_TOOL_NOT_ALLOWED", message=f"{shown(tool)} is not allowed"))
        return tuple(found)

    def limit(self, place: int) -> ToolLimit:
        """Return a limit per tool."""
        return self._form.per_tool[place]

    def _is_total(self, place: int) -> bool:
        return self._form.per_tool[place].per_ms is None

    def _unconstrained(self, tool: str) -> tuple[Violation, ...]:
        """Step 6: what a tool without a schema means."""
        if tool in self._schemas or self._form.unconstrained_tools == "allow":
            return ()
        severity: Severity = "deny" if self._form.unconstrained_tools == "deny" else "warn"
        text = f"{shown(tool)} has no schema, so its arguments are not checked"
        return (Violation(rule=UNCONSTRAINED_RULE, code="E_TOOL_UNCONSTRAINED", message=text, severity=severity),)

    def _obligations(self, tool: str) -> tuple[Obligation, ...]:
        classes = self._classes.get(tool, frozenset[str]())
        return tuple(
            due.obligation
            for due in self._due
            if (due.entry.rule.name in classes if due.by_class else due.entry.names.matches(tool))
        )

    def _all_due(self) -> list[_Due]:
        from assay_core.canonical import canonical_bytes

        tools, found = self._form.tools, []
        for kind, name in _OBLIGATIONS:
            contract = getattr(tools, f"{name}_contract", None)
            detail = canonical_bytes(dict(contract.values)) if contract else b"{}"
            for section in (name, f"{name}_classes"):
                for entry in self._listed(f"tools.{section}", getattr(tools, section)):
                    obligation = Obligation(kind=kind, rule=entry.id, detail_json=detail)
                    found.append(_Due(entry=entry, by_class=section != name, obligation=obligation))
        return found

    def _listed(self, section: str, rules: tuple[NameRule, ...]) -> tuple[_Listed, ...]:
        listed: dict[str, _Listed] = {}  # an entry that stands there twice decides once
        for rule in rules:
            names = NameMatcher(rule.name, self._form.aliases, and_itself=True, exact=rule.exact)
            identity = name_identity(section, rule)
            listed.setdefault(identity, _Listed(id=identity, rule=rule, names=names))
        return tuple(listed.values())


def verdict_of(
    violations: tuple[Violation, ...], obligations: tuple[Obligation, ...], reasons: Mapping[str, str]
) -> Decision:
    """Return the decision that violations, in the order of deciding, amount to.

    Args:
        violations: All that was found.
        obligations: What the enforcer owes where the call is let through.
        reasons: The author's own words by rule.
    """
    if not violations:
        return Decision(verdict="allow", obligations=obligations) if obligations else ALLOW
    decisive = next((each for each in violations if each.severity == "deny"), violations[0])
    denied = decisive.severity == "deny"
    return Decision(
        verdict="deny" if denied else "warn",
        code=decisive.code,
        rule=decisive.rule,
        reason=reasons.get(decisive.rule) or decisive.message,
        violations=violations,
        obligations=() if denied else obligations,
    )


def shown_ascii(tool: str) -> str:
    """Return a name with every character outside ASCII escaped, so that what looks alike does not read alike."""
    text = ascii(tool[:80])
    return text if len(tool) <= 80 else text[:-1] + "…'"


def _is_plain(tool: str) -> bool:
    return tool.isascii() and tool.isprintable()


def _denied(entry: _Listed, text: str) -> Violation:
    severity = entry.rule.origin.severity
    return Violation(rule=entry.id, code="E_TOOL_DENIED", message=text, severity=severity)
