"""Real recordings with values replaced at random: an error on purpose or a trace that can be written, never a crash."""

from __future__ import annotations

import io
import json
import os
import random
from pathlib import Path

import pytest
from assay_importer_mcp import McpImporter

from assay_core.contracts import ImportReport
from assay_core.errors import AssayError
from assay_core.testing.importers import MemorySource
from assay_core.trace import write_episodes

RECORDINGS = sorted((Path(__file__).parent / "recordings").iterdir())
ROUNDS = 2_000 if os.environ.get("ASSAY_NIGHTLY") else 60
VALUES = (None, True, 0, -1, 2**70, 1.5, "", "1", "\u202e", "{}", "[1]", [], [[]], [None], {}, {"": {}}, {"id": 1})


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the paths of all values, but for those below an announced schema."""
    found = [path]
    if isinstance(value, dict):
        found += [each for key, inner in value.items() if key != "inputSchema" for each in places(inner, (*path, key))]
    elif isinstance(value, list):
        found += [each for at, inner in enumerate(value) for each in places(inner, (*path, at))]
    return found


def mutated(value: object, source: random.Random) -> object:
    """Return a copy in which one value is another, or gone."""
    copy = json.loads(json.dumps(value))
    *above, last = source.choice(places(copy)[1:] or [("",)])
    holder = copy
    for step in above:
        holder = holder[step]
    if source.random() < 0.2:
        del holder[last]
    else:
        holder[last] = source.choice(VALUES)
    return copy


def damaged(path: Path, source: random.Random) -> bytes:
    if path.suffix == ".json":
        document = json.loads(path.read_bytes())
        return json.dumps(mutated(mutated(document, source), source), indent=1).encode()
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    at = source.randrange(len(records))
    if isinstance(records[at].get("raw"), str) and source.random() < 0.7:
        records[at]["raw"] = json.dumps(mutated(json.loads(records[at]["raw"]), source))
    else:
        records[at] = mutated(records[at], source)
    return "\n".join(map(json.dumps, records)).encode()


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_a_recording_with_a_strange_value_is_refused_or_read_and_never_crashes(path: Path) -> None:
    source = random.Random(path.name)
    refused = 0
    for _ in range(ROUNDS):
        data = damaged(path, source)
        assert 0 <= McpImporter().sniff(data[:65536]) <= 100
        try:
            episodes = list(McpImporter().read(MemorySource(data, "session"), ImportReport()))
        except AssayError as error:
            assert error.code in ("E_TRACE_INVALID", "E_TRACE_LIMIT"), data  # noqa: PT017 - both endings are right
            refused += 1
        else:
            write_episodes(episodes, io.BytesIO())

    assert 0 < refused < ROUNDS
