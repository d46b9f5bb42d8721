"""`assert.args_valid`, `assert.sequence_valid`, `assert.tool_blocklist`: tests of a policy with calls of their own.

They look at no recorded episode. What they test is written beside them, together with the verdict that is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from assay_core.contracts import CheckContext
from assay_core.documents import read_document
from assay_core.errors import InputError
from assay_core.model import Episode, Expectation, JsonObject, JsonValue, MetricResult, ToolCall
from assay_core.policy import Sequences, compile_schema, linear_regex, load_policy, run_rules
from assay_metric_standard.args_valid import by_policy, schema_violations
from assay_metric_standard.names import Operands, aliases_of, refuse_empty_names
from assay_metric_standard.preparing import Deterministic, existing_file, options_of, placed, refuse, vacuous
from assay_metric_standard.schema_map import looks_bare
from assay_metric_standard.sequence_valid import Order, compile_order, read_order, rules_of
from assay_metric_standard.trace_assertions import exact_fault
from assay_metric_standard.verdict import finding_at, held, not_applicable, quoted, violated

__all__ = [
    "AssertArgsOptions",
    "AssertArgsValid",
    "AssertBlocklistOptions",
    "AssertSequenceOptions",
    "AssertSequenceValid",
    "AssertToolBlocklist",
]

Expect: TypeAlias = Literal["pass", "fail"]
_CODE = "E_POLICY_ASSERT_FAIL"
# A mapping with one of these keys is a policy; otherwise it is a JSON Schema, alone or under `schema`.
_POLICY_KEYS = frozenset(["version", "tools", "allow", "deny", "schemas", "constraints", "enforcement", "limits"])
_TOOL_KEYS = ("tool", "tool_name", "name")
_ARGS_KEYS = ("args", "arguments")


@attrs.frozen(kw_only=True)
class AssertArgsOptions:
    """Options of the assertion `args_valid`."""

    tool: str
    test_args: JsonValue = None  # required
    policy: JsonValue = None  # required: a JSON Schema, alone or under `schema`; a policy; or the path of either
    expect: Expect = "pass"


@attrs.frozen(kw_only=True)
class AssertSequenceOptions:
    """Options of the assertion `sequence_valid`."""

    test_trace: JsonValue = None  # a list of tool names, or of calls `{tool: …, args: …}`
    test_trace_raw: JsonValue = None  # the same under its older name; one of the two is required
    policy: JsonValue = None  # required: {regex: …}, {rules: […]}, {sequence: […]}, or the path of a policy
    expect: Expect = "pass"


@attrs.frozen(kw_only=True)
class AssertBlocklistOptions:
    """Options of the assertion `tool_blocklist`."""

    test_tool_calls: JsonValue = None  # required: a list of tool names, or of calls `{tool: …}`
    policy: JsonValue = None  # required: {blocked: […]}, or the path of a file that says so
    expect: Expect = "pass"


@attrs.frozen
class _OwnCalls:
    """A prepared assertion that needs no episode."""

    result: MetricResult

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:  # noqa: ARG002 - the contract's signature
        """Return the one result."""
        return (self.result,)


class _PolicyAssertion(Deterministic):
    needs_episode: bool = False


class AssertArgsValid(_PolicyAssertion):
    """A schema, or a policy, accepts or refuses given arguments."""

    types: Mapping[str, type[object]] = {"assert.args_valid": AssertArgsOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> _OwnCalls:
        """Decide; refuse an assertion without arguments or without a policy."""
        options = options_of(expectation, AssertArgsOptions)
        if options.test_args is None:
            raise _no_data(expectation, "test_args", "expected: {type: args_valid, …}")
        call = ToolCall.of(options.tool, options.test_args)
        refusals = self._refusals(expectation, context, options, call)
        return _OwnCalls(_verdict(options.expect, f"the arguments of {quoted(options.tool)}", refusals))

    def _refusals(
        self, expectation: Expectation, context: CheckContext, options: AssertArgsOptions, call: ToolCall
    ) -> Sequence[str]:
        source, value = _policy_of(expectation, context, options.policy)
        if not isinstance(value, Mapping):
            raise refuse(expectation, "policy is a JSON Schema, a policy, or the path of either")
        if set(value) & _POLICY_KEYS:
            with placed(expectation):
                judge = by_policy(expectation, value if source is None else existing_file(expectation, context, source))
            found = judge(call) or ()
        else:
            with placed(expectation):
                schema = compile_schema(_schema_for(options.tool, value))
            if schema.vacuous:
                raise vacuous(expectation, "the schema accepts every value")
            found = schema_violations(schema, call)
        return [
            f"{each.code}: {each.message}" + (f" ({each.pointer})" if each.pointer else "")
            for each in found
            if each.severity == "deny"
        ]


class AssertSequenceValid(_PolicyAssertion):
    """Sequence rules, or a regular expression over the names of the calls, accept or refuse a given trace."""

    types: Mapping[str, type[object]] = {"assert.sequence_valid": AssertSequenceOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> _OwnCalls:
        """Decide; refuse an assertion without a trace or without a policy."""
        options = options_of(expectation, AssertSequenceOptions)
        if options.test_trace is not None and options.test_trace_raw is not None:
            raise refuse(expectation, "test_trace and test_trace_raw say the same thing; write one of them")
        key = "test_trace" if options.test_trace is not None else "test_trace_raw"
        trace = options.test_trace if options.test_trace is not None else options.test_trace_raw
        if trace is None:
            raise _no_data(expectation, "test_trace", "expected: {type: sequence_valid, …}")
        calls = _calls(expectation, key, trace)
        find = self._finder(expectation, context, options.policy)
        refusals = find(calls)
        if refusals is None and options.expect == "pass":
            return _OwnCalls(not_applicable("the trace exercises no rule"))
        return _OwnCalls(_verdict(options.expect, "the trace", refusals or ()))

    def _finder(
        self, expectation: Expectation, context: CheckContext, policy: JsonValue
    ) -> Callable[[Sequence[ToolCall]], Sequence[str] | None]:
        source, value = _policy_of(expectation, context, policy)
        if isinstance(value, Mapping) and set(value) == {"regex"}:
            return _regex_finder(expectation, value["regex"])
        if source is not None:
            order = read_order(expectation, context, source)
        else:
            order = _inline_order(expectation, context, value)
        rules = compile_order(expectation, order)
        return lambda calls: _order_refusals(order, rules, calls)


class AssertToolBlocklist(_PolicyAssertion):
    """A blocklist lets given tools through, or blocks one of them."""

    types: Mapping[str, type[object]] = {"assert.tool_blocklist": AssertBlocklistOptions}

    def prepare(self, expectation: Expectation, context: CheckContext) -> _OwnCalls:
        """Decide; refuse an assertion without calls or without blocked tools."""
        options = options_of(expectation, AssertBlocklistOptions)
        if not options.test_tool_calls:
            raise _no_data(expectation, "test_tool_calls", "expected: {type: tool_blocklist, …}")
        calls = _calls(expectation, "test_tool_calls", options.test_tool_calls)
        _, value = _policy_of(expectation, context, options.policy)
        listed = value.get("blocked") if isinstance(value, Mapping) and set(value) <= {"blocked"} else value
        if not isinstance(listed, (list, tuple)) or not all(isinstance(each, str) for each in listed):
            raise refuse(expectation, "policy is {blocked: [tool, …]}, or the path of a file that says so")
        names = tuple(map(str, listed))
        refuse_empty_names(expectation, "policy.blocked", names)
        blocked = Operands(names, aliases_of(context))
        refusals = [
            f"{quoted(call.tool)} is blocked by {quoted(operand)}"
            for call in calls
            if (operand := blocked.first_meaning(call.tool)) is not None
        ]
        return _OwnCalls(_verdict(options.expect, "the list of tools", refusals))


def _verdict(expect: Expect, subject: str, refusals: Sequence[str]) -> MetricResult:
    """Compare what was found with what was expected."""
    if bool(refusals) == (expect == "fail"):
        return held(refusals=list(refusals))
    if expect == "fail":
        messages = [f"{subject} should be refused, and nothing refuses it"]
    else:
        messages = [f"{subject} should be accepted: {refusal}" for refusal in refusals]
    findings = [finding_at(None, _CODE, message, rule="assertions") for message in messages]
    return violated(messages[0], findings, refusals=list(refusals))


def _no_data(expectation: Expectation, key: str, instead: str) -> InputError:
    return vacuous(
        expectation,
        f"without {key} the assertion has nothing to test",
        f"write {key}; to check recorded calls, write `{instead}`",
    )


def _policy_of(expectation: Expectation, context: CheckContext, policy: JsonValue) -> tuple[str | None, JsonValue]:
    """Return the file that `policy` names, None where it stands in the suite, and what it says."""
    if policy is None:
        raise vacuous(expectation, "without policy nothing could be refused", "write `policy`")
    if isinstance(policy, str):
        return policy, read_document(existing_file(expectation, context, policy)).value
    return None, policy


def _schema_for(tool: str, value: JsonObject) -> JsonValue:
    """Return the schema in a mapping: under `schema`, under the tool's name, or the mapping itself."""
    if set(value) == {"schema"}:
        return value["schema"]
    if tool in value and not looks_bare(value):
        return value[tool]
    return value


