"""What violations come to: which of a call's are worth telling, and how much of a trace kept to the policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay_core.model import Violation

__all__ = ["share_kept", "told"]

_BY_NAME = frozenset({"E_TOOL_CONFUSABLE", "E_TOOL_DENIED", "E_TOOL_NOT_ALLOWED"})
_IMPLIED = frozenset({"E_TOOL_NOT_ALLOWED", "E_TOOL_UNCONSTRAINED"})


def told(violations: Sequence[Violation]) -> Iterator[Violation]:
    """Yield the violations of one call, without those that a refusal of the tool's name implies."""
    refused_by_name = False
    for violation in violations:
        if refused_by_name and violation.code in _IMPLIED:
            continue
        refused_by_name = refused_by_name or violation.code in _BY_NAME
        yield violation


def share_kept(calls: int, denied: int, unmet: int) -> float:
    """Return the share of calls that nothing denies; a rule unmet at the end counts as one more call, denied.

    1.0 exactly where nothing is broken.
    """
    return (calls - denied) / (calls + unmet) if calls + unmet else 1.0
