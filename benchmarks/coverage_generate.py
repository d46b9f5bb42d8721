"""`assay coverage` and `assay generate` over a million recorded calls, beside `assay validate` of the same file."""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from recorded_calls import CALLS_PER_EPISODE, POLICY, SCHEMA, SCHEMAS, write_trace

TARGET = 1.5


def branchy() -> dict[str, object]:
    """Return the policy with schemas of which some branches are never reached, so that no call can be passed over."""
    schema = copy.deepcopy(SCHEMA)
    properties: dict[str, object] = schema["properties"]  # type: ignore[assignment]  # as it is written
    properties["mode"] = {"enum": ["fast", "safe"]}
    properties["tags"] = {"type": "array", "items": {"enum": [f"t{number}" for number in range(60)]}, "maxItems": 8}
    schema["anyOf"] = [{"required": ["path"]}, {"required": ["mode"]}]
    schema |= {
        "if": {"required": ["id"]},
        "then": {"properties": {"id": {"minimum": 0}}},
        "else": {"required": ["path"]},
    }
    return {**POLICY, "schemas": dict.fromkeys(SCHEMAS, schema)}


def measured(words: Sequence[str | Path]) -> tuple[float, float]:
    """Run assay with these words; return seconds of CPU, which other work on the machine disturbs less, and peak MB."""
    line = [sys.executable, "-m", "assay_core", *map(str, words)]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"assay {' '.join(map(str, words))} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    words = parser.parse_args()
    calls, repeat = (20_000, 1) if words.quick else (words.calls, words.repeat)
    with tempfile.TemporaryDirectory() as folder:
        plain, rich, trace = Path(folder) / "plain.yaml", Path(folder) / "branches.yaml", Path(folder) / "t.jsonl"
        plain.write_text(json.dumps(POLICY))
        rich.write_text(json.dumps(branchy()))
        write_trace(trace, calls)
        commands: dict[str, tuple[str, Sequence[str | Path]]] = {
            "validate": ("", ("validate", plain, trace)),
            "coverage": ("validate", ("coverage", plain, trace)),
            "generate": ("validate", ("generate", trace, "--output", Path(folder) / "learnt.yaml", "--force")),
            "validate, branches": ("", ("validate", rich, trace)),
            "coverage, branches": ("validate, branches", ("coverage", rich, trace)),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for number in range(repeat):
            print(f"round {number + 1} of {repeat}", file=sys.stderr)
            for name, (_, line) in commands.items():
                found[name].append(measured(line))
    return show(calls, {name: beside for name, (beside, _) in commands.items()}, found)


def show(calls: int, beside: dict[str, str], found: dict[str, list[tuple[float, float]]]) -> int:
    print(f"## Coverage and generate over {calls:,} recorded calls\n")
    print(
        f"{calls // CALLS_PER_EPISODE:,} episodes. `branches`: every schema has branches that no call reaches, so "
        f"that coverage looks at the arguments of each call. Medians of {len(found['validate'])}, in turn.\n"
    )
    print("| command | CPU s | calls/s | peak MB | time against validate | memory against validate | target |")
    print("|---|---|---|---|---|---|---|")
    met = True
    seconds = {name: statistics.median(each for each, _ in runs) for name, runs in found.items()}
    peaks = {name: statistics.median(each for _, each in runs) for name, runs in found.items()}
    for name, other in beside.items():
        row = f"| `{name}` | {seconds[name]:.2f} | {calls / seconds[name]:,.0f} | {peaks[name]:.0f} |"
        if not other:
            print(f"{row} | | | |")
            continue
        ratios = seconds[name] / seconds[other], peaks[name] / peaks[other]
        met = met and max(ratios) <= TARGET
        print(f"{row} {ratios[0]:.2f}× | {ratios[1]:.2f}× | ≤ {TARGET}× |")
    return 0 if met or calls < 1_000_000 else 1


if __name__ == "__main__":
    sys.exit(main())
