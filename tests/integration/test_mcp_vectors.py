"""The transcript of the interoperability vectors, and which importer claims which real file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay_core.contracts import Importer, ImportReport
from assay_core.model import ToolCall
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers, load
from assay_core.trace import FileSource
from tests.vectors import vectors_dir

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _importers() -> None:
    """The core's suite runs where no plugin is, too."""
    pytest.importorskip("assay_importer_jsonl")
    pytest.importorskip("assay_importer_mcp")


def calls(path: Path, importer: str) -> list[ToolCall]:
    driver: Importer = load("assay.importers", importer)  # type: ignore[assignment]  # an importer
    return [call for episode in driver.read(FileSource(path), ImportReport()) for call in episode.tool_calls]


def what_was_called(call: ToolCall) -> str:
    return json.dumps([call.tool, call.args, call.result, call.error, call.outcome], sort_keys=True)


def test_the_transcript_imports_to_the_calls_of_the_recorded_import() -> None:
    folder = vectors_dir() / "upstream" / "tests" / "fixtures" / "mcp"

    ours, theirs = calls(folder / "edge_case.json", "mcp"), calls(folder / "edge_case.trace.jsonl", "jsonl")

    assert sorted(map(what_was_called, ours)) == sorted(map(what_was_called, theirs))
    # The Rust project writes calls as they are answered; here they stand in the order in which they were asked for.
    assert [call.tool for call in ours] == ["valid_tool", "orphan_request", "complex_tool"]
    assert [call.tool for call in theirs] == ["valid_tool", "complex_tool", "orphan_request"]


def real_traces() -> list[Path]:
    found = [*REPOSITORY.glob("plugins/importers/mcp/tests/recordings/*"), *REPOSITORY.glob("docs/**/traces/*.jsonl")]
    try:
        vectors = vectors_dir()
    except pytest.skip.Exception:
        return sorted(found)
    return sorted([*found, *vectors.rglob("*trace*.jsonl"), *vectors.rglob("traces/*.jsonl")])


@pytest.mark.parametrize("path", real_traces(), ids=lambda path: path.name)
def test_no_real_file_is_claimed_equally_by_two_importers(path: Path) -> None:
    head = path.read_bytes()[: 64 * 1024]
    drivers = Drivers(Catalogue.scan())
    claims: dict[str, int] = {}
    for record in drivers.catalogue.records("assay.importers"):
        if record.state == "ready":
            importer: Importer = drivers.load("assay.importers", record.name)  # type: ignore[assignment]  # as above
            claims[record.name] = importer.sniff(head)

    ranked = sorted(claims.values(), reverse=True)
    assert ranked[0] == 0 or ranked[0] > ranked[1], claims  # 0: a format whose importer is not installed
    if "recordings" in path.parts:
        assert claims["mcp"] == ranked[0]
