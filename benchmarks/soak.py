"""Validate again and again in one process: memory must not grow, and every round must say the same."""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path

from recorded_calls import POLICY, write_trace

from assay_core.cli.app import main as assay

WARM_UP = 5  # rounds in which caches fill
TOLERANCE_MB = 8.0


def resident_mb() -> float:
    """Return the memory this process holds now."""
    gc.collect()
    with Path("/proc/self/status").open() as stream:
        return next(int(line.split()[1]) / 1024 for line in stream if line.startswith("VmRSS:"))


def round_digest(words: list[str]) -> str:
    """Run one validation, which finds violations, and return the digest of what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = assay(words)
    if code != 1:
        raise SystemExit(f"validate ended with exit code {code}:\n{printed.getvalue()[:2000]}")
    return hashlib.sha256(printed.getvalue().encode()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--calls", type=int, default=20_000)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        policy, trace = Path(folder) / "policy.yaml", Path(folder) / "trace.jsonl"
        policy.write_text(json.dumps(POLICY))
        write_trace(trace, words.calls)
        command = ["validate", str(policy), str(trace), "--format", "json"]
        expected = round_digest(command)
        end, rounds, start_mb = time.monotonic() + 60 * words.minutes, 1, 0.0
        while time.monotonic() < end or rounds <= WARM_UP:
            if round_digest(command) != expected:
                print(f"round {rounds + 1} printed something else than the first")
                return 1
            rounds += 1
            if rounds == WARM_UP:
                start_mb = resident_mb()
        grown = resident_mb() - start_mb
    print(f"{rounds} rounds of {words.calls:,} calls, all alike; memory grew by {grown:.1f} MB from {start_mb:.0f} MB")
    return 0 if grown <= TOLERANCE_MB else 1


if __name__ == "__main__":
    sys.exit(main())
