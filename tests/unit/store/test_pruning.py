"""What pruning removes, and what it never does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay_core.cache import embedding_key, judge_key
from assay_core.errors import ServiceError, UsageError
from assay_core.model import Episode, ToolCall
from assay_core.store import QuarantineEntry, RunEnd, RunStart, RunStore, StoredAttempt, StoredResult
from assay_core.store.pruning import Pruning, prune
from assay_core.store.reader import StoreReader

DAY_S = 86_400.0
NOW_S = 1_790_000_000.0


class Clock:
    """Tells the time that the test sets."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "assay.db"


def keep_runs(path: Path, *runs: tuple[str, float, int | None], test_id: str = "t") -> None:
    """Keep runs: suite, age in days, exit code or None for one that never ended."""
    clock = Clock()
    with closing(RunStore(path, now=clock)) as store:
        for suite, age, code in runs:
            clock.now_s = NOW_S - age * DAY_S
            run_id = store.begin_run(RunStart(suite=suite, command="run", assay_version="1"))
            store.add_episodes(run_id, [Episode(id="e", events=(ToolCall.of("t", {"n": 1}, index=0),))])
            if code is not None:
                attempt = StoredAttempt(number=1, outcome="pass", message="", episode_id="e")
                row = StoredResult(
                    test_id=test_id, kind="test", outcome="pass", score=1.0, message="x" * 2000, attempts=(attempt,)
                )
                store.finish_run(run_id, RunEnd(exit_code=code), [row])


def pruned(path: Path, **bounds: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the runs that went, and those that are left."""
    removed = prune(path, Pruning(now_s=NOW_S, **bounds)).removed
    with StoreReader(path) as reader:
        return removed, tuple(sorted(run.id for run in reader.runs()))


def test_the_newest_of_each_suite_stay(path: Path) -> None:
    keep_runs(path, ("a", 9, 0), ("b", 8, 0), ("a", 7, 0), ("a", 6, 0), ("a", 5, 0), ("b", 4, 0))

    assert pruned(path, keep=2) == ((1, 3), (2, 4, 5, 6))
    assert pruned(path, keep=1, suite="b") == ((2,), (4, 5, 6))


def test_only_old_runs_go_and_both_bounds_have_to_say_so(path: Path) -> None:
    keep_runs(path, *[("a", age, 0) for age in (40, 31, 29, 2, 1)])

    assert pruned(path, older_than_days=30, keep=4) == ((1,), (2, 3, 4, 5))
    assert pruned(path, older_than_days=30) == ((2,), (3, 4, 5))
    assert pruned(path, older_than_days=0) == ((3, 4), (5,))


def test_the_newest_run_that_ended_and_the_newest_that_passed_are_needed(path: Path) -> None:
    keep_runs(path, ("a", 50, 0), ("a", 49, 0), ("a", 48, 1), ("a", 47, 1), ("other", 46, 1))

    done = prune(path, Pruning(now_s=NOW_S, older_than_days=1))

    assert (done.removed, done.needed, done.kept) == ((1, 3), (2, 4, 5), 3)


def test_runs_that_go_on_stay_and_those_that_were_killed_go(path: Path) -> None:
    keep_runs(path, ("a", 9, None), ("a", 0.5, None), ("a", 0.4, 0), ("a", 0.3, 0))

    assert pruned(path, keep=1) == ((1, 3), (2, 4))


def test_the_newest_run_with_a_quarantined_test_is_needed(path: Path) -> None:
    keep_runs(path, ("a", 9, 0), ("a", 8, 0), test_id="flaky")
    keep_runs(path, ("a", 7, 0), ("a", 6, 0))
    with closing(RunStore(path)) as store:
        store.add_to_quarantine(QuarantineEntry(suite="a", test_id="flaky", reason="r", added_at="2026"))

    assert pruned(path, keep=1) == ((1, 3), (2, 4))
    with StoreReader(path) as reader:
        assert [each.test_id for each in reader.quarantine()] == ["flaky"]


def test_everything_of_a_run_goes_with_it_and_the_file_shrinks(path: Path) -> None:
    keep_runs(path, *[("a", 9, 0)] * 200)

    done = prune(path, Pruning(now_s=NOW_S, keep=1))

    assert len(done.removed) == 199
    assert done.bytes_after < done.bytes_before / 4
    with closing(sqlite3.connect(path)) as database:
        for table in ("runs", "results", "attempts", "episodes", "tool_calls"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def test_old_cached_results_of_every_kind_go_only_when_asked_for(path: Path) -> None:
    clock = Clock()
    with closing(RunStore(path, now=clock)) as store:
        for age in (40, 1):
            clock.now_s = NOW_S - age * DAY_S
            for key in (embedding_key("m", str(age)), judge_key("m", str(age)), f"own-{age}"):
                store.cache().put(key, b"{}  ")
    keep_runs(path, ("a", 9, 0))

    assert prune(path, Pruning(now_s=NOW_S, keep=1)).cached == 0
    assert prune(path, Pruning(now_s=NOW_S, cache_older_than_days=30, dry_run=True)).cached == 3
    done = prune(path, Pruning(now_s=NOW_S, cache_older_than_days=30))

    assert (done.cached, done.removed) == (3, ())
    with closing(RunStore(path)) as store:
        assert store.cache().get("own-1") == b"{}  "
        assert store.cache().get("own-40") is None


def test_a_dry_run_changes_no_byte(path: Path) -> None:
    keep_runs(path, ("a", 9, 0), ("a", 8, 0))
    before = path.read_bytes()

    assert pruned(path, keep=1, dry_run=True) == ((1,), (1, 2))
    assert path.read_bytes() == before


def test_somebody_who_reads_meanwhile_is_not_disturbed(path: Path) -> None:
    keep_runs(path, *[("a", 9, 0)] * 20)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM runs").fetchone() == (20,)

        assert len(prune(path, Pruning(now_s=NOW_S, keep=1)).removed) == 19

        assert reader.execute("SELECT count(*) FROM runs").fetchone() == (20,)
    assert pruned(path, keep=1) == ((), (20,))


def test_no_store_is_made_and_none_of_another_program_touched(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no store"):
        prune(path, Pruning(now_s=NOW_S, keep=1))
    assert not path.exists()

    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ServiceError) as caught:
        prune(tmp_path / "notes.txt", Pruning(now_s=NOW_S, keep=1))
    assert caught.value.code == "E_STORE_INVALID"
