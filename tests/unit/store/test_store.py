"""The store's file: made, kept, read, upgraded, refused, shared, killed."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay_core.cache import embedding_key, judge_key
from assay_core.errors import ServiceError, UsageError
from assay_core.model import Episode, JsonObject, ResourceEvent, Step, ToolCall, ToolDefinition, Usage
from assay_core.store import QuarantineEntry, RunEnd, RunStart, RunStore, StoredAttempt, StoredResult, utc
from assay_core.store.connection import Connection
from assay_core.store.reader import StoreReader
from assay_core.store.schema import VERSION

HERE = Path(__file__).parent
START = RunStart(suite="shop", command="run", assay_version="1.0", trace_file="t.jsonl", order_seed="5")
NOW_S = 1_790_000_000.25
WRITER = "import sys, pathlib; from assay_core.store import RunStore; RunStore(pathlib.Path(sys.argv[1]))"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".assay" / "assay.db"


@pytest.fixture
def store(path: Path) -> Iterator[RunStore]:
    with closing(RunStore(path, now=lambda: NOW_S)) as found:
        yield found


def row(test_id: str = "a", outcome: str = "pass", score: float | None = 1.0, **fields: Any) -> StoredResult:
    given = {"kind": "test", "message": "ok", **fields}
    return StoredResult(test_id=test_id, outcome=outcome, score=score, **given)


def kept_run(store: RunStore, *rows: StoredResult, exit_code: int = 0, suite: str = "shop") -> int:
    run_id = store.begin_run(RunStart(suite=suite, command="run", assay_version="1.0"))
    store.finish_run(run_id, RunEnd(exit_code=exit_code), rows)
    return run_id


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def test_a_new_store_is_its_owners_alone_and_out_of_version_control(store: RunStore, path: Path) -> None:
    run_id = store.begin_run(START)

    assert run_id == 1
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("assay.db*")}
    assert len(modes) == 3  # SQLite's two companions get the mode of the file
    assert set(modes.values()) == {0o600}
    assert "assay.db*" in (path.parent / ".gitignore").read_text()


def test_a_folder_of_another_name_gets_no_gitignore(tmp_path: Path) -> None:
    RunStore(tmp_path / "deep" / "down" / "s.db").close()

    assert [file.name for file in (tmp_path / "deep" / "down").iterdir()] == ["s.db"]


def test_a_finished_run_is_read_back_whole(store: RunStore, path: Path) -> None:
    attempts = (
        StoredAttempt(number=1, outcome="fail", message="no", episode_id="e1"),
        StoredAttempt(number=2, outcome="pass", message="", episode_id="e2"),
    )
    rows = (
        row("a", fingerprint="ff", details={"prompt": "hi"}, duration_ms=1.5),
        row("b", "fail", score=None, attempts=attempts),
        row("policy:e", "skipped", kind="policy", skip_reason="not exercised"),
    )
    run_id = store.begin_run(START)
    end = RunEnd(exit_code=1, reason_code="E_TEST_FAILED", message="1 failed", plugins=("p 1",), counts={"total": 3})
    store.finish_run(run_id, end, rows)

    with StoreReader(path) as reader:
        (run,) = reader.runs()
        assert (run.id, run.status, run.exit_code, run.reason_code) == (1, "failed", 1, "E_TEST_FAILED")
        assert (run.plugins, run.counts, run.order_seed, run.trace_file) == (("p 1",), {"total": 3}, "5", "t.jsonl")
        assert run.started_at == run.finished_at == utc(NOW_S) == "2026-09-21T14:13:20.250Z"
        assert tuple(reader.results(run_id)) == rows
        assert [each.test_id for each in reader.results(run_id, outcome="fail")] == ["b"]
        assert {each.kind for each in reader.results(run_id, kind="test")} == {"test"}
        assert [*reader.results(run_id, kind="policy")] == [each for each in rows if each.kind == "policy"]
        assert reader.run(run_id) == run
        assert reader.run(99) is None


def test_runs_come_newest_first_of_one_suite_and_no_more_than_wanted(store: RunStore, path: Path) -> None:
    for suite in ("a", "b", "a", "a"):
        kept_run(store, suite=suite)

    with StoreReader(path) as reader:
        assert [run.id for run in reader.runs(suite="a", limit=2)] == [4, 3]
        assert [run.id for run in reader.runs()] == [4, 3, 2, 1]


def test_a_run_that_was_not_finished_stays_running_and_its_number_is_not_used_again(
    store: RunStore, path: Path
) -> None:
    store.begin_run(START)
    store.close()

    with closing(RunStore(path)) as again:
        assert kept_run(again, exit_code=3) == 2
    with StoreReader(path) as reader:
        assert [run.status for run in reader.runs()] == ["error", "running"]


def test_a_finishing_that_fails_keeps_nothing_of_the_rows(store: RunStore, path: Path) -> None:
    run_id = store.begin_run(START)

    def rows() -> Iterator[StoredResult]:
        yield row("a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.finish_run(run_id, RunEnd(exit_code=0), rows())

    assert tables(path)["results"] == []
    store.finish_run(run_id, RunEnd(exit_code=0), [row("b")])
    assert len(tables(path)["results"]) == 1


def test_the_verdict_can_be_corrected_after_the_reports(store: RunStore, path: Path) -> None:
    run_id = kept_run(store)

    store.amend_run(run_id, RunEnd(exit_code=3, reason_code="E_REPORT_FAILED", message="full"))

    with StoreReader(path) as reader:
        run = reader.run(run_id)
    assert run is not None
    assert (run.status, run.exit_code, run.reason_code, run.message) == ("error", 3, "E_REPORT_FAILED", "full")


def test_episodes_keep_the_very_text_of_their_calls_and_every_event(store: RunStore, path: Path) -> None:
    call = ToolCall(
        index=0, tool="t", args_json=b'{"n": 1.0e2}', result_json=b'"r"', outcome="ok", ts_ms=1.5, line=3,
        extra_json=b'{"x":1}',
    )  # fmt: skip
    events = (Step(kind="model", content="c"), call, ResourceEvent(kind="file", target="/x"))
    tools = (ToolDefinition(name="t", input_schema_json=b"{}"),)
    usage = Usage(input_tokens=3)
    episode = Episode(
        id="e", prompt="p", response="r", events=events, context=("c",), usage=usage, tool_definitions=tools
    )
    run_id = store.begin_run(START)

    store.add_episodes(run_id, [episode, Episode(id="f", events=(ToolCall.of("u"),), complete=False)])

    kept = tables(path)
    assert kept["tool_calls"][0] == (
        1, 0, "t", '{"n": 1.0e2}', '"r"', None, "ok", 1.5, None, None, None, None, 3, '{"x":1}',
    )  # fmt: skip
    assert kept["tool_calls"][1][:4] == (2, 0, "u", None)
    first = kept["episodes"][0]
    assert first[:8] == (1, run_id, "e", None, "p", "r", None, 1)
    assert '"at":0' in str(first[13])
    assert '"at":2' in str(first[13])
    with StoreReader(path) as reader:
        assert reader.episode_ids(run_id) == ("e", "f")


def test_the_same_episode_twice_in_a_run_keeps_neither_batch_half(store: RunStore, path: Path) -> None:
    run_id = store.begin_run(START)

    with pytest.raises(ServiceError, match="UNIQUE") as caught:
        store.add_episodes(run_id, [Episode(id="e"), Episode(id="e")])

    assert caught.value.code == "E_STORE_FAILED"
    assert tables(path)["episodes"] == []


def test_hostile_texts_are_kept_as_text(store: RunStore, path: Path) -> None:
    hostile = "a\x00b'); DROP TABLE runs; --\u202e"

    run_id = kept_run(store, row(hostile, message="lone \ud800 surrogate"), suite="s\udcff")

    with StoreReader(path) as reader:
        (found,) = reader.results(run_id)
        assert (found.test_id, found.message) == (hostile, "lone \\ud800 surrogate")
        assert reader.runs()[0].suite == "s\\udcff"


class TestRedaction:
    @staticmethod
    def redact(record: JsonObject) -> JsonObject | None:
        if "unspeakable" in str(record):
            return None
        return {key: "***" if isinstance(value, str) and "secret" in value else value for key, value in record.items()}

    def test_copies_are_redacted_before_they_are_written(self, store: RunStore, path: Path) -> None:
        run_id = store.begin_run(START)
        episode = Episode(id="e", prompt="secret", events=(ToolCall.of("t", "secret args", error="secret"),))
        store.add_episodes(run_id, [episode], self.redact)
        attempt = StoredAttempt(number=1, outcome="fail", message="secret", episode_id="e")
        store.finish_run(
            run_id, RunEnd(exit_code=1, message="secret"), [row(message="secret", attempts=(attempt,))], self.redact
        )

        assert "secret" not in str(tables(path))
        assert tables(path)["tool_calls"][0][3] == '"***"'
        assert store.refused == 0

    def test_a_record_that_cannot_be_redacted_is_not_written_and_is_counted(self, store: RunStore, path: Path) -> None:
        run_id = store.begin_run(START)
        calls = (ToolCall.of("t", "unspeakable"), ToolCall.of("t", "fine", index=1))
        store.add_episodes(run_id, [Episode(id="e", events=calls), Episode(id="unspeakable")], self.redact)
        store.finish_run(run_id, RunEnd(exit_code=0), [row("unspeakable"), row("b")], self.redact)

        kept = tables(path)
        assert [len(kept[name]) for name in ("episodes", "tool_calls", "results")] == [1, 1, 1]
        assert store.refused == 3

    def test_cached_verdicts_are_redacted_and_vectors_are_not_looked_at(self, store: RunStore) -> None:
        cache = store.cache(self.redact)
        for key, value in (
            ("v", b'{"why":"x"}'),
            ("u", b'{"why":"unspeakable"}'),
            ("raw", b"\xff"),
            ("emb|m|0", b"1234"),
        ):
            cache.put(key, value)

        assert [cache.get(key) for key in ("v", "u", "raw", "emb|m|0")] == [b'{"why":"x"}', None, None, b"1234"]
        assert cache.refused == 2


class TestPassedBefore:
    def test_the_newest_pass_of_a_finished_run_of_the_suite_counts(self, store: RunStore) -> None:
        for score in (0.5, 0.75):
            kept_run(store, row("a", fingerprint="f1", score=score))
        kept_run(store, row("b", "fail", fingerprint="f2"), row("c", "warn", fingerprint="f3"))
        kept_run(store, row("d", fingerprint="f4"), suite="other")

        found = store.passed_before("shop", ["f1", "f2", "f3", "f4", "f5"])

        assert list(found) == ["f1"]
        assert (found["f1"].run_id, found["f1"].score, found["f1"].at) == (2, 0.75, utc(NOW_S))

    def test_more_fingerprints_than_a_query_takes_are_all_looked_up(self, store: RunStore) -> None:
        rows = [row(str(at), fingerprint=f"f{at}") for at in range(1_201)]
        kept_run(store, *rows)

        assert len(store.passed_before("shop", [f"f{at}" for at in range(1_201)])) == 1_201


def test_the_cache_puts_vectors_and_verdicts_where_they_belong(store: RunStore, path: Path) -> None:
    cache = store.cache()
    vector, verdict = embedding_key("model|1", "text"), judge_key("gpt", "prompt", "rubric")

    cache.put_all([(vector, bytes(12)), (verdict, b"{}")])
    cache.put("other", b"1")
    cache.put("other", b"2")

    assert [cache.get(key) for key in (vector, verdict, "other", "none")] == [bytes(12), b"{}", b"2", None]
    kept = tables(path)
    assert kept["embeddings"] == [(vector, "model|1", 3, bytes(12), utc(NOW_S))]
    assert kept["judge_verdicts"] == [(verdict, "gpt", b"{}", utc(NOW_S))]
    assert kept["cache"] == [("other", b"2", utc(NOW_S))]


def test_keys_of_different_inputs_differ() -> None:
    assert judge_key("m", "ab", "c") != judge_key("m", "a", "bc")
    assert embedding_key("m", "a") != embedding_key("n", "a")


def test_the_quarantine_is_kept_by_suite_and_test(store: RunStore) -> None:
    entry = QuarantineEntry(suite="s", test_id="a", reason="r", owner="o", added_at=utc(NOW_S), expires_on="2026-09-21")
    store.add_to_quarantine(QuarantineEntry(suite="s", test_id="a", reason="old", added_at=utc(0)))
    store.add_to_quarantine(entry)
    store.add_to_quarantine(QuarantineEntry(suite="t", test_id="a", reason="r", added_at=utc(0)))

    assert store.quarantine("s") == (entry,)
    assert len(store.quarantine()) == 2
    assert store.remove_from_quarantine("s", "a") is True
    assert store.remove_from_quarantine("s", "a") is False
    assert not entry.has_expired(NOW_S)
    assert entry.has_expired(NOW_S + 86_400)
    assert (entry.age_days(NOW_S), entry.age_days(NOW_S + 3 * 86_400), entry.age_days(0)) == (0, 3, 0)


class TestFiles:
    def test_a_store_of_version_1_is_brought_up_to_date_with_its_rows(self, path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as old:
            old.executescript((HERE / "version_1.sql").read_text())

        with closing(RunStore(path)) as store:
            assert store.passed_before("old", ["f00d"])["f00d"].run_id == 7
            assert [entry.test_id for entry in store.quarantine("old")] == ["b"]
            assert kept_run(store) == 8
            store.cache().put("k", b"v")
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)

    def test_reading_an_older_store_brings_it_up_to_date_first(self, path: Path) -> None:
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as old:
            old.executescript((HERE / "version_1.sql").read_text())

        with StoreReader(path) as reader:
            assert [run.suite for run in reader.runs()] == ["old"]
            assert reader.episode_ids(7) == ()

    def test_a_store_made_now_has_the_tables_of_one_that_was_upgraded(self, path: Path, tmp_path: Path) -> None:
        upgraded = tmp_path / "upgraded.db"
        with closing(sqlite3.connect(upgraded)) as old:
            old.executescript((HERE / "version_1.sql").read_text())
        for each in (upgraded, path):
            RunStore(each).close()

        shapes = []
        for each in (upgraded, path):
            with closing(sqlite3.connect(each)) as database:
                names = [name for (name,) in database.execute("SELECT name FROM sqlite_master ORDER BY name")]
                shapes.append({name: database.execute(f"PRAGMA table_info({name})").fetchall() for name in names})
        assert shapes[0] == shapes[1]

    def test_a_newer_store_is_refused_and_left_alone(self, path: Path) -> None:
        RunStore(path).close()
        with closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA user_version = {VERSION + 1}")
        before = path.read_bytes()

        for opening in (RunStore, StoreReader):
            with pytest.raises(ServiceError, match=f"version {VERSION + 1}") as caught:
                opening(path)
            assert (caught.value.code, caught.value.exit_code) == ("E_STORE_VERSION", 3)
        assert path.read_bytes() == before

    @pytest.mark.parametrize("kind", ["text", "other database", "folder", "trigger", "missing table"])
    def test_a_file_that_is_no_store_is_refused_and_left_alone(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "x.db"
        if kind == "text":
            path.write_text("precious notes")
        elif kind == "folder":
            path.mkdir()
        else:
            if kind != "other database":
                RunStore(path).close()
            statement = {
                "other database": "CREATE TABLE recipes (name)",
                "trigger": "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM results; END",
                "missing table": "DROP TABLE attempts",
            }[kind]
            with closing(sqlite3.connect(path)) as database:
                database.execute(statement)
                database.commit()
        before = path.read_bytes() if path.is_file() else b""

        for opening in (RunStore, StoreReader):
            with pytest.raises(ServiceError) as caught:
                opening(path)
            assert (caught.value.code, caught.value.exit_code) == ("E_STORE_INVALID", 3)
        assert (path.read_bytes() if path.is_file() else b"") == before

    def test_a_damaged_store_is_told_when_it_is_met(self, path: Path) -> None:
        with closing(RunStore(path)) as store:
            kept_run(store, *(row(str(at), message="x" * 500) for at in range(500)))
        size = path.stat().st_size
        with path.open("r+b") as stream:
            stream.seek(4_096)
            stream.write(os.urandom(size - 4_096))

        def use() -> None:
            with closing(RunStore(path)) as store:
                store.passed_before("shop", ["x"])
                kept_run(store, row())

        with pytest.raises(ServiceError) as caught:
            use()
        assert caught.value.code == "E_STORE_INVALID"

    def test_a_place_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        with pytest.raises(ServiceError) as caught:
            RunStore(tmp_path / "file" / "assay.db")
        assert (caught.value.code, caught.value.exit_code) == ("E_STORE_FAILED", 3)

    def test_no_store_to_read_is_told(self, path: Path) -> None:
        with pytest.raises(UsageError) as caught:
            StoreReader(path)
        assert caught.value.code == "E_PATH_NOT_FOUND"
        assert not path.parent.exists()

    def test_a_reader_cannot_write(self, store: RunStore, path: Path) -> None:
        store.begin_run(START)
        reader = Connection.reader(path)

        with closing(reader), pytest.raises(ServiceError, match="readonly"), reader.transaction() as database:
            database.execute("DELETE FROM runs")


class TestTurns:
    def test_a_writer_waits_no_longer_than_bounded_for_another(self, store: RunStore, path: Path) -> None:
        store.begin_run(START)
        other = Connection.writer(path, busy_timeout_s=0.01)

        with closing(other), closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(ServiceError, match="locked") as caught, other.transaction():
                raise AssertionError("not reached")
            holder.execute("ROLLBACK")
            with other.transaction() as database:
                database.execute("DELETE FROM runs")
        assert caught.value.code == "E_STORE_FAILED"

    def test_threads_share_one_store(self, store: RunStore) -> None:
        cache = store.cache()

        def put(part: int) -> None:
            for at in range(20):
                cache.put(f"{part}-{at}", str(at).encode())
                kept_run(store, row())

        threads = [threading.Thread(target=put, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert all(cache.get(f"{part}-{at}") == str(at).encode() for part in range(4) for at in range(20))

    def test_processes_that_make_the_same_store_at_once_all_get_it(self, path: Path) -> None:
        started = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stderr=subprocess.PIPE) for _ in range(6)
        ]

        ended = [(process.communicate()[1], process.returncode) for process in started]

        assert [code for _, code in ended] == [0] * 6, ended

    @pytest.mark.parametrize("writers", [1, 3])
    def test_killed_writers_lose_no_kept_run_and_corrupt_nothing(self, path: Path, writers: int) -> None:
        rng = random.Random(writers)
        said: set[int] = set()
        for _ in range(60 if os.environ.get("ASSAY_NIGHTLY") else 5):
            command = [sys.executable, str(HERE / "killed_writer.py"), str(path)]
            started = [
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(writers)
            ]
            assert started[0].stdout is not None
            first = started[0].stdout.readline()  # it is writing now
            time.sleep(rng.uniform(0.0, 0.15))
            for process in started:
                process.kill()
            outputs = [process.communicate() for process in started]
            assert b"".join(err for _, err in outputs) == b""
            lines = (first + b"".join(out for out, _ in outputs)).splitlines(keepends=True)
            said |= {int(line) for line in lines if line.endswith(b"\n")}

            with closing(sqlite3.connect(path)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert database.execute("PRAGMA foreign_key_check").fetchall() == []
                counted = dict(
                    database.execute(
                        "SELECT runs.id, count(results.id) FROM runs LEFT JOIN results ON run_id = runs.id"
                        " WHERE status = 'passed' GROUP BY runs.id"
                    )
                )
                orphans = database.execute(
                    "SELECT count(*) FROM results JOIN runs ON runs.id = run_id WHERE status = 'running'"
                ).fetchone()
            assert said <= set(counted)
            assert set(counted.values()) == {200}
            assert orphans == (0,)
        assert len(said) > 5
