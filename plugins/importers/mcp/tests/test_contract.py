"""The importer keeps the contract of importers, with a real session of each form as its sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from assay_importer_mcp import McpImporter

from assay_core.testing import ImporterContract

RECORDINGS = Path(__file__).parent / "recordings"


@pytest.fixture(params=sorted(path.name for path in RECORDINGS.iterdir()))
def recording(request: pytest.FixtureRequest) -> bytes:
    return (RECORDINGS / request.param).read_bytes()


class TestMcpImporter(ImporterContract):
    @pytest.fixture
    def importer(self) -> McpImporter:
        return McpImporter()

    @pytest.fixture
    def sample(self, recording: bytes) -> bytes:
        return recording
