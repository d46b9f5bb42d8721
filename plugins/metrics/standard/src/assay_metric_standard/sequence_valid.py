"""`sequence_valid`: the order of tool calls, by rules, by an exact sequence, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from assay_core.contracts import CheckContext
from assay_core.documents import read_document
from assay_core.errors import InputError
from assay_core.model import Episode, Expectation, Finding, JsonValue, MetricResult, Outcome, ToolCall
from assay_core.policy import (
    RulesVerdict,
    SequenceRule,
    Sequences,
    compile_rules,
    load_policy,
    parse_sequence_rules,
    run_rules,
)
from assay_metric_standard.names import Operands, aliases_of
from assay_metric_standard.preparing import (
    Deterministic,
    EachEpisode,
    existing_file,
    options_of,
    placed,
    refuse,
    vacuous,
)
from assay_metric_standard.trace_assertions import exact_fault
from assay_metric_standard.verdict import finding_at, violated, violation_details

__all__ = ["Order", "SequenceOptions", "SequenceValid", "compile_order", "read_order", "rules_of"]

_CODE = "E_SEQUENCE_VIOLATION"
_RULE = "sequence_valid"
Aliases = Mapping[str, tuple[str, ...]]


@attrs.frozen(kw_only=True)
class SequenceOptions:
    """Options of `sequence_valid`. What stands here overrides the same thing in the file."""

    policy: str | None = None  # a policy, a list of rules, or a list of tools; relative to the suite
    sequence: tuple[str, ...] | None = None  # exactly these calls: names, patterns or aliases
    rules: JsonValue = None  # a list of sequence rules, as under `sequences` of a policy


@attrs.frozen(kw_only=True)
class Order:
    """What is asked of the order of calls, wherever it was written."""

    exact: tuple[str, ...] | None = None
    rules: tuple[SequenceRule, ...] | None = None
    aliases: Aliases = attrs.field(factory=dict)


class SequenceValid(Deterministic):
    """All eight sequence rules, decided by the policy engine, and an exact sequence of calls."""

    types: Mapping[str, type[object]] = {"sequence_valid": SequenceOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Read and check the rules; refuse empty lists and the absence of both."""
        options = options_of(expectation, SequenceOptions)
        order = Order(aliases=aliases_of(context))
        if options.policy is not None:
            order = read_order(expectation, context, options.policy)
        if options.sequence is not None:
            order = attrs.evolve(order, exact=options.sequence)
        if options.rules is not None:
            order = attrs.evolve(order, rules=rules_of(expectation, options.rules))
        rules = compile_order(expectation, order)
        exact = None if order.exact is None else Operands(order.exact, order.aliases)
        return EachEpisode(lambda episode: _judge(episode, rules, exact))


def rules_of(expectation: Expectation, value: JsonValue) -> tuple[SequenceRule, ...]:
    """Read rules that stand in the suite.

    Raises:
        InputError: E_CFG_PARSE, E_CFG_UNKNOWN_KEY, E_CFG_VACUOUS, E_REGEX_INVALID.
    """
    with placed(expectation):
        return parse_sequence_rules(
            value,
            place=expectation.place,
            code="E_CFG_PARSE",
            unknown_code="E_CFG_UNKNOWN_KEY",
            error=InputError,
        )


def read_order(expectation: Expectation, context: CheckContext, name: str) -> Order:
    """Read a file: a list of tools, a list of rules, or a policy with its aliases.

    Raises:
        AssayError: E_PATH_NOT_FOUND; whatever is wrong with the file, at its place there.
    """
    path = existing_file(expectation, context, name)
    document = read_document(path, code="E_POLICY_PARSE")
    if not isinstance(document.value, (list, tuple)):
        form = load_policy(path).form
        return Order(rules=form.sequences, aliases=form.aliases)
    if document.value and all(isinstance(each, str) for each in document.value):
        return Order(exact=tuple(map(str, document.value)), aliases=aliases_of(context))
    rules = parse_sequence_rules(document.value, document=document, error=InputError)
    return Order(rules=rules, aliases=aliases_of(context))


def compile_order(expectation: Expectation, order: Order) -> Sequences:
    """Compile the rules of an order; refuse one that no episode could break.

    Raises:
        InputError: E_CFG_VACUOUS; E_CFG_PARSE for an empty name.
        AssayError: E_POLICY_PARSE if two rules are the same.
    """
    if order.exact is None and not order.rules:
        raise vacuous(expectation, "there is no rule and no sequence", "write `rules`, `sequence`, or name a `policy`")
    if order.exact is not None and not order.exact:
        raise vacuous(
            expectation,
            "an empty sequence says nothing",
            'to say that no tool is called, write `{type: tool_blocklist, blocked: ["*"]}`',
        )
    if order.exact and "" in order.exact:
        raise refuse(expectation, "sequence holds an empty name, which no tool has")
    with placed(expectation):
        return compile_rules(order.rules or (), aliases=order.aliases)


def _judge(episode: Episode, rules: Sequences, exact: Operands | None) -> MetricResult:
    calls = episode.tool_calls
    verdict = run_rules(rules, calls, complete=episode.complete)
    findings, listed = _broken_rules(episode, calls, verdict)
    states = [outcome.state for outcome in verdict.outcomes]
    if exact is not None:
        fault = exact_fault(exact, calls)
        if fault is None:
            states.append("held" if episode.complete else "open")
        elif fault[1] is None and not episode.complete:
            states.append("open")  # what is missing may still come
        else:
            states.append("violated")
            message, call = f"sequence: {fault[0]}", fault[1]
            findings.append(finding_at(episode, _CODE, message, rule=_RULE, call=call))
            listed.append({"code": _CODE, "rule": "sequence", "message": message})
    decided: list[JsonValue] = [{"rule": each.rule, "state": each.state} for each in verdict.outcomes]
    if any(each.severity == "error" for each in findings):
        return violated(findings[0].message, findings, listed, rules=decided)
    if "held" in states or "violated" in states:
        return MetricResult(outcome=Outcome.HELD, findings=tuple(findings), details={"rules": decided})
    why = "the episode has no end, so its rules stay open" if "open" in states else "no rule was exercised"
    return MetricResult(outcome=Outcome.NOT_APPLICABLE, details={"message": why, "rules": decided})


def _broken_rules(
    episode: Episode, calls: Sequence[ToolCall], verdict: RulesVerdict
) -> tuple[list[Finding], list[Mapping[str, JsonValue]]]:
    findings: list[Finding] = []
    listed: list[Mapping[str, JsonValue]] = []
    for each in verdict.violations:
        call = calls[each.call_index] if each.call_index is not None else None
        found = finding_at(episode, each.code, each.message, rule=each.rule, call=call)
        findings.append(attrs.evolve(found, severity="warning") if each.severity == "warn" else found)
        listed.append(violation_details(each, call))
    return findings, listed
