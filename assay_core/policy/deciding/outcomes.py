"""What became of every rule over one episode. Worked out per episode, so it shares all it can."""

from __future__ import annotations

from collections.abc import Sequence

from assay_core.model import Rule, RuleOutcome, RuleState
from assay_core.policy.deciding.checks import GuardedCheck
from assay_core.policy.deciding.identity import limit_identity
from assay_core.policy.deciding.rules import CONFUSABLE_RULE, UNCONSTRAINED_RULE
from assay_core.policy.deciding.sequences import Sequences, settle
from assay_core.policy.deciding.session import Closing, Session
from assay_core.policy.form import PolicyForm

__all__ = ["Ledger"]

_MAX_SHARED = 8192
_MAX_BASES = 128
# Sections whose rules look at every call, so that any call exercises them; the other rules tell of themselves.
_EVERY_CALL = ("tools.deny", "tools.deny_classes", "tools.allow", "tools.allow_classes")


class Ledger:
    """Turns the counts of a session into outcomes."""

    def __init__(
        self, rules: Sequence[Rule], form: PolicyForm, sequences: Sequences, checks: Sequence[GuardedCheck]
    ) -> None:
        self._rules = rules  # sorted by identity
        self._slots = {rule.id: slot for slot, rule in enumerate(rules)}
        self._sequences = sequences
        self._checks = checks
        of_checks = {rule.id for check in checks for rule in check.rules}
        per_tool = set(map(limit_identity, form.per_tool))
        self._always = frozenset(
            rule.id
            for rule in rules
            if rule.decided_by == "trace"
            and (
                rule.section in _EVERY_CALL
                or rule.id in (CONFUSABLE_RULE, UNCONSTRAINED_RULE)
                or rule.id in of_checks
                or (rule.section == "limits" and rule.id not in per_tool)
            )
        )
        self._shared: dict[tuple[str, RuleState, str, int], RuleOutcome] = {}
        self._bases: dict[int, tuple[RuleOutcome, ...]] = {}

    def close(self, session: Session, *, complete: bool) -> Closing:
        """Settle a session; see `Session.finish`."""
        outcomes = list(self._base(session.decided))
        slots, shared = self._slots, self._outcome
        for rule in session.unpinned:
            outcomes[slots[rule]] = shared(rule, "not_exercised", "W_CHECK_NOT_EXERCISED", 0)
        known = self._shared.get
        for rule, count in session.exercised.items():
            found = known((rule, "held", "", count))
            outcomes[slots[rule]] = found or shared(rule, "held", "", count)
        for rule in session.unplaced:  # held of some calls only, which is not held
            outcomes[slots[rule]] = shared(rule, "not_exercised", "W_CHECK_NOT_EXERCISED", 0)
        for rule, (code, times) in session.broken.items():
            count = max(outcomes[slots[rule]].count, times)
            outcomes[slots[rule]] = shared(rule, "violated", code, count)
        closing, ended = settle(
            self._sequences, session.states, session.ran, session.broken, complete=complete, outcome=shared
        )
        for each in ended:
            outcomes[slots[each.rule]] = each
        if complete:
            for check, state in zip(self._checks, session.checks, strict=True):
                for violation in check.finish(state):
                    closing.append(violation)
                    slot = slots[violation.rule]
                    count = max(outcomes[slot].count, 1)
                    outcomes[slot] = shared(violation.rule, "violated", violation.code, count)
        return Closing(tuple(closing), tuple(outcomes))

    def _base(self, decided: int) -> tuple[RuleOutcome, ...]:
        """Return the outcomes of an episode in which nothing was found, before its calls are looked at."""
        found = self._bases.get(decided)
        if found is None:
            if len(self._bases) >= _MAX_BASES:
                self._bases.clear()
            found = self._bases[decided] = tuple(
                RuleOutcome(rule=rule.id, state="held", count=decided)
                if decided and rule.id in self._always
                else RuleOutcome(rule=rule.id, state="not_exercised")
                for rule in self._rules
            )
        return found

    def _outcome(self, rule: str, state: RuleState, code: str, count: int, /) -> RuleOutcome:
        key = (rule, state, code, count)
        found = self._shared.get(key)
        if found is None:
            if len(self._shared) >= _MAX_SHARED:
                self._shared.clear()
            found = self._shared[key] = RuleOutcome(rule=rule, state=state, code=code, count=count)
        return found
