"""Reading a recorded MCP session, beside json.loads of the same lines."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from assay_core.contracts import Importer, ImportReport
from assay_core.plugins.drivers import load
from assay_core.trace import FileSource

RECORDING = (
    Path(__file__).resolve().parents[1]
    / "plugins/importers/mcp/tests/recordings/filesystem.jsonrpc.jsonl"
)  # fmt: skip
TARGET = 0.8


def write_session(target: Path, calls: int) -> int:
    """Repeat the calls of a real session under ids of their own; return how many lines that made."""
    messages = [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]
    asked = {each["id"]: each for each in messages if each.get("method") == "tools/call"}
    pairs = [(asked[each["id"]], each) for each in messages if each.get("id") in asked and "method" not in each]
    head = messages[: messages.index(pairs[0][0])]
    lines = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in head]
    for number in range(calls):
        for each in pairs[number % len(pairs)]:
            lines.append(json.dumps({**each, "id": number + 1000}, ensure_ascii=False, separators=(",", ":")))
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def write_wire_log(target: Path, session: Path) -> None:
    """Write the same session as a two-way wire log."""
    with target.open("w", encoding="utf-8") as sink:
        for number, raw in enumerate(session.read_text(encoding="utf-8").splitlines()):
            direction = "c2s" if '"method"' in raw else "s2c"
            record = {"t": 1_700_000_000 + number / 1000, "dir": direction, "raw": raw}
            sink.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def timed(work: Callable[[], int]) -> tuple[float, int]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def loads(path: Path) -> int:
    """Decode every line, and the message in it where it is a text."""
    count = 0
    with path.open("rb") as stream:
        for line in stream:
            value = json.loads(line)
            if "raw" in value:
                value = json.loads(value["raw"])
            count += value.get("method") == "tools/call"
    return count


def imported(path: Path) -> int:
    importer = cast("Importer", load("assay.importers", "mcp"))
    return sum(len(episode.tool_calls) for episode in importer.read(FileSource(path), ImportReport()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    words = parser.parse_args()
    calls, repeat = (2_000, 1) if words.quick else (words.calls, words.repeat)
    met = True
    with tempfile.TemporaryDirectory() as folder:
        session, wire = Path(folder) / "session.jsonl", Path(folder) / "wire.jsonl"
        lines = write_session(session, calls)
        write_wire_log(wire, session)
        print(f"## Reading {calls:,} calls of an MCP session\n")
        print(f"{lines:,} lines. The importer also matches answers to requests and proves that no key stands twice.\n")
        print(
            "| recording | MB | json.loads, s | importer, s | against json.loads | target |\n|---|---|---|---|---|---|"
        )
        for name, path in (("JSON-RPC lines", session), ("two-way wire log", wire)):
            plain, ours = [], []
            for _ in range(repeat):
                seconds, expected = timed(lambda path=path: loads(path))  # type: ignore[misc]  # mypy: lambda defaults
                plain.append(seconds)
                seconds, found = timed(lambda path=path: imported(path))  # type: ignore[misc]  # as above
                ours.append(seconds)
                if found != expected:
                    raise SystemExit(f"{found} calls imported, {expected} recorded")
            left, right = statistics.median(plain), statistics.median(ours)
            ratio = left / right
            target = f"≥ {TARGET}×" if path == session else ""
            met = met and (path != session or ratio >= TARGET)
            size = path.stat().st_size / 1e6
            print(f"| {name} | {size:.0f} | {left:.2f} | {right:.2f} | {ratio:.2f}× | {target} |")
    return 0 if met or words.quick else 1


if __name__ == "__main__":
    sys.exit(main())
