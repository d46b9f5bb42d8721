"""A million recorded calls against a policy with schemas, globs and sequences, beside the naive loop."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from recorded_calls import CALLS_PER_EPISODE, POLICY, SCHEMAS, naive, write_trace

from assay_core.contracts import ImportReport
from assay_core.model import Episode, Limits, ToolCall
from assay_core.plugins.drivers import load
from assay_core.policy import Policy, load_policy
from assay_core.trace import FileSource


class _Record(msgspec.Struct):
    type: str
    episode_id: str
    tool_name: str = ""
    args: msgspec.Raw = msgspec.Raw()
    timestamp: float = 0.0


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run_validate(traces: Sequence[Path], policy: Path) -> tuple[float, float, list[str]]:
    """Validate each trace in a process of its own, all at once; return seconds, peak MB of the largest, last lines."""
    command = [sys.executable, "-m", "assay_core", "validate", str(policy)]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder) / str(number) for number in range(len(traces))]
        running = []
        for trace, output in zip(traces, outputs, strict=True):
            with output.open("wb") as stream:
                running.append(subprocess.Popen([*command, str(trace)], stdout=stream, stderr=subprocess.STDOUT))
        peaks = []
        for process in running:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            peaks.append(usage.ru_maxrss / 1024)
        seconds = time.perf_counter() - start
        shown = [output.read_text().strip().splitlines()[-1] for output in outputs]
    if any(process.returncode not in (0, 1) for process in running):
        raise SystemExit(f"assay validate failed: {shown}")
    return seconds, max(peaks), shown


def decide_with_guard(policy: Policy, path: Path) -> int:
    """Decode through the importer, guard and episodes included, and decide; no rows, no reports."""
    importer = load("assay.importers", "jsonl")
    refused = 0
    for episode in importer.read(FileSource(path, Limits()), ImportReport()):  # type: ignore[attr-defined]  # an importer
        refused += policy.judge(episode).denied
    return refused


def decide_without_guard(policy: Policy, path: Path) -> int:
    """Decode straight to the model, as if every line could be trusted to be unambiguous, and decide."""
    decode = msgspec.json.Decoder(_Record).decode
    calls: list[ToolCall] = []
    refused = 0
    with path.open("rb") as stream:
        for line in stream:
            record = decode(line)
            if record.type == "tool_call":
                calls.append(
                    ToolCall(
                        index=len(calls),
                        tool=record.tool_name,
                        args_json=bytes(record.args),
                        outcome="ok",
                        ts_ms=record.timestamp,
                    )
                )
            elif record.type == "episode_end":
                refused += policy.judge(Episode(id=record.episode_id, events=tuple(calls))).denied
                calls = []
    return refused


def split(path: Path, parts: int) -> list[Path]:
    """Cut a trace at ends of episodes."""
    size = path.stat().st_size
    results = []
    with path.open("rb") as stream:
        for part in range(parts):
            target = path.with_suffix(f".{part}.jsonl")
            with target.open("wb") as output:
                while line := stream.readline():
                    output.write(line)
                    if line.startswith(b'{"type":"episode_end"') and stream.tell() >= size * (part + 1) / parts:
                        break
            results.append(target)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    words = parser.parse_args()
    calls, repeat = (20_000, 1) if words.quick else (words.calls, words.repeat)
    sample = min(calls, 50_000)
    with tempfile.TemporaryDirectory() as folder:
        policy_file, trace, part = Path(folder) / "policy.yaml", Path(folder) / "t.jsonl", Path(folder) / "sample.jsonl"
        policy_file.write_text(json.dumps(POLICY))
        write_trace(trace, calls)
        lines = sample // CALLS_PER_EPISODE * (CALLS_PER_EPISODE + 2)
        with trace.open("rb") as source:
            part.write_bytes(b"".join(itertools.islice(source, lines)))
        policy = load_policy(policy_file)
        found = {naive(part.open("rb")), decide_with_guard(policy, part), decide_without_guard(policy, part)}
        if len(found) != 1:
            raise SystemExit(f"the loops disagree: {found} calls refused")
        halves = split(trace, 2)
        times: dict[str, list[float]] = {"naive": [], "all": [], "guarded": [], "bare": [], "two": []}
        peaks = []
        for number in range(repeat):
            print(f"round {number + 1} of {repeat}", file=sys.stderr)
            times["naive"].append(timed(lambda: naive(part.open("rb"))) * calls / sample)
            seconds, peak, _ = run_validate([trace], policy_file)
            times["all"].append(seconds)
            peaks.append(peak)
            times["guarded"].append(timed(lambda: decide_with_guard(policy, trace)))
            times["bare"].append(timed(lambda: decide_without_guard(policy, trace)))
            times["two"].append(run_validate(halves, policy_file)[0])
        size_mb = trace.stat().st_size / 1e6
    return show(
        calls, sample, size_mb, found.pop(), {key: statistics.median(value) for key, value in times.items()}, max(peaks)
    )


def show(calls: int, sample: int, size_mb: float, refused: int, seconds: dict[str, float], peak_mb: float) -> int:
    ratios = {key: seconds["naive"] / value for key, value in seconds.items()}
    print(f"## Validating {calls:,} recorded calls\n")
    print(
        f"{calls // CALLS_PER_EPISODE:,} episodes, {size_mb:.0f} MB, a policy with {len(SCHEMAS)} schemas, "
        f"70 globs, three sequences and a limit. The naive loop (json + fnmatch + jsonschema) ran over the first "
        f"{sample:,} calls and is scaled; on these all loops refuse the same {refused} calls. Medians.\n"
    )
    print("| what | s | calls/s | against naive | target |\n|---|---|---|---|---|")
    for key, name, target in (
        ("naive", "naive loop", ""),
        ("all", "`assay validate`, everything on", "≥ 4×"),
        ("guarded", "decode and decide alone, with the duplicate-key guard", "≥ 6×"),
        ("bare", "decode and decide alone, without the guard", "≥ 12×"),
    ):
        print(f"| {name} | {seconds[key]:.2f} | {calls / seconds[key]:,.0f} | {ratios[key]:.1f}× | {target} |")
    print(f"\nPeak memory of `assay validate`: {peak_mb:.0f} MB (target ≤ 150 MB).")
    print(f"Two processes, a half each: {seconds['all'] / seconds['two']:.2f}× of one.")
    met = ratios["all"] >= 4 and ratios["guarded"] >= 6 and ratios["bare"] >= 12 and peak_mb <= 150
    return 0 if met or calls < 1_000_000 else 1


if __name__ == "__main__":
    sys.exit(main())
