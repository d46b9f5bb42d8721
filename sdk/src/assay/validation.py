"""Validation: whether traces keep to a policy."""

from __future__ import annotations

TYPE_CHECKING = False  # as in assay/__init__.py
if TYPE_CHECKING:
    from assay.results import Result
    from assay.traces import PolicySource, Traces

__all__ = ["validate"]

_THRESHOLD = 80.0


def validate(policy: PolicySource, traces: Traces) -> Result:
    """Decide every call of the traces, and what is due at their end, by the one engine.

    Args:
        policy: A path, a mapping or a loaded policy.
        traces: A trace file, or a list of sessions, calls, records or episodes.

    Returns:
        The coverage report with a threshold of 80 %; `passed`: nothing that denies is broken, whatever the coverage;
        `score`: the share of calls that nothing speaks against, a rule unmet at the end counting as one more call.

    Raises:
        InputError: E_NO_CHECKS where there is nothing to decide: an empty list proves nothing.
        AssayError: the policy or the traces cannot be read.
    """
    from assay.results import Result
    from assay.traces import as_policy, episodes_of
    from assay_core.analysis.coverage import cover

    report = cover(as_policy(policy), episodes_of(traces), _THRESHOLD)
    return Result({**report.document(), "passed": not report.violations, "score": report.share_kept})
