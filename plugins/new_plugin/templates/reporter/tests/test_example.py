"""The reporter keeps its contract, and writes what it says."""

from __future__ import annotations

import pytest
from assay_reporter_example import ExampleReporter

from assay_core.contracts import Reporter
from assay_core.testing import MemoryOutputs, ReporterContract, make_result, make_run


class TestExampleReporter(ReporterContract):
    @pytest.fixture
    def reporter(self) -> Reporter:
        return ExampleReporter()


def test_writes_one_line_per_row() -> None:
    outputs = MemoryOutputs()

    ExampleReporter().report(make_run(rows=[make_result(test_id="a"), make_result(test_id="b")]), outputs)

    assert outputs.files[""].count(b"\n") == 2
