"""A million tool calls into the store, beside plain executemany of the same rows; and what keeping a run costs `ci`."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from recorded_calls import POLICY, naive, write_trace

from assay_core.contracts import ImportReport
from assay_core.model import Episode, Limits
from assay_core.plugins.drivers import load
from assay_core.store import RunStart, RunStore
from assay_core.store.rows import episode_row, tool_call_rows
from assay_core.trace import FileSource

BLOCK = 1_024  # episodes, as a run feeds them
PLAIN = """
CREATE TABLE episodes (id, run_id, episode_id, test_id, prompt, response, outcome, complete, source_file,
    source_line, context_json, tool_definitions_json, usage_json, other_events_json, extra_json);
CREATE TABLE tool_calls (episode, call_index, tool, args_json, result_json, error, outcome, ts_ms, duration_ms,
    server, call_id, parent_id, line, extra_json);
"""


def blocks(trace: Path) -> Iterator[list[Episode]]:
    episodes = load("assay.importers", "jsonl").read(FileSource(trace, Limits()), ImportReport())  # type: ignore[attr-defined]  # an importer
    while block := list(islice(episodes, BLOCK)):
        yield block


def insert(trace: Path, folder: Path) -> tuple[float, float, int]:
    """Put the same episodes into a store and into plain tables, block by block in turn; return both times."""
    store = RunStore(folder / "store.db")
    run_id = store.begin_run(RunStart(suite="bench", command="run", assay_version="0"))
    plain = sqlite3.connect(folder / "plain.db")
    plain.executescript(PLAIN)
    kept_s = plain_s = 0.0
    calls = first = 0
    for block in blocks(trace):
        episode_rows = [episode_row(at, 1, each, None) or () for at, each in enumerate(block, first + 1)]
        call_rows = [
            row
            for at, each in enumerate(block, first + 1)
            for row in tool_call_rows(at, each.tool_calls, each.id, None)
        ]
        first += len(block)
        calls += len(call_rows)
        start = time.perf_counter()
        plain.executemany(f"INSERT INTO episodes VALUES ({', '.join('?' * 15)})", episode_rows)
        plain.executemany(f"INSERT INTO tool_calls VALUES ({', '.join('?' * 14)})", call_rows)
        plain_s += time.perf_counter() - start
        start = time.perf_counter()
        store.add_episodes(run_id, block)
        kept_s += time.perf_counter() - start
    start = time.perf_counter()
    plain.commit()
    plain.close()
    plain_s += time.perf_counter() - start
    start = time.perf_counter()
    store.close()
    return kept_s + time.perf_counter() - start, plain_s, calls


def run_ci(trace: Path, folder: Path, keep: str) -> tuple[float, float]:
    """Run `ci` over the trace in a process of its own; return seconds and peak MB."""
    command = [sys.executable, "-m", "assay_core", "ci", "policy.yaml", str(trace), "--store", keep, "--quiet"]
    start = time.perf_counter()
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode not in (0, 1):
        raise SystemExit(f"assay ci ended with {running.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    words = parser.parse_args()
    calls, repeat = (20_000, 1) if words.quick else (words.calls, words.repeat)
    ratios, kept, plain, loops = [], [], [], []
    runs: dict[str, list[tuple[float, float]]] = {"none": [], "results": [], "episodes": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trace, sample = folder / "t.jsonl", folder / "sample.jsonl"
        write_trace(trace, calls)
        write_trace(sample, min(calls, 50_000))
        (folder / "policy.yaml").write_text(json.dumps(POLICY))
        for number in range(repeat):
            print(f"round {number + 1} of {repeat}", file=sys.stderr)
            with tempfile.TemporaryDirectory() as tables:
                kept_s, plain_s, inserted = insert(trace, Path(tables))
            kept.append(kept_s)
            plain.append(plain_s)
            ratios.append(plain_s / kept_s)
            start = time.perf_counter()
            naive(sample.open("rb"))
            loops.append((time.perf_counter() - start) * calls / min(calls, 50_000))
            for keep, times in runs.items():
                times.append(run_ci(trace, folder, keep))
    naive_s, plain_s, kept_s, ratio = (statistics.median(each) for each in (loops, plain, kept, ratios))
    return show(inserted, naive_s, plain_s, kept_s, ratio, runs)


def show(
    calls: int, naive_s: float, plain_s: float, kept_s: float, ratio: float, runs: dict[str, list[tuple[float, float]]]
) -> int:
    print(f"## The store: {calls:,} tool calls\n")
    print("| what | s | rows/s | against plain executemany | target |\n|---|---|---|---|---|")
    for name, seconds, shown in (
        ("executemany of finished tuples, no key", plain_s, " | "),
        ("`RunStore.add_episodes`, rows made of episodes, keys, WAL", kept_s, f"{ratio:.2f}× | ≥ 0.6×"),
    ):
        print(f"| {name} | {seconds:.2f} | {calls / seconds:,.0f} | {shown} |")
    print("\n| `assay ci --store` | s | against the naive loop | peak MB | target |\n|---|---|---|---|---|")
    ci_s = {keep: statistics.median(each for each, _ in times) for keep, times in runs.items()}
    for keep, times in runs.items():
        target = "≥ 4×" if keep == "results" else ""
        peak = max(peak for _, peak in times)
        print(f"| {keep} | {ci_s[keep]:.2f} | {naive_s / ci_s[keep]:.1f}× | {peak:.0f} | {target} |")
    met = ratio >= 0.6 and naive_s / ci_s["results"] >= 4
    return 0 if met or calls < 1_000_000 else 1


if __name__ == "__main__":
    sys.exit(main())
