"""What the policy obliges us to before a call goes on. What cannot be met is a denial."""

from __future__ import annotations

from typing import Protocol

import attrs

from assay_core.model import Decision, Obligation, ToolCall, Violation
from assay_enforcer_mcp.wire.frames import Frame

__all__ = ["Met", "Obligations", "Unmet", "denied"]

_CODES = {"approval": "E_APPROVAL_REQUIRED", "scope": "E_SCOPE_MISMATCH", "redaction": "E_REDACTION_FAILED"}


@attrs.frozen(kw_only=True)
class Met:
    """A call after its obligations."""

    call: ToolCall  # as it is forwarded
    line: bytes  # likewise: the line that came in, unless an obligation rewrote it
    decision: Decision | None = None  # what replaces the policy's decision; None: it stands
    outcomes: tuple[dict[str, str], ...] = ()  # one per obligation, for the log
    detail: dict[str, str] = attrs.field(factory=dict)  # further facts for the log


class Obligations(Protocol):
    """Meets obligations."""

    always: bool  # True: it has something to say of every call, obliged or not

    def meet(self, frame: Frame, call: ToolCall, decision: Decision) -> Met:
        """Meet what a permitted call is obliged to, or deny it."""


class Unmet:
    """Meets nothing: every obligation is a denial."""

    always = False

    def meet(self, frame: Frame, call: ToolCall, decision: Decision) -> Met:
        """Deny the call for its first obligation."""
        first = decision.obligations[0]
        return Met(call=call, line=frame.line, decision=denied(first, f"the {first.kind} cannot be met here"))


def denied(obligation: Obligation, reason: str) -> Decision:
    """Return the denial that an unmet obligation is."""
    code = _CODES.get(obligation.kind, "E_APPROVAL_REQUIRED")
    violation = Violation(rule=obligation.rule, code=code, message=reason)
    return Decision(verdict="deny", code=code, rule=obligation.rule, reason=reason, violations=(violation,))
