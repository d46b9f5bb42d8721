"""The enforcer `mcp`: says what it can hold of a policy, and holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay_core.contracts import Command, EnforcementTarget, Machine, RuleStatus
from assay_core.errors import UsageError
from assay_core.model import CompiledPolicy, JsonValue, Rule

__all__ = ["McpEnforcer"]


class McpEnforcer:
    """Holds what the policy says of tool calls; sees of files, network and processes what tool calls name."""

    def plan(self, policy: CompiledPolicy, machine: Machine) -> Sequence[RuleStatus]:  # noqa: ARG002 - the same on all
        """Return one status per rule."""
        return [_status(rule) for rule in policy.rules]

    def enforce(self, policy: CompiledPolicy, target: EnforcementTarget, options: Mapping[str, JsonValue]) -> int:
        """Wrap a command, over this process's standard input and output, and return its exit code.

        Raises:
            UsageError: E_INVALID_ARGS for a target that is no command.
        """
        from assay_core.policy import Policy
        from assay_enforcer_mcp.commands.wrap_command import run_wrapped

        if not isinstance(target, Command) or not isinstance(policy, Policy):
            raise UsageError(code="E_INVALID_ARGS", message="the enforcer 'mcp' starts a command")
        return run_wrapped(policy, target.argv, options)


def _status(rule: Rule) -> RuleStatus:
    if rule.section in ("files", "network", "processes") or rule.section.split(".")[0] in (
        "files",
        "network",
        "processes",
    ):
        reason = "a wrapper sees tool calls, not what the server opens, connects to or starts"
        return RuleStatus(rule=rule.id, status="refused", reason=reason)
    if rule.section in ("runtime_monitor", "kill_switch", "discovery"):
        return RuleStatus(rule=rule.id, status="refused", reason=f"{rule.section} is not the wrapper's to hold")
    return RuleStatus(rule=rule.id, status="enforced", reason="decided on every tool call")
