"""The state of one episode or connection."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from assay_core.model import Decision, RuleOutcome, ToolCall, ToolDefinition, Violation
from assay_core.policy.deciding.pins import ToolIdentity, identity_of
from assay_core.policy.deciding.sequences import advance_steps, decoded

if TYPE_CHECKING:
    from assay_core.policy.deciding.compiled import Policy

__all__ = ["Closing", "Session"]


class Closing(NamedTuple):
    """What the end of an episode shows."""

    violations: tuple[Violation, ...]
    outcomes: tuple[RuleOutcome, ...]  # one per rule, sorted by rule


class Session:
    """What a policy has to remember of one episode or connection.

    `commit` and `learn` are the only mutations. Everything inside is either an immutable value or a flat list of
    them, so that a fork costs one copy.
    """

    __slots__ = (
        "broken", "checks", "clocks", "decided", "exercised", "identities", "live", "permitted", "policy", "ran",
        "states", "unpinned", "unplaced", "windows",
    )  # fmt: skip

    def __init__(self, policy: Policy, *, live: bool = False) -> None:
        self.policy = policy
        self.live = live
        self.decided = 0  # calls decided: what a call is named by
        self.ran = 0  # calls that ran: the position in sequences
        self.states: list[object] = list(policy.sequences.start)
        self.permitted = [0] * len(policy.form.per_tool)
        self.windows: list[deque[float | None] | None] = [  # times; None: no call has had one yet
            None if limit.per_ms is None else deque(maxlen=max(1, limit.max)) for limit in policy.form.per_tool
        ]
        self.clocks: list[float | None] = [None] * len(policy.form.per_tool)  # the latest time a limit saw
        self.unplaced: set[str] = set()  # limits that met a call without a time
        self.checks: list[object] = [check.start() for check in policy.checks]
        self.identities: dict[str, tuple[ToolIdentity, ...]] | None = None  # by tool; None: nothing announced yet
        self.exercised: defaultdict[str, int] = defaultdict(int)  # rule to calls
        self.broken: dict[str, tuple[str, int]] = {}  # rule to its code and the calls that broke it
        self.unpinned: set[str] = set()  # pins that could not be checked

    def commit(self, call: ToolCall, decision: Decision, at_ms: float | None = None) -> None:
        """Take note that the call was decided so; sequences and checks advance if it ran.

        A live call ran if the decision lets it through, a recorded one unless it is recorded as denied.

        Args:
            call: The call, as it was decided.
            decision: What `Policy.decide` said of it.
            at_ms: The time that `decide` was given.
        """
        policy = self.policy
        plan = policy.plan(call.tool)
        for rule in plan.exercised:
            self.exercised[rule] += 1
        if decision.violations:
            self.note(decision)
        if plan.limits:
            self._count(plan.limits, call, at_ms, permitted=decision.verdict != "deny")
        if plan.pins and not self.live and self.identities is None:
            self.unpinned.update(f"tool_pins:{pin.tool}" for pin in plan.pins)
        elif plan.pins:
            for pin in plan.pins:
                self.exercised[f"tool_pins:{pin.tool}"] += 1
        if decision.verdict != "deny" if self.live else call.outcome != "denied":
            args = decoded(call) if plan.needs_args else None
            advance_steps(plan.steps, self.states, args, self.ran, self.decided)
            self.advance_checks(call)
            self.ran += 1
        self.decided += 1

    def note(self, decision: Decision) -> None:
        """Count a decision for the rules that its violations name, each once."""
        for rule, code in {violation.rule: violation.code for violation in decision.violations}.items():
            self.broken[rule] = (code, self.broken.get(rule, ("", 0))[1] + 1)

    def advance_checks(self, call: ToolCall) -> None:
        """Move the states of check plugins on by a call that ran."""
        checks = zip(self.policy.checks, self.checks, strict=True)
        self.checks = [check.commit(call, state) for check, state in checks]

    def learn(self, server: str | None, definitions: Sequence[ToolDefinition]) -> None:
        """Take note of all tools that a server announced; what it announced before is forgotten."""
        name_of = {definition.server or server for definition in definitions} or {server}
        kept = {
            tool: tuple(each for each in identities if each.server_id not in name_of)
            for tool, identities in (self.identities or {}).items()
        }
        for definition in definitions:
            kept[definition.name] = (*kept.get(definition.name, ()), identity_of(definition, server))
        self.identities = kept

    def fork(self) -> Session:
        """Return an independent copy, for "what if"."""
        twin = Session.__new__(Session)
        for name in Session.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.states = list(self.states)
        twin.permitted = list(self.permitted)
        twin.clocks = list(self.clocks)
        twin.unplaced = set(self.unplaced)
        twin.windows = [window.copy() if window is not None else None for window in self.windows]
        twin.checks = list(self.checks)
        twin.identities = None if self.identities is None else dict(self.identities)
        twin.exercised = self.exercised.copy()
        twin.broken = dict(self.broken)
        twin.unpinned = set(self.unpinned)
        return twin

    def finish(self, *, complete: bool = True) -> Closing:
        """Settle what is still open, and say what became of every rule. May be called more than once.

        Args:
            complete: False where the episode has no end: what has no deadline behind it stays open.
        """
        return self.policy.close(self, complete=complete)

    def _count(self, limits: Sequence[int], call: ToolCall, at_ms: float | None, *, permitted: bool) -> None:
        when = time_of(call, at_ms, live=self.live)
        for place in limits:
            window = self.windows[place]
            if window is None:
                self.permitted[place] += permitted
                continue
            rule = self.policy.limit_rules[place]
            if when is None:
                self.unplaced.add(rule)
            else:
                self.exercised[rule] += 1
                if self.clocks[place] is None:  # the calls before count as made now
                    self.windows[place] = window = deque([when] * len(window), window.maxlen)
                self.clocks[place] = when
            if permitted:
                window.append(self.clocks[place])


def time_of(call: ToolCall, at_ms: float | None, *, live: bool) -> float | None:
    """Return when a call was made; live and unknown counts as never past, so that a window stays used up."""
    when = call.ts_ms if at_ms is None else at_ms
    return float("inf") if when is None and live else when
