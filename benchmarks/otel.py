"""Reading recorded spans of agents, beside json.loads of the same file."""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from assay_core.contracts import Importer, ImportReport
from assay_core.plugins.drivers import load
from assay_core.trace import FileSource

SPANS = Path(__file__).resolve().parents[1] / "plugins/importers/otel/tests/spans"
RECORDINGS = {
    "OTLP JSON, GenAI conventions": "pydantic-ai-2-format-5.otlp.jsonl",
    "flat spans, GenAI conventions": "pydantic-ai-2-format-5.spans.jsonl",
    "OTLP JSON, OpenInference": "openinference-openai.otlp.jsonl",
}
TARGET = 0.5


def write_file(target: Path, name: str, copies: int) -> int:
    """Repeat a recording under trace ids of their own; return how many tool calls that makes."""
    data = (SPANS / name).read_bytes()
    traces = set(re.findall(rb'"(?:traceId|trace_id)":\s*"([0-9a-f]{32})"', data))
    rng = random.Random(7)
    with target.open("wb") as stream:
        for _ in range(copies):
            copy = data
            for trace in traces:
                copy = copy.replace(trace, b"%032x" % rng.getrandbits(128))
            stream.write(copy)
    return 4 * copies  # the recorded agent calls three tools in its first run and one in its second


def lines_of(path: Path) -> int:
    """Decode every line."""
    with path.open("rb") as stream:
        return sum(bool(json.loads(line)) for line in stream)


def texts_of(path: Path) -> int:
    """Decode every line, and the attributes whose text is JSON: messages, arguments and results are such texts."""
    with path.open("rb") as stream:
        return sum(_texts(json.loads(line)) for line in stream)


def _texts(line: Any) -> int:
    if "attributes" in line:
        return sum(_text(value) for value in line["attributes"].values())
    spans = [span for each in line["resourceSpans"] for scope in each["scopeSpans"] for span in scope["spans"]]
    return sum(_text(item["value"].get("stringValue")) for span in spans for item in span.get("attributes", ()))


def _text(value: Any) -> int:
    if isinstance(value, str) and value[:1] in ("{", "["):
        json.loads(value)
        return 1
    return 0


def imported(path: Path) -> int:
    importer = cast("Importer", load("assay.importers", "otel"))
    return sum(len(episode.tool_calls) for episode in importer.read(FileSource(path), ImportReport()))


def timed(work: Callable[[Path], int], path: Path) -> tuple[float, int]:
    start = time.perf_counter()
    found = work(path)
    return time.perf_counter() - start, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=600)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    words = parser.parse_args()
    copies, repeat = (20, 1) if words.quick else (words.copies, words.repeat)
    met = True
    print(f"## Reading the spans of {2 * copies:,} runs of an agent\n")
    print(
        "A recorded run, repeated. The importer decodes the lines and the JSON that attributes hold as text (messages, "
        "arguments, results), proves that no key stands twice in either, and makes episodes of calls. It is compared "
        "with json.loads of lines and texts, and of the lines alone, which tell of no call: on a machine with nothing "
        "else to do OTLP reaches half of the latter. Flat spans are no fixed structs, and OpenInference spreads each "
        "message over numbered attributes; the guard against repeated keys stays on for all. Medians.\n"
    )
    print("| recording | MB | importer, s | against json.loads of lines and texts | target | of lines alone |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spans.jsonl"
        for title, name in RECORDINGS.items():
            expected = write_file(path, name, copies)
            times: dict[Callable[[Path], int], list[float]] = {imported: [], texts_of: [], lines_of: []}
            for _ in range(repeat):
                for work, taken in times.items():
                    seconds, found = timed(work, path)
                    taken.append(seconds)
                    if work is imported and found != expected:
                        raise SystemExit(f"{found} calls imported, {expected} recorded")
            ours, texts, lines = (statistics.median(taken) for taken in times.values())
            first = name == next(iter(RECORDINGS.values()))
            met = met and (not first or texts / ours >= TARGET)
            print(
                f"| {title} | {path.stat().st_size / 1e6:.0f} | {ours:.2f} | {texts / ours:.2f}× | "
                f"{f'≥ {TARGET}×' if first else ''} | {lines / ours:.2f}× |"
            )
    return 0 if met or words.quick else 1


if __name__ == "__main__":
    sys.exit(main())
