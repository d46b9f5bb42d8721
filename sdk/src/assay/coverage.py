"""Coverage: how much of a policy some traces exercised, and whether they kept to it."""

from __future__ import annotations

TYPE_CHECKING = False  # as in assay/__init__.py
if TYPE_CHECKING:
    from assay.results import Result
    from assay.traces import PolicySource, Traces
    from assay_core.analysis.coverage import CoverageReport
    from assay_core.policy import Policy

__all__ = ["Coverage", "covered"]


class _Analyze:
    """`Coverage.analyze`: works on the class, which finds its policy, and on an instance, which has one."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy

    def __get__(self, coverage: Coverage | None, kind: type[Coverage] | None = None) -> _Analyze:
        return self if coverage is None else _Analyze(coverage.policy)

    def __call__(self, traces: Traces, min_coverage: float = 80.0, policy: PolicySource | None = None) -> Result:
        """Decide the traces and say what they exercised.

        Args:
            traces: A trace file, or a list of sessions, calls, records or episodes.
            min_coverage: The least overall coverage, in percent.
            policy: A path, a mapping or a loaded policy; None: that of the instance, else the one that `assay run`
                would use in the working directory.

        Returns:
            The coverage report; `passed`: the threshold is met and no call breaks the policy; `score`: the overall
            coverage, 0 to 1.

        Raises:
            InputError: E_NO_CHECKS where there is nothing to decide.
            AssayError: the policy or the traces cannot be read.
        """
        from assay.traces import as_policy

        chosen = self._policy if policy is None and self._policy is not None else as_policy(policy)
        return covered(chosen, traces, min_coverage)


class Coverage:
    """`Coverage.analyze(traces)`, or `Coverage("policy.yaml").analyze(traces)`."""

    analyze = _Analyze()

    def __init__(self, policy_path: PolicySource) -> None:
        """Load the policy.

        Raises:
            PolicyError, InputError: it does not load.
        """
        from assay.traces import as_policy

        self.policy = as_policy(policy_path)


def covered(policy: Policy, traces: Traces, min_coverage: float) -> Result:
    """Return the coverage of the traces."""
    from assay.results import Result

    report = _report(policy, traces, min_coverage)
    passed = report.meets_threshold and not report.violations
    return Result({**report.document(), "passed": passed, "score": report.overall_pct / 100})


def _report(policy: Policy, traces: Traces, min_coverage: float) -> CoverageReport:
    from assay.traces import episodes_of
    from assay_core.analysis.coverage import cover

    if isinstance(min_coverage, bool) or not 0 <= min_coverage <= 100:
        raise ValueError(f"min_coverage is a percentage from 0 to 100, not {min_coverage!r}")
    return cover(policy, episodes_of(traces), float(min_coverage))
