"""A compiled policy: decides calls, answers and requests of servers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from assay_core.model import (
    ALLOW,
    Decision,
    Episode,
    EpisodeVerdict,
    JsonObject,
    PolicyNotice,
    PolicySession,
    Rule,
    ToolCall,
    ToolDefinition,
    Violation,
)
from assay_core.policy.deciding.checks import GuardedCheck
from assay_core.policy.deciding.identity import limit_identity, shown
from assay_core.policy.deciding.judge import judge
from assay_core.policy.deciding.outcomes import Ledger
from assay_core.policy.deciding.pins import drift, identity_of
from assay_core.policy.deciding.plan import Hot, Plan, Planner, verdict_of
from assay_core.policy.deciding.rules import TOTAL_RULE
from assay_core.policy.deciding.sequences import Sequences, break_steps, decoded
from assay_core.policy.deciding.session import Closing, Session, time_of
from assay_core.policy.form import PolicyForm
from assay_core.policy.matching.arguments import argument_violations
from assay_core.policy.matching.patterns import NameMatcher
from assay_core.policy.matching.regex import LinearRegex
from assay_core.policy.matching.schemas import CompiledSchema

__all__ = ["Policy"]

_MAX_PLANS = 4096  # names are the agent's choice: what a hostile one can make us remember
_MAX_NAME = 512  # characters; longer names are planned anew each time


class Policy:
    """A loaded policy. One engine decides recorded and live calls.

    Made by `load_policy` or `compile_form`. Safe to share between threads: what it remembers is only what it
    could work out anew.
    """

    def __init__(
        self,
        *,
        form: PolicyForm,
        digest: str,
        notices: tuple[PolicyNotice, ...],
        rules: tuple[Rule, ...],
        schemas: Mapping[str, CompiledSchema],
        sequences: Sequences,
        checks: tuple[GuardedCheck, ...],
        responses: tuple[tuple[str, LinearRegex], ...],
    ) -> None:
        self.form = form
        self.name = form.name
        self.digest = digest
        self.notices = notices
        self.rules = rules
        self.schemas = schemas
        self.sequences = sequences
        self.checks = checks
        self.reasons = {rule.id: rule.reason for rule in rules if rule.reason}
        self.limit_rules = tuple(map(limit_identity, form.per_tool))
        self.max_total = form.max_tool_calls_total
        self._responses = responses
        self._refuses_live = any(rule.refuses_live for rule in sequences.rules)
        self._planner = Planner(form, schemas, sequences, self.reasons)
        self._plans: dict[str, Plan] = {}
        self.hot_plans: dict[str, Hot] = {}  # of the plans that have one, for the loop in judge.py
        self._ledger = Ledger(rules, form, sequences, checks)
        self._timeouts = tuple(
            (NameMatcher(tool, form.aliases), seconds)
            for tool, seconds in (form.timeouts.per_tool if form.timeouts else ())
        )

    @property
    def unrestricted(self) -> tuple[str, ...]:
        """The resource sections that are absent and so govern nothing."""
        return tuple(name for name in ("files", "network", "processes", "env") if getattr(self.form, name) is None)

    def normalised(self) -> JsonObject:
        """Return the policy in the shape that its digest is made over."""
        from assay_core.policy.normalise import normalised

        return normalised(self.form)

    def session(self, *, live: bool = False) -> Session:
        """Start an episode, or with `live` a connection."""
        return Session(self, live=live)

    def plan(self, tool: str) -> Plan:
        """Return what there is to do with calls of one tool."""
        found = self._plans.get(tool)
        if found is None:
            found = self._planner.plan(tool)
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
                self.hot_plans.clear()
            if len(tool) <= _MAX_NAME:
                self._plans[tool] = found
                if found.hot is not None:
                    self.hot_plans[tool] = found.hot
        return found

    def decide(self, call: ToolCall, session: PolicySession, at_ms: float | None = None) -> Decision:
        """Decide one call. Pure: the session is not changed.

        Every step is taken, so that all that is wrong is found; the first denial in the order of the policy
        language decides.

        Args:
            call: The candidate.
            session: A session of this policy.
            at_ms: The time on a monotonic clock; None takes the call's own.
        """
        if not isinstance(session, Session) or session.policy is not self:
            raise TypeError("the session belongs to another policy")
        hot = self.hot_plans.get(call.tool)
        if hot is not None and self._breaks_nothing(hot, call, session):
            return hot.remark or ALLOW
        plan = self.plan(call.tool)
        found = list(plan.confusable)
        if plan.pins:
            found += self._pin_violations(plan, call, session)
        found += self._limit_violations(plan, call, session, at_ms)
        found += plan.names
        if plan.schema is not None:
            found += _schema_violations(plan, plan.schema, call)
        found += plan.unconstrained
        if plan.steps or (session.live and plan.owing):
            found += self._sequence_violations(plan, call, session)
        if self.checks:
            found += self.check_violations(call, session)
        if len(found) == len(plan.settled.violations):
            return plan.settled  # the same violations: those of the name alone
        return verdict_of(tuple(found), plan.obligations, self.reasons)

    def visible(self, tool: str, identity: ToolDefinition | None = None) -> bool:
        """Tell whether a tool may be listed to the agent: steps 0, 1, 3 and 4.

        Args:
            tool: The name the agent would call.
            identity: What the server announced; a pinned tool without one is hidden.
        """
        plan = self.plan(tool)
        if any(each.severity == "deny" for each in (*plan.confusable, *plan.names)):
            return False
        announced = () if identity is None else (identity_of(identity),)
        return not any(drift(pin, announced, None, strict=True) for pin in plan.pins)

    def decide_response(self, call: ToolCall, response: bytes, session: Session) -> Decision:
        """Decide what a tool answered, before the agent sees it.

        Args:
            call: The call; its result is replaced by the response for the checks.
            response: The answer's JSON, as received.
            session: The session in which the call was decided; not changed.
        """
        found: list[Violation] = []
        rules = self.form.responses
        if rules is not None:
            severity = rules.on_violation
            if rules.max_bytes is not None and len(response) > rules.max_bytes:
                text = f"the answer has {len(response)} bytes, more than {rules.max_bytes}"
                rule = "responses.max_bytes"
                found.append(Violation(rule=rule, code="E_RESPONSE_DENIED", message=text, severity=severity))
            text = response.decode("utf-8", "replace")
            for rule, regex in self._responses:
                if regex.search(text):
                    message = "the answer holds what a pattern of the policy forbids"
                    found.append(Violation(rule=rule, code="E_RESPONSE_DENIED", message=message, severity=severity))
        if self.checks:
            answered = msgspec.structs.replace(call, result_json=response)
            for check, state in zip(self.checks, session.checks, strict=True):
                found += check.on_response(answered, state)
        return verdict_of(tuple(found), (), self.reasons)

    def decide_server_request(self, method: str) -> Decision:
        """Decide a request that a server makes of the client; what no entry names is denied where any entry stands."""
        rules = self.form.server_requests
        if rules is None or rules.get(method, rules.get("*", "deny")) == "allow":
            return verdict_of((), (), {})
        rule = f"server_requests:{method if method in rules else '*'}"
        text = f"the policy refuses the server's request {shown(method)}"
        return verdict_of((Violation(rule=rule, code="E_SERVER_REQUEST_DENIED", message=text),), (), self.reasons)

    def timeout_s(self, tool: str) -> float | None:
        """Return how long a tool may take: the first entry that fits in the order of the file, else the default."""
        if self.form.timeouts is None:
            return None
        for names, seconds in self._timeouts:
            if names.matches(tool):
                return seconds
        return self.form.timeouts.default_s

    def judge(self, episode: Episode) -> EpisodeVerdict:
        """Decide a whole episode, its end included."""
        return judge(self, episode)

    def close(self, session: Session, *, complete: bool) -> Closing:
        """Settle a session; see `Session.finish`."""
        return self._ledger.close(session, complete=complete)

    def _breaks_nothing(self, hot: Hot, call: ToolCall, session: Session) -> bool:
        """Tell quickly whether a call is fine but for what its name says; False leaves it to all the steps."""
        if (session.live and self._refuses_live) or (self.max_total is not None and session.decided >= self.max_total):
            return False
        try:
            args = call.args if hot.check is not None or hot.selected else None
            if hot.check is not None and not hot.check(args):
                return False
        except Exception:  # noqa: BLE001 - what cannot be checked does not fit; the steps say why
            return False
        for slot, breaks, roles in hot.guards:
            if breaks(session.states[slot], roles, session.ran):
                return False
        if hot.selected and break_steps(hot.selected, session.states, call.tool, args, session.ran):
            return False
        return not (self.checks and self.check_violations(call, session))

    def check_violations(self, call: ToolCall, session: Session) -> list[Violation]:
        """Step 8: what the check plugins find in a candidate, in the order of their keys."""
        found: list[Violation] = []
        for check, state in zip(self.checks, session.checks, strict=True):
            found += check.decide(call, state)
        return found

    def _pin_violations(self, plan: Plan, call: ToolCall, session: Session) -> list[Violation]:
        """Step 1: pinned tools are what was pinned; unknown is refused live, and not exercised in a trace."""
        if session.identities is None and not session.live:
            return []
        announced = (session.identities or {}).get(call.tool, ())
        if call.server is not None:
            announced = tuple(each for each in announced if each.server_id in (None, call.server))
        found = []
        for pin in plan.pins:
            if difference := drift(pin, announced, call.server, strict=session.live):
                text = f"{shown(call.tool)} is not the tool that was pinned: {difference}"
                found.append(Violation(rule=f"tool_pins:{pin.tool}", code="E_TOOL_DRIFT", message=text))
        return found

    def _limit_violations(self, plan: Plan, call: ToolCall, session: Session, at_ms: float | None) -> list[Violation]:
        """Step 2: the total counts every decided call, a limit per tool the permitted ones."""
        found = []
        if self.max_total is not None and session.decided >= self.max_total:
            text = f"more than {self.max_total} tool calls"
            found.append(Violation(rule=TOTAL_RULE, code="E_RATE_LIMIT", message=text))
        if not plan.limits:
            return found
        when = time_of(call, at_ms, live=session.live)
        for place in plan.limits:
            limit, window = self.form.per_tool[place], session.windows[place]
            if window is None or limit.per_ms is None:
                used_up, span = session.permitted[place] >= limit.max, ""
            else:
                now = session.clocks[place] if when is None else when  # no time of its own: that of the latest call
                if now is None:
                    continue  # not exercised: no call so far has a time
                full = len(window) >= limit.max
                blind = limit.max == 0 or now == float("inf")
                used_up = full and (blind or _is_inside(window[-limit.max], now - limit.per_ms))
                span = f" in {limit.per_ms / 1000:g} s"
            if used_up:
                text = f"more than {limit.max} calls of {shown(limit.tool)}{span}"
                severity = limit.origin.severity
                rule = self.limit_rules[place]
                found.append(Violation(rule=rule, code="E_RATE_LIMIT", message=text, severity=severity))
        return found

    def _sequence_violations(self, plan: Plan, call: ToolCall, session: Session) -> list[Violation]:
        """Step 7: what the candidate breaks, and live what is overdue and is not the candidate."""
        args = decoded(call) if plan.needs_args else None
        found = break_steps(plan.steps, session.states, call.tool, args, session.ran)
        if session.live:
            for step in plan.owing:
                roles = step.roles_of(args)
                if blame := step.rule.machine.owes(session.states[step.slot], roles, session.ran):
                    found.append(step.rule.violation(blame))
        return found


def _is_inside(when: float | None, start: float) -> bool:
    """Tell whether a call is inside the window that starts there; one before the first time counts as made then."""
    return when is None or when > start


def _schema_violations(plan: Plan, schema: CompiledSchema, call: ToolCall) -> tuple[Violation, ...]:
    """Step 5: the arguments fit the tool's schema."""
    return argument_violations(schema, call, rule=plan.schema_rule)
