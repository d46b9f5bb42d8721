"""Knows no rule yet, says so of each one, and starts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay_core.contracts import EnforcementTarget, Machine, RuleStatus
from assay_core.errors import UsageError
from assay_core.model import CompiledPolicy, JsonValue

__all__ = ["ExampleEnforcer"]


class ExampleEnforcer:
    """Fails closed until it can hold a rule."""

    def plan(self, policy: CompiledPolicy, machine: Machine) -> Sequence[RuleStatus]:  # noqa: ARG002 - the contract
        """Return one status per rule: refused, since none is enforced."""
        return [RuleStatus(rule=rule.id, status="refused", reason="nothing is enforced yet") for rule in policy.rules]

    def enforce(
        self,
        policy: CompiledPolicy,  # noqa: ARG002 - the contract
        target: EnforcementTarget,  # noqa: ARG002 - the contract
        options: Mapping[str, JsonValue],  # noqa: ARG002 - the contract
    ) -> int:
        """Start nothing.

        Raises:
            UsageError: E_INVALID_ARGS, always.
        """
        raise UsageError(
            code="E_INVALID_ARGS",
            message="the enforcer 'example' enforces no rule, so it starts nothing",
            remedy="use another enforcer",
        )
