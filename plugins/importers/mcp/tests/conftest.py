"""What the tests of this plugin share."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from assay_importer_mcp import McpImporter

from assay_core.contracts import ImportReport
from assay_core.model import Episode
from assay_core.testing.importers import MemorySource

Read = Callable[..., list[Episode]]


@pytest.fixture
def report() -> ImportReport:
    return ImportReport()


@pytest.fixture
def read(report: ImportReport) -> Read:
    """Read lines: bytes as they stand, other values as JSON; one value that is a document is a document."""

    def read_lines(*lines: object, name: str = "session.jsonl") -> list[Episode]:
        data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        return list(McpImporter().read(MemorySource(data, name), report))

    return read_lines
