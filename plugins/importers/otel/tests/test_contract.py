"""The importer keeps the contract of importers, in every encoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from assay_importer_otel import OtelImporter

from assay_core.testing import ImporterContract


class _Recorded(ImporterContract):
    file: ClassVar[str]

    @pytest.fixture
    def importer(self) -> OtelImporter:
        return OtelImporter()

    @pytest.fixture
    def sample(self, recorded: Callable[[str], bytes]) -> bytes:
        return recorded(self.file)


class TestExportsALine(_Recorded):
    file = "pydantic-ai-1-format-1.otlp.jsonl"


class TestExportsWithLogs(_Recorded):
    file = "openai-events-2.3.otlp.jsonl"


class TestWholeDocument(_Recorded):
    file = "pydantic-ai-1-format-1.otlp.json"


class TestProtobuf(_Recorded):
    file = "pydantic-ai-1-format-1.otlp.pb"


class TestProtobufOfTheCollector(_Recorded):
    file = "pydantic-ai-1-format-1.collector.pb"


class TestConsole(_Recorded):
    file = "pydantic-ai-1-format-1.console.json"


class TestSpansALine(_Recorded):
    file = "pydantic-ai-1-format-1.spans.jsonl"


del _Recorded  # the kit runs for those that name a file
