"""The importer keeps the contract of importers, with real results of each form as its sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from assay_importer_promptfoo import PromptfooImporter

from assay_core.testing import ImporterContract

RESULTS = Path(__file__).parent / "results"


class TestPromptfooImporter(ImporterContract):
    @pytest.fixture
    def importer(self) -> PromptfooImporter:
        return PromptfooImporter()

    @pytest.fixture(params=["office.json", "office.jsonl", "office.v2.json"])
    def sample(self, request: pytest.FixtureRequest) -> bytes:
        return (RESULTS / request.param).read_bytes()