def _inline_order(expectation: Expectation, context: CheckContext, value: JsonValue) -> Order:
    if isinstance(value, (list, tuple)):
        value = {"rules": value}
    if isinstance(value, Mapping) and "sequences" in value:
        with placed(expectation):
            form = load_policy(value).form
        return Order(rules=form.sequences, aliases=form.aliases)
    if not isinstance(value, Mapping) or not value or not set(value) <= {"rules", "sequence"}:
        raise refuse(expectation, "policy is {regex: …}, {rules: […]}, {sequence: […]}, or the path of a policy")
    rules, exact = value.get("rules"), value.get("sequence")
    if exact is not None and not (isinstance(exact, (list, tuple)) and all(isinstance(each, str) for each in exact)):
        raise refuse(expectation, "policy.sequence is a list of tool names")
    return Order(
        exact=None if exact is None else tuple(map(str, exact)),
        rules=None if rules is None else rules_of(expectation, rules),
        aliases=aliases_of(context),
    )


def _regex_finder(expectation: Expectation, pattern: JsonValue) -> Callable[[Sequence[ToolCall]], Sequence[str]]:
    if not isinstance(pattern, str):
        raise refuse(expectation, "policy.regex is a regular expression")
    if not pattern:
        raise vacuous(expectation, "the empty pattern matches every trace", "write a pattern")
    regex = linear_regex(pattern, place=expectation.place)

    def find(calls: Sequence[ToolCall]) -> Sequence[str]:
        names = " ".join(call.tool for call in calls)
        return [] if regex.search(names) else [f"{quoted(names)} does not match {quoted(pattern)}"]

    return find


