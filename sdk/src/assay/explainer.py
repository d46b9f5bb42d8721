"""Explanations: why a policy decides a trace as it does."""

from __future__ import annotations

TYPE_CHECKING = False  # as in assay/__init__.py
if TYPE_CHECKING:
    from assay.results import Result
    from assay.traces import PolicySource, Traces

__all__ = ["Explainer"]


class Explainer:
    """Explains traces by one policy: `print(Explainer("policy.yaml").explain(trace))`."""

    def __init__(self, policy_path: PolicySource) -> None:
        """Load the policy.

        Raises:
            PolicyError, InputError: it does not load.
        """
        from assay.traces import as_policy

        self.policy = as_policy(policy_path)

    def explain(self, trace: Traces, *, episode: str | None = None) -> Result:
        """Decide one episode step by step.

        Args:
            trace: One session: a list of calls, an `Episode`, or a trace file.
            episode: The id of the episode to explain, where the trace holds several.

        Returns:
            The explanation, readable as text by `str`; `passed`: nothing that denies is broken; `score`: the share
            of calls that nothing speaks against, a rule unmet at the end counting as one more call.

        Raises:
            TraceError: E_TRACE_INVALID, a ValueError: the trace is no list of calls, or holds several episodes;
                E_NO_CHECKS, it holds none.
            AssayError: the trace cannot be read.
        """
        from assay.failures import TraceError
        from assay.results import Result
        from assay.traces import episodes_of
        from assay_core.analysis.explanation import explain
        from assay_core.commandline.explanations import explanation_text

        found = [each for each in episodes_of(trace) if episode is None or each.id == episode]
        if not found:
            what = "the trace is empty" if episode is None else f"the trace holds no episode {episode!r}"
            raise TraceError(code="E_NO_CHECKS", message=f"there is nothing to explain: {what}")
        if len(found) > 1:
            names = ", ".join(repr(each.id) for each in found[:5])
            raise TraceError(
                code="E_TRACE_INVALID",
                message=f"Invalid trace format: the trace holds {len(found)} episodes ({names}, …)",
                remedy="name one of them: explain(trace, episode=...)",
            )
        told = explain(self.policy, found[0])
        values = {**told.document(), "passed": told.passed, "score": told.share_kept}
        return Result(values, explanation_text(told))
