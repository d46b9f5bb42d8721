"""Decoding traces into episodes: beside `json.loads`, and what the guard against repeated keys costs."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from recorded_calls import write_trace

from assay_core.contracts import ImportReport
from assay_core.model import Episode, ToolCall
from assay_core.plugins.drivers import load
from assay_core.trace import FileSource


class _Event(msgspec.Struct, gc=False):
    type: str
    episode_id: str
    timestamp: int | float
    step_id: str = ""
    tool_name: str = ""
    args: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()


class _Call(msgspec.Struct, gc=False):
    run_id: str
    tool: str
    ts_ms: int | float
    args: msgspec.Raw


def write_bare_calls(source: Path, target: Path) -> None:
    """Write the calls of V2 events as `{run_id, ts_ms, tool, args, call_id}`."""
    with source.open("rb") as lines, target.open("wb") as sink:
        for number, line in enumerate(lines):
            event = json.loads(line)
            if event["type"] == "tool_call":
                call = {"run_id": event["episode_id"], "ts_ms": 1_766_000_000_000 + number, "tool": event["tool_name"]}
                call |= {"args": event["args"], "call_id": f"call_{number}"}
                sink.write(json.dumps(call, separators=(",", ":")).encode() + b"\n")


def plain(path: Path) -> None:
    """Decode every line with the standard library and keep nothing."""
    with path.open("rb") as stream:
        for line in stream:
            json.loads(line)


def plain_guarded(path: Path) -> None:
    """Do the same, refusing repeated keys as one would in an afternoon."""

    def pairs(members: list[tuple[str, object]]) -> dict[str, object]:
        value = dict(members)
        if len(value) != len(members):
            raise ValueError("a key stands twice")
        return value

    with path.open("rb") as stream:
        for line in stream:
            json.loads(line, object_pairs_hook=pairs)


def unguarded(path: Path) -> None:
    """Decode straight to calls and episodes, as if every line could be trusted."""
    bare = path.name == "bare.jsonl"
    kind: type[_Call | _Event] = _Call if bare else _Event
    decode = msgspec.json.Decoder(kind).decode
    calls: list[ToolCall] = []
    episode = ""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            record = decode(line)
            key = record.run_id if isinstance(record, _Call) else record.episode_id
            if key != episode:
                Episode(id=episode, events=tuple(calls))
                episode, calls = key, []
            if isinstance(record, _Call):
                tool, result, ts_ms = record.tool, None, record.ts_ms
            elif record.type == "tool_call":
                tool, result, ts_ms = record.tool_name, bytes(record.result), record.timestamp
            else:
                continue
            calls.append(
                ToolCall(
                    index=len(calls), tool=tool, args_json=bytes(record.args), result_json=result, ts_ms=ts_ms,
                    line=number,
                )
            )  # fmt: skip


def guarded(path: Path) -> None:
    """Decode through the importer: guard, limits, grouping and all."""
    for _ in load("assay.importers", "jsonl").read(FileSource(path), ImportReport()):  # type: ignore[attr-defined]  # an importer
        pass


WAYS: tuple[tuple[str, Callable[[Path], None], str], ...] = (
    ("`json.loads`, nothing kept", plain, ""),
    ("`json.loads` that refuses repeated keys", plain_guarded, ""),
    ("episodes, no guard", unguarded, "≥ 3× the first"),
    ("`assay-importer-jsonl`: episodes, guard, limits", guarded, "≥ 2× the second"),
)


def measure(path: Path, repeat: int) -> list[float]:
    """Return the median seconds of every way; the ways take turns."""
    times: list[list[float]] = [[] for _ in WAYS]
    for _ in range(repeat):
        for taken, (_, way, _) in zip(times, WAYS, strict=True):
            start = time.process_time()
            way(path)
            taken.append(time.process_time() - start)
    return [statistics.median(each) for each in times]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    words = parser.parse_args()
    calls, repeat = (10_000, 1) if words.quick else (words.calls, words.repeat)
    met = True
    print("## Decoding traces\n")
    print(f"{calls:,} calls in episodes of fifty; processor time, medians of {repeat}, the ways taking turns.\n")
    print("| lines | way | µs/call | MB/s | against `json.loads` | against the guarded one | target |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        events, bare = Path(folder) / "events.jsonl", Path(folder) / "bare.jsonl"
        write_trace(events, calls)
        write_bare_calls(events, bare)
        for path, what in ((bare, "bare calls"), (events, "V2 events with results")):
            print(f"decoding {what}", file=sys.stderr)
            size = path.stat().st_size / 1e6
            seconds = measure(path, repeat)
            for (name, _, target), taken in zip(WAYS, seconds, strict=True):
                print(
                    f"| {what} | {name} | {taken / calls * 1e6:.2f} | {size / taken:.0f} | {seconds[0] / taken:.1f}× "
                    f"| {seconds[1] / taken:.1f}× | {target} |"
                )
            met = met and seconds[0] >= 3 * seconds[2] and seconds[1] >= 2 * seconds[3]
    return 0 if met or words.quick else 1


if __name__ == "__main__":
    sys.exit(main())