def _order_refusals(order: Order, rules: Sequences, calls: Sequence[ToolCall]) -> Sequence[str] | None:
    """Return what breaks the order; None if no rule was exercised."""
    verdict = run_rules(rules, calls)
    refusals = [f"{each.code}: {each.message}" for each in verdict.violations if each.severity == "deny"]
    if order.exact is not None and (fault := exact_fault(Operands(order.exact, order.aliases), calls)):
        refusals.append(f"sequence: {fault[0]}")
    exercised = order.exact is not None or any(each.state != "not_exercised" for each in verdict.outcomes)
    return refusals if refusals or exercised else None


def _calls(expectation: Expectation, key: str, value: JsonValue) -> Sequence[ToolCall]:
    if not isinstance(value, (list, tuple)):
        raise refuse(expectation, f"{key} is a list of tool names, or of calls {{tool: …, args: …}}")
    return [_call(expectation, f"{key}[{index}]", each, index) for index, each in enumerate(value)]


def _call(expectation: Expectation, where: str, value: JsonValue, index: int) -> ToolCall:
    if isinstance(value, str):
        return ToolCall.of(value, index=index)
    tool = next((value[key] for key in _TOOL_KEYS if key in value), None) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(tool, str) or not tool:
        raise refuse(expectation, f"{where} is neither a tool name nor a call {{tool: …, args: …}}")
    return ToolCall.of(tool, next((value[key] for key in _ARGS_KEYS if key in value), None), index=index)
