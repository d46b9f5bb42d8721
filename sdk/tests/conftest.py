"""What the tests of the SDK share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from assay_importer_jsonl import JsonlImporter

from assay_core.contracts import ImportReport
from assay_core.model import Episode
from assay_core.trace import FileSource

Read = Callable[[Path], list[Episode]]

POLICY = """\
version: "2.0"
name: tested
enforcement: {unconstrained_tools: allow}
tools: {allow: [a, b], deny: [{tool: c, reason: it deletes}]}
sequences:
  - {type: before, first: a, then: b}
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def read() -> Read:
    """Read a trace file by the importer."""
    return lambda path: list(JsonlImporter().read(FileSource(path), ImportReport()))
