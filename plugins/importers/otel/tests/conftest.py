"""What the tests of this plugin share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from assay_importer_otel import OtelImporter

from assay_core.contracts import ImportReport
from assay_core.model import Episode, Limits
from assay_core.testing.importers import MemorySource

Read = Callable[..., list[Episode]]
SPANS = Path(__file__).parent / "spans"


@pytest.fixture
def report() -> ImportReport:
    return ImportReport()


@pytest.fixture
def recorded() -> Callable[[str], bytes]:
    """Return the bytes of a recording, by the name of its file."""
    return lambda name: (SPANS / name).read_bytes()


@pytest.fixture
def read(report: ImportReport) -> Read:
    """Read bytes as a file."""

    def read_bytes(data: bytes, name: str = "spans.jsonl", limits: Limits = Limits()) -> list[Episode]:  # noqa: B008 - frozen
        source = MemorySource(data, name)
        source.limits = limits
        return list(OtelImporter().read(source, report))

    return read_bytes
