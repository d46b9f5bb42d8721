"""One exit code and one reason out of everything that was found."""

from __future__ import annotations

import attrs
import pytest

from assay_core.errors import AssayError, InputError, Place, PluginFault
from assay_core.model import Counts, Notice
from assay_core.run.evaluate import Evaluated
from assay_core.run.gate import decide, of_error
from assay_core.run.spool import RowSpool

FINE = Evaluated(
    rows=RowSpool(),
    counts=Counts(passed=1, total=1, checks_exercised=1),
    failed_policies=0,
    abstained=0,
    service_codes=(),
    deferred=0,
    rules=(),
    faults=(),
    notices=(),
)
FAULT = PluginFault(message="broke")
MISS = InputError(code="E_TRACE_MISS", message="no such prompt")


def with_counts(**counts: int) -> Counts:
    return attrs.evolve(FINE.counts, **counts)


@pytest.mark.parametrize(
    ("changes", "strict", "expected"),
    [
        ({}, False, (0, "")),
        ({"counts": with_counts(warned=1)}, False, (0, "")),
        ({"counts": with_counts(warned=1)}, True, (1, "E_STRICT")),
        ({"counts": with_counts(failed=2)}, False, (1, "E_TEST_FAILED")),
        ({"counts": with_counts(failed=2), "failed_policies": 2}, False, (1, "E_POLICY_VIOLATION")),
        ({"counts": with_counts(failed=2), "failed_policies": 1}, False, (1, "E_TEST_FAILED")),
        ({"counts": with_counts(unstable=1)}, False, (1, "E_UNSTABLE")),
        ({"counts": with_counts(unstable=1, failed=1), "abstained": 1}, False, (1, "E_JUDGE_UNCERTAIN")),
        ({"counts": with_counts(failed=1, errored=1), "service_codes": ("E_TIMEOUT",)}, False, (3, "E_TIMEOUT")),
        ({"service_codes": ("E_TIMEOUT",), "faults": (MISS,)}, False, (2, "E_TRACE_MISS")),
        ({"faults": (MISS, FAULT)}, False, (2, "E_PLUGIN_FAULT")),
        ({"counts": with_counts(checks_exercised=0)}, False, (2, "E_NO_CHECKS")),
        ({"counts": with_counts(checks_exercised=0), "deferred": 1}, False, (0, "")),
    ],
)
def test_the_worst_thing_decides(changes: dict[str, object], strict: bool, expected: tuple[int, str]) -> None:
    verdict = decide(attrs.evolve(FINE, **changes), strict=strict, block_on_warn=False)

    assert (verdict.exit_code, verdict.reason_code) == expected


def test_warnings_block_where_the_thresholds_say_so() -> None:
    outcome = attrs.evolve(FINE, counts=with_counts(warned=1))

    assert decide(outcome, strict=False, block_on_warn=True).reason_code == "E_STRICT"


def test_open_rules_fail_under_strict_only() -> None:
    notice = Notice(code="W_TRACE_INCOMPLETE", message="1 episode(s) have no end")
    outcome = attrs.evolve(FINE, notices=(notice,))

    assert decide(outcome, strict=False, block_on_warn=False).exit_code == 0
    assert decide(outcome, strict=True, block_on_warn=False).reason_code == "E_STRICT"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            InputError(code="E_CFG_PARSE", message="bad", place=Place("e.yaml", 3, 1)),
            (2, "E_CFG_PARSE", "e.yaml:3:1: bad"),
        ),
        (AssayError(code="E_IO", message="disk full"), (3, "E_IO", "disk full")),
    ],
)
def test_an_error_that_ends_a_run_is_its_verdict(error: AssayError, expected: tuple[int, str, str]) -> None:
    verdict = of_error(error)

    assert (verdict.exit_code, verdict.reason_code, verdict.message) == expected
    assert verdict.next_step == error.remedy != ""
