"""`args_valid`: the arguments of every call fit its tool's schema, and a policy's lists let the tool through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import (
    Episode,
    Expectation,
    Finding,
    JsonObject,
    JsonValue,
    MetricResult,
    Outcome,
    ToolCall,
    Violation,
)
from assay_core.policy import CompiledSchema, argument_violations, load_policy
from assay_metric_standard.preparing import Deterministic, EachEpisode, existing_file, options_of, refuse, vacuous
from assay_metric_standard.schema_map import compile_schema_map
from assay_metric_standard.verdict import finding_at, not_applicable, violated, violation_details

__all__ = ["ArgsOptions", "ArgsValid", "by_policy", "schema_violations"]

# What of a policy is about one call alone; limits, sequences and checks of plugins are decided with the policy itself.
_CODES = frozenset(["E_TOOL_CONFUSABLE", "E_TOOL_DENIED", "E_TOOL_NOT_ALLOWED", "E_ARG_SCHEMA", "E_TOOL_UNCONSTRAINED"])

Judge: TypeAlias = Callable[[ToolCall], tuple[Violation, ...] | None]  # None: the call is not the judge's business


@attrs.frozen(kw_only=True)
class ArgsOptions:
    """Options of `args_valid`. Exactly one of the two."""

    policy: str | None = None  # a policy, or a file that maps tools to JSON Schemas; relative to the suite
    schema: JsonObject | None = None  # exact tool name to the JSON Schema of its arguments


class ArgsValid(Deterministic):
    """Every call fits: its tool's schema, and with a policy its lists and `enforcement.unconstrained_tools`."""

    types: Mapping[str, type[object]] = {"args_valid": ArgsOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> EachEpisode:
        """Compile the schemas or load the policy; refuse what could never refuse a call."""
        options = options_of(expectation, ArgsOptions)
        if options.policy is not None and options.schema is not None:
            raise refuse(expectation, "`policy` and `schema` stand side by side, so it is unclear which counts")
        if options.policy is not None:
            judge = by_policy(expectation, existing_file(expectation, context, options.policy))
        elif options.schema is not None:
            judge = _by_schemas(compile_schema_map(expectation, "schema", options.schema))
        else:
            raise vacuous(expectation, "there is neither a schema nor a policy", "write `schema`, or name a `policy`")
        return EachEpisode(lambda episode: _judge(episode, judge))


def by_policy(expectation: Expectation, source: Path | Mapping[str, JsonValue]) -> Judge:
    """Return a judge that asks the policy engine about each call alone.

    Raises:
        InputError: E_CFG_VACUOUS if no list, schema or default of the policy could refuse a call.
        AssayError: what `load_policy` raises.
    """
    policy = load_policy(source)
    form, tools = policy.form, policy.form.tools
    lists_rule = (
        tools.allow is not None
        or tools.allow_classes is not None
        or bool(tools.deny or tools.deny_classes)
        or form.unconstrained_tools == "deny"
    )
    if not lists_rule and not form.schemas:
        raise vacuous(expectation, "nothing in the policy is about arguments or names of tools")
    session = policy.session()  # never committed: each call is judged as if it were the first

    def judge(call: ToolCall) -> tuple[Violation, ...] | None:
        found = tuple(each for each in policy.decide(call, session).violations if each.code in _CODES)
        return found if lists_rule or call.tool in form.schemas or _denies(found) else None

    return judge


def schema_violations(schema: CompiledSchema, call: ToolCall) -> tuple[Violation, ...]:
    """Return what is wrong with the arguments of a call, in the words of the policy engine."""
    return argument_violations(schema, call, rule=f"schemas:{call.tool}")


def _by_schemas(schemas: Mapping[str, CompiledSchema]) -> Judge:
    def judge(call: ToolCall) -> tuple[Violation, ...] | None:
        schema = schemas.get(call.tool)
        return None if schema is None else schema_violations(schema, call)

    return judge


def _judge(episode: Episode, judge: Judge) -> MetricResult:
    findings: list[Finding] = []
    listed: list[Mapping[str, JsonValue]] = []
    checked = 0
    for call in episode.tool_calls:
        found = judge(call)
        if found is None:
            continue
        checked += 1
        for each in found:
            if each.severity == "warn" and each.code == "E_TOOL_UNCONSTRAINED":
                continue  # a remark about the policy, not about the call
            findings.append(_finding(episode, call, each))
            listed.append(violation_details(each, call))
    errors = sum(each.severity == "error" for each in findings)
    if errors:
        return violated(f"args_valid failed: {errors} errors", findings, listed, checked=checked)
    if not checked:
        return not_applicable("no recorded call of a tool that this check is about")
    return MetricResult(outcome=Outcome.HELD, findings=tuple(findings), details={"checked": checked})


def _finding(episode: Episode, call: ToolCall, violation: Violation) -> Finding:
    message = f"{violation.message} (arguments{violation.pointer})" if violation.pointer else violation.message
    found = finding_at(episode, violation.code, message, rule=violation.rule, call=call, pointer=violation.pointer)
    return attrs.evolve(found, severity="warning") if violation.severity == "warn" else found


def _denies(found: tuple[Violation, ...]) -> bool:
    return any(each.severity == "deny" for each in found)
