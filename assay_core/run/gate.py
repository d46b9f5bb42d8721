"""From the outcome of all checks to one exit code and one reason."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from assay_core.errors import AssayError, find_code
from assay_core.model import Notice
from assay_core.run.evaluate import Evaluated

__all__ = ["Verdict", "decide", "of_error"]

_SUCCESS = "All checks passed"


@attrs.frozen(kw_only=True)
class Verdict:
    """How a run ends."""

    exit_code: int
    reason_code: str = ""
    message: str = _SUCCESS
    next_step: str = ""


def of_error(error: AssayError) -> Verdict:
    """Return the verdict of a run that this error ended."""
    where = f"{error.place}: " if error.place else ""
    return Verdict(
        exit_code=error.exit_code, reason_code=error.code, message=where + error.message, next_step=error.remedy
    )


def decide(outcome: Evaluated, *, strict: bool, block_on_warn: bool, notices: Sequence[Notice] = ()) -> Verdict:
    """Return the verdict. Faults and configuration (2) come before services (3), those before failures (1)."""
    for fault in sorted(outcome.faults, key=lambda each: each.code != "E_PLUGIN_FAULT"):
        return of_error(fault)
    done_elsewhere = outcome.deferred or outcome.unchanged
    if not outcome.counts.checks_exercised and not done_elsewhere and not outcome.service_codes:
        return _verdict("E_NO_CHECKS", f"no check was exercised ({outcome.counts.total} row(s), all skipped)")
    for code in outcome.service_codes:
        return _verdict(code, f"{outcome.counts.errored} check(s) could not be evaluated: {code}")
    return _failures(outcome, strict=strict, block_on_warn=block_on_warn, notices=notices)


def _failures(outcome: Evaluated, *, strict: bool, block_on_warn: bool, notices: Sequence[Notice]) -> Verdict:
    counts = outcome.counts
    failed_tests = counts.failed - outcome.failed_policies - outcome.regressed
    below = f", {outcome.regressed} test(s) fell below the baseline" if outcome.regressed else ""
    if outcome.abstained:
        return _verdict("E_JUDGE_UNCERTAIN", f"a judge abstained in {outcome.abstained} test(s)")
    if failed_tests:
        also = f", {outcome.failed_policies} episode(s) break the policy" if outcome.failed_policies else ""
        return _verdict("E_TEST_FAILED", f"{failed_tests} test(s) failed{also}{below}")
    if outcome.failed_policies:
        return _verdict("E_POLICY_VIOLATION", f"{outcome.failed_policies} episode(s) break the policy{below}")
    if outcome.regressed:
        return _verdict("E_BASELINE_REGRESSION", f"{outcome.regressed} test(s) fell below the baseline")
    if counts.unstable:
        return _verdict("E_UNSTABLE", f"{counts.unstable} test(s) gave different results in different attempts")
    warnings = counts.warned + counts.flaky
    open_rules = [notice for notice in (*outcome.notices, *notices) if notice.code == "W_TRACE_INCOMPLETE"]
    if (strict or block_on_warn) and warnings:
        return _verdict(
            "E_STRICT",
            f"{warnings} row(s) with warnings, which {'--strict' if strict else 'thresholds.block_on_warn'} forbids",
        )
    if strict and open_rules:
        return _verdict("E_STRICT", f"{open_rules[0].message}, which --strict forbids")
    if outcome.deferred and not counts.checks_exercised:
        return Verdict(exit_code=0, message=f"No check was evaluated; {outcome.deferred} are left to `assay run`")
    message = _SUCCESS if not warnings else f"{_SUCCESS}, {warnings} with warnings"
    if outcome.unchanged:
        message += f", {outcome.unchanged} skipped that passed before"
    return Verdict(exit_code=0, message=message)


def _verdict(code: str, message: str) -> Verdict:
    known = find_code(code, "run")
    return Verdict(
        exit_code=known.exit_code if known else 3,
        reason_code=code,
        message=message,
        next_step=known.remedy if known else "",
    )
