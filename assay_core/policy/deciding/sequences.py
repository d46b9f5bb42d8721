"""Sequence rules over the calls of one episode: the same machines step by step and over whole traces."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import NamedTuple, Protocol

import attrs
import msgspec

from assay_core.model import JsonValue, RuleOutcome, RuleState, Severity, ToolCall, Violation
from assay_core.policy.deciding.identity import distinct, sequence_identity, shown
from assay_core.policy.deciding.operators import Blame, Machine, State, machine_of
from assay_core.policy.form import Operand, SequenceRule
from assay_core.policy.matching.patterns import NameMatcher
from assay_core.policy.matching.regex import LinearRegex, linear_regex

__all__ = [
    "CallViolation",
    "CompiledSequence",
    "RulesVerdict",
    "Sequences",
    "Step",
    "compile_rules",
    "evaluate_rules",
    "run_rules",
]

CODE = "E_SEQUENCE_VIOLATION"
_encode = msgspec.json.Encoder().encode


class OutcomeMaker(Protocol):
    """Makes an outcome."""

    def __call__(self, rule: str, state: RuleState, code: str, count: int, /) -> RuleOutcome:
        """Return the outcome."""


class CallViolation(Violation, frozen=True, kw_only=True):
    """A violation together with the call that broke the rule; None where only the end of the episode shows it."""

    call_index: int | None = None


@attrs.frozen(kw_only=True)
class RulesVerdict:
    """What became of some sequence rules over the calls of one episode."""

    violations: tuple[CallViolation, ...]  # by call, those of the end last
    outcomes: tuple[RuleOutcome, ...]  # one per rule, in the order of the rules


@attrs.frozen(kw_only=True)
class _Selector:
    """An operand, compiled."""

    bit: int
    names: NameMatcher
    arguments: tuple[tuple[str, tuple[LinearRegex, ...]], ...]  # empty: the name is enough


@attrs.frozen(kw_only=True)
class CompiledSequence:
    """A sequence rule, compiled."""

    id: str
    severity: Severity
    reason: str
    machine: Machine
    refuses_live: bool  # on_violation: deny
    selectors: tuple[_Selector, ...]

    def violation(self, blame: Blame) -> Violation:
        """Return a violation of this rule."""
        return Violation(
            rule=self.id, code=CODE, message=blame.text, severity=self.severity, antecedent=blame.antecedent
        )


class Step(NamedTuple):
    """What one rule has to do with calls of one tool."""

    slot: int  # place of the rule's state
    breaks: Callable[[State, int, int], bool] | None  # None: a call of this tool cannot break the rule
    advance: Callable[[State, int, int, int], State] | None  # None: nor move it on
    roles: int  # operands that the name alone fits
    conditional: tuple[_Selector, ...]  # operands that the arguments decide about
    rule: CompiledSequence

    def roles_of(self, args: object) -> int:
        """Return all operands that a call fits."""
        roles = self.roles
        for selector in self.conditional:
            if _selects(selector, args):
                roles |= selector.bit
        return roles


class Sequences:
    """All sequence rules of a policy."""

    __slots__ = ("rules", "start")

    def __init__(self, rules: Sequence[tuple[str, SequenceRule]], aliases: Mapping[str, tuple[str, ...]]) -> None:
        """Compile the rules, given with their identities.

        Raises:
            InputError: E_REGEX_INVALID for a selector.
        """
        self.rules = tuple(_compile(identity, rule, aliases) for identity, rule in rules)
        self.start = tuple(rule.machine.start for rule in self.rules)

    def steps(self, tool: str) -> tuple[Step, ...]:
        """Return what there is to do for calls of one tool, in the order of the rules."""
        return tuple(step for slot, rule in enumerate(self.rules) if (step := _step(slot, rule, tool)))

    def owing_steps(self, tool: str) -> tuple[Step, ...]:
        """Return the same for every rule that refuses live calls once its deadline has passed."""
        return tuple(_any_step(slot, rule, tool) for slot, rule in enumerate(self.rules) if rule.refuses_live)


def evaluate_rules(
    rules: Sequence[SequenceRule],
    calls: Sequence[ToolCall],
    *,
    aliases: Mapping[str, tuple[str, ...]] | None = None,
    complete: bool = True,
) -> RulesVerdict:
    """Decide sequence rules over the calls of one episode.

    Every call is a candidate; those that were recorded as denied did not run and move no rule on.

    Args:
        rules: In any order; two with one identity are refused.
        calls: In order; violations name them by their place here.
        aliases: Alias to its members.
        complete: False where the trace ends before the episode does: what is still owed then stays open.

    Raises:
        PolicyError: E_POLICY_PARSE for two rules with one identity.
        InputError: E_REGEX_INVALID for an argument selector.
    """
    return run_rules(compile_rules(rules, aliases=aliases), calls, complete=complete)


def compile_rules(rules: Sequence[SequenceRule], *, aliases: Mapping[str, tuple[str, ...]] | None = None) -> Sequences:
    """Compile sequence rules once, to decide them over many episodes with `run_rules`. Raises as `evaluate_rules`."""
    known = distinct((sequence_identity(rule), rule.origin, rule) for rule in rules)
    return Sequences(known, aliases or {})


def run_rules(sequences: Sequences, calls: Sequence[ToolCall], *, complete: bool = True) -> RulesVerdict:
    """Decide compiled sequence rules over the calls of one episode; see `evaluate_rules`."""
    states = list(sequences.start)
    plans: dict[str, tuple[Step, ...]] = {}
    found: list[CallViolation] = []
    position = 0
    for index, call in enumerate(calls):
        steps = plans.get(call.tool)
        if steps is None:
            steps = plans[call.tool] = sequences.steps(call.tool)
        args = decoded(call) if any(step.conditional for step in steps) else None
        for violation in break_steps(steps, states, call.tool, args, position):
            found.append(_located(violation, index))
        if call.outcome != "denied":
            advance_steps(steps, states, args, position, index)
            position += 1
    broken = {violation.rule for violation in found}
    closing, outcomes = settle(sequences, states, position, broken, complete=complete, outcome=_outcome)
    return RulesVerdict(violations=(*found, *(_located(each, None) for each in closing)), outcomes=outcomes)


def break_steps(
    steps: Sequence[Step], states: Sequence[object], tool: str, args: object, position: int
) -> list[Violation]:
    """Return what a candidate breaks."""
    found = []
    for step in steps:
        if step.breaks is None:
            continue
        roles = step.roles_of(args) if step.conditional else step.roles
        machine, state = step.rule.machine, states[step.slot]
        if (machine.watches_all or machine.can_break(roles)) and step.breaks(state, roles, position):
            found.append(step.rule.violation(machine.blame(state, roles, shown(tool))))
    return found


def advance_steps(steps: Sequence[Step], states: list[object], args: object, position: int, index: int) -> None:
    """Move the states on by a call that ran."""
    for step in steps:
        if step.advance is not None:
            roles = step.roles_of(args) if step.conditional else step.roles
            if roles:
                states[step.slot] = step.advance(states[step.slot], roles, position, index)


def settle(
    sequences: Sequences,
    states: Sequence[object],
    length: int,
    broken: Container[str],
    *,
    complete: bool,
    outcome: OutcomeMaker,
) -> tuple[list[Violation], tuple[RuleOutcome, ...]]:
    """Return what was owed and not done, and what became of every rule.

    Args:
        sequences: The rules.
        states: Their states after the last call.
        length: How many calls ran.
        broken: Rules that some call broke.
        complete: Whether the episode is at its end.
        outcome: Makes an outcome, or finds an equal one.
    """
    closing: list[Violation] = []
    outcomes = []
    for rule, state in zip(sequences.rules, states, strict=True):
        ended = rule.machine.settle(state, length, complete=complete)
        if ended.missed:
            closing.extend(map(rule.violation, ended.missed))
        if ended.missed or rule.id in broken:
            made = outcome(rule.id, "violated", CODE, max(ended.exercised, 1))
        else:
            made = outcome(rule.id, ended.state, "", ended.exercised)
        outcomes.append(made)
    return closing, tuple(outcomes)


def decoded(call: ToolCall) -> JsonValue:
    """Return the arguments of a call, None where they are not JSON: such a call fits no selector."""
    try:
        return call.args
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _outcome(rule: str, state: RuleState, code: str, count: int, /) -> RuleOutcome:
    return RuleOutcome(rule=rule, state=state, code=code, count=count)


def _compile(identity: str, rule: SequenceRule, aliases: Mapping[str, tuple[str, ...]]) -> CompiledSequence:
    operands = (rule.tool, rule.first, rule.trigger, rule.then, rule.forbidden, *rule.tools)
    given = [operand for operand in operands if operand is not None]
    if rule.type == "blocklist":
        anywhere = "*" in rule.pattern or "?" in rule.pattern
        given = [Operand(tool=rule.pattern if anywhere else f"*{rule.pattern}*")]
        aliases = {}
    return CompiledSequence(
        id=identity,
        severity=rule.origin.severity,
        reason=rule.origin.reason,
        machine=machine_of(rule),
        refuses_live=rule.on_violation == "deny",
        selectors=tuple(_selector(1 << place, each, rule, aliases) for place, each in enumerate(given)),
    )


def _selector(bit: int, operand: Operand, rule: SequenceRule, aliases: Mapping[str, tuple[str, ...]]) -> _Selector:
    wanted = tuple(
        (name, tuple(linear_regex(regex, place=rule.origin.place) for regex in regexes))
        for name, regexes in sorted(operand.args_match.items())
    )
    return _Selector(bit=bit, names=NameMatcher(operand.tool, aliases, exact=operand.exact), arguments=wanted)


def _any_step(slot: int, rule: CompiledSequence, tool: str) -> Step:
    named = [selector for selector in rule.selectors if selector.names.matches(tool)]
    conditional = tuple(selector for selector in named if selector.arguments)
    roles = sum(selector.bit for selector in named if not selector.arguments)
    machine = rule.machine
    may_break = machine.watches_all or bool(conditional) or machine.can_break(roles)
    return Step(
        slot,
        machine.breaks if may_break and type(machine).breaks is not Machine.breaks else None,
        machine.advance if named else None,
        roles,
        conditional,
        rule,
    )


def _step(slot: int, rule: CompiledSequence, tool: str) -> Step | None:
    step = _any_step(slot, rule, tool)
    return step if step.breaks or step.advance else None


def _selects(selector: _Selector, args: object) -> bool:
    """Tell whether the arguments fit: every expression is found in its argument's JSON, or in the string it is."""
    if not isinstance(args, dict):
        return False
    for name, regexes in selector.arguments:
        if name not in args:
            return False
        value = args[name]
        rendered = _encode(value).decode("utf-8")
        if not all(each.search(rendered) or (isinstance(value, str) and each.search(value)) for each in regexes):
            return False
    return True


def _located(violation: Violation, index: int | None) -> CallViolation:
    return CallViolation(
        rule=violation.rule,
        code=violation.code,
        message=violation.message,
        severity=violation.severity,
        antecedent=violation.antecedent,
        call_index=index,
    )
