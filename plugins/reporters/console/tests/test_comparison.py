"""The table of a run beside its baseline."""

from __future__ import annotations

import io

from assay_reporter_console.comparison import baseline_lines
from assay_reporter_console.writers import write_plain

from assay_core.model import BaselineReport, ScoreChange
from assay_core.testing import make_run

HOSTILE = "<script>|`x`\x1b[31m\u202e"


def change(test_id: str, before: float, after: float, verdict: str, settled_by: int | None = None) -> ScoreChange:
    return ScoreChange(
        test_id=test_id,
        metric="m",
        before=before,
        after=after,
        delta=after - before,
        max_drop=0.05,
        verdict=verdict,  # type: ignore[arg-type]  # one of the three words
        settled_by=settled_by,
    )


def text(*changes: ScoreChange, **fields: tuple[tuple[str, str], ...]) -> str:
    report = BaselineReport(file="base.json", suite="s", digest="sha256:0", changes=changes, **fields)  # type: ignore[arg-type]  # lists of pairs
    run = make_run(baseline=report)
    stream = io.StringIO()
    write_plain(baseline_lines(run, verbose=False), stream)
    return stream.getvalue()


def test_a_run_without_a_baseline_says_nothing_of_one() -> None:
    run = make_run()

    assert list(baseline_lines(run, verbose=True)) == []


def test_what_fell_comes_first_and_what_did_not_change_is_counted() -> None:
    found = text(
        change("same", 1.0, 1.0, "pass"),
        change("better", 0.5, 0.9, "pass"),
        change("doubt", 1.0, 0.9, "inconclusive", 45),
        change("worse", 1.0, 0.4, "fail"),
    )

    assert "4 compared" in found
    assert "same" not in found
    assert found.index("worse") < found.index("doubt") < found.index("better")
    assert "45 attempts a side would settle it" in found
    assert "-0.600" in found


def test_new_missing_and_renamed_tests_are_listed() -> None:
    found = text(new=(("n", "m"),), missing=(("g", "m"),), renamed=(("old", "now"),))

    assert all(word in found for word in ("new", "missing", "renamed", "old", "now"))


def test_hostile_names_are_harmless_and_many_rows_are_cut() -> None:
    found = text(*(change(f"{at}{HOSTILE}", 1.0, 0.0, "fail") for at in range(200)), new=((HOSTILE, HOSTILE),))

    assert "\x1b" not in found
    assert "\u202e" not in found
    assert "more" in found
    assert len(found) < 20_000
