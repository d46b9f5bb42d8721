"""The importer keeps the contract of importers, with a real log of each format as its sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from assay_importer_inspect import InspectImporter

from assay_core.testing import ImporterContract

LOGS = Path(__file__).parent / "logs"


class TestInspectImporter(ImporterContract):
    @pytest.fixture
    def importer(self) -> InspectImporter:
        return InspectImporter()

    @pytest.fixture(params=["office.eval", "office.json"])
    def sample(self, request: pytest.FixtureRequest) -> bytes:
        return (LOGS / request.param).read_bytes()
