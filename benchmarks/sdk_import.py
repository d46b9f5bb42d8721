"""What the SDK costs an agent: importing it beside bare Python, and recording a call beside writing a line."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 41
LIMIT_MS = 40.0
NOISE_MS = 5.0  # medians of a busy machine differ by as much between two runs
CALLS = 20_000
IMPORTS = {
    "pass": None,
    "import assay": LIMIT_MS,
    "from assay import AssayClient, Coverage, Explainer, validate": LIMIT_MS,
}


def median_times(repeats: int) -> dict[str, float]:
    """Start Python with each statement in turn, again and again; return the median of each in milliseconds."""
    times: dict[str, list[float]] = {statement: [] for statement in IMPORTS}
    for _ in range(repeats + 1):
        for statement, measured in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            measured.append((time.perf_counter() - start) * 1000)
    return {statement: statistics.median(measured[1:]) for statement, measured in times.items()}


def recording(calls: int) -> tuple[float, float]:
    """Return the microseconds of a recorded call, and of an unbuffered line of the same size by hand."""
    from assay import AssayClient

    record = {"tool": "filesystem_read", "args": {"path": "/tmp/file.txt"}}
    with tempfile.TemporaryDirectory() as folder:
        with AssayClient(Path(folder) / "t.jsonl") as client:
            client.record_trace(record)
            start = time.perf_counter()
            for _ in range(calls):
                client.record_trace(record)
            taken = time.perf_counter() - start
        with (Path(folder) / "plain.jsonl").open("ab", buffering=0) as stream:
            start = time.perf_counter()
            for _ in range(calls):
                stream.write(json.dumps({**record, "pad": "x" * 160}).encode() + b"\n")
            plain = time.perf_counter() - start
    return taken / calls * 1e6, plain / calls * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few repetitions: proves only that the script works")
    quick = parser.parse_args().quick
    repeats = 2 if quick else REPEATS
    found = median_times(repeats)
    bare = found["pass"]
    print("## The SDK\n")
    print(f"Medians of {repeats} starts, each statement in its turn.\n")
    print("| statement | ms | over bare Python | target |\n|---|---|---|---|")
    met = True
    for statement, taken in found.items():
        limit = IMPORTS[statement]
        met = met and (limit is None or taken - bare <= limit + NOISE_MS)
        target = "" if limit is None else f"≤ {limit:g} ms"
        print(f"| `{statement}` | {taken:.1f} | {taken - bare:.1f} ms | {target} |")
    call, plain = recording(CALLS // 20 if quick else CALLS)
    print(
        f"\n`record_trace` takes {call:.0f} µs a call, lock and write included; an unbuffered line by hand {plain:.0f}."
    )
    return 0 if met or quick else 1


if __name__ == "__main__":
    sys.exit(main())
