"""The importer keeps its contract, and reads what it says."""

from __future__ import annotations

import pytest
from assay_importer_example import ExampleImporter

from assay_core.contracts import Importer, ImportReport
from assay_core.errors import InputError
from assay_core.testing import ImporterContract, MemorySource

SAMPLE = b'#example\nread_file {"path": "/a"}\nwrite_file {"path": "/b"}\n'


class TestExampleImporter(ImporterContract):
    @pytest.fixture
    def importer(self) -> Importer:
        return ExampleImporter()

    @pytest.fixture
    def sample(self) -> bytes:
        return SAMPLE


def test_reads_tools_with_their_arguments_and_lines() -> None:
    (episode,) = ExampleImporter().read(MemorySource(SAMPLE), ImportReport())

    assert [(call.tool, call.args, call.line) for call in episode.tool_calls] == [
        ("read_file", {"path": "/a"}, 2),
        ("write_file", {"path": "/b"}, 3),
    ]


def test_refuses_a_line_without_arguments() -> None:
    with pytest.raises(InputError) as caught:
        list(ExampleImporter().read(MemorySource(b"#example\nread_file\n"), ImportReport()))

    assert caught.value.code == "E_TRACE_INVALID"
