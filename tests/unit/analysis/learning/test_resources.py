"""Where files, destinations and processes are put, and why."""

from __future__ import annotations

import pytest

from assay_core.analysis.learning import Knobs
from assay_core.analysis.learning.resources import ResourceCount, classify, risk_of, unusable
from assay_core.analysis.learning.statistics import laplace, wilson_lower
from assay_core.errors import UsageError
from assay_core.model import ResourceEvent


@pytest.mark.parametrize(
    ("section", "target", "risk", "reason"),
    [
        ("files", "/tmp/a1b2c3d4e5f6g7.sh", "needs_review", "high entropy 'a1b2c3d4e5f6g7.s…' (4.09 bits)"),
        ("files", "/tmp/aZ3kQ9xW7vB2nM5pL8rT4yD6hG1jF0sC", "deny_recommended",
         "high entropy 'aZ3kQ9xW7vB2nM5p…' (5.00 bits)"),
        ("files", "/etc/passwd", "", ""),
        ("files", "/proc/a1b2c3d4e5f6g7h8/x", "", ""),
        ("processes", "/tmp/a1b2c3d4e5f6g7.sh", "needs_review", "high entropy 'a1b2c3d4e5f6g7.s…' (4.09 bits)"),
        ("files", "/c/00000000111111112222222233333333", "needs_review", "looks like hash: '0000000011111111…'"),
        ("network", "10.0.0.1:5432", "needs_review", "sensitive port 5432"),
        ("network", "[::1]:22", "needs_review", "sensitive port 22"),
        ("network", "h.example:443", "", ""),
        ("network", "h.example", "", ""),
    ],
)  # fmt: skip
def test_heuristics_say_what_is_doubtful(section: str, target: str, risk: str, reason: str) -> None:
    found, reasons = risk_of(section, target, 3.8)  # type: ignore[arg-type]  # a section

    assert (found, "".join(reasons)) == (risk, reason)


def placed(runs_seen: int, runs: int, **knobs: object) -> tuple[str, tuple[str, ...]]:
    counts = {"/etc/hosts": ResourceCount(hits=runs_seen, runs=runs_seen)}
    (entry,) = classify("files", counts, Knobs(**knobs), runs=runs)  # type: ignore[arg-type]  # knobs
    return entry.placing, entry.reasons


def test_profile_places_by_the_lower_bound_of_wilson() -> None:
    assert placed(10, 10) == ("allow", ("wilson_lb 0.72 (z=1.96)", "laplace 0.92 (α=1.0, 10/10)"))  # noqa: RUF001 - the letter the format has
    assert placed(7, 7)[0] == "needs_review"
    assert placed(1, 10)[0] == "skip"
    assert placed(1, 10, new_is_risky=True)[0] == "needs_review"
    assert placed(3, 3, min_runs=4)[0] == "skip"
    assert placed(3, 3, min_runs=4, new_is_risky=True)[0] == "needs_review"


def test_rights_are_kept_only_where_every_event_says_them() -> None:
    count, other = ResourceCount(), ResourceCount()
    for access in ("r", "w"):
        count.add(ResourceEvent(kind="file", target="/a", access=access))
    other.add(ResourceEvent(kind="file", target="/a"))

    assert count.rights == {"r", "w"}

    count.merge(other)

    assert count == ResourceCount(hits=3)


@pytest.mark.parametrize(
    ("section", "target"),
    [("files", "/a/*"), ("files", "rel"), ("files", "/a/../b"), ("files", "/a/"), ("files", "re:x"), ("files", "/a\nb"),
     ("files", "/a\u202e"), ("files", "/${HOME}"), ("files", "/tmp/AKIAIOSFODNN7EXAMPLE"), ("network", "10.0.0.0/8"),
     ("network", "*:80"), ("network", ":80"), ("processes", "ls"), ("files", "/" + "a" * 5000)],
)  # fmt: skip
def test_targets_that_would_mean_something_else_are_unusable(section: str, target: str) -> None:
    assert unusable(section, target)  # type: ignore[arg-type]  # a section


def test_statistics_at_their_ends() -> None:
    assert wilson_lower(0, 0) == 0
    assert wilson_lower(0, 10) == 0
    assert 0 < wilson_lower(1, 1) < wilson_lower(100, 100) < 1
    assert laplace(0, 0) == 0.5


@pytest.mark.parametrize(
    "knobs",
    [{"min_stability": float("nan")}, {"min_stability": 1.5}, {"min_stability": 0.5, "review_threshold": 0.6},
     {"alpha": 0}, {"wilson_z": -1}, {"entropy_threshold": -1}, {"min_support": 0}, {"min_runs": 0},
     {"alpha": float("inf")}],
)  # fmt: skip
def test_knobs_that_make_no_sense_are_refused(knobs: dict[str, float]) -> None:
    with pytest.raises(UsageError) as caught:
        Knobs(**knobs).check()  # type: ignore[arg-type]  # wrong on purpose

    assert caught.value.code == "E_INVALID_ARGS"
