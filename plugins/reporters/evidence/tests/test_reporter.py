"""The reporter keeps its contract; its bundles verify and hold no secret."""

from __future__ import annotations

import io

import pytest
from assay_reporter_evidence import EvidenceOptions, EvidenceReporter
from assay_reporter_evidence.bundle.envelope import StoredEvent
from assay_reporter_evidence.bundle.form import Manifest
from assay_reporter_evidence.bundle.verifying import verify_bundle

from assay_core.contracts import Reporter
from assay_core.errors import UsageError
from assay_core.model import RunReport
from assay_core.testing import ReporterContract, make_finding, make_result, make_run
from assay_core.testing.reporters import MemoryOutputs

SECRET = "ghp_" + "a1B2" * 9


class TestEvidenceReporter(ReporterContract):
    binary = True

    @pytest.fixture
    def reporter(self, monkeypatch: pytest.MonkeyPatch) -> Reporter:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        return EvidenceReporter()


def bundled(run: RunReport, **options: object) -> tuple[Manifest, list[StoredEvent]]:
    outputs = MemoryOutputs()
    EvidenceReporter(EvidenceOptions(**options)).report(run, outputs)  # type: ignore[arg-type]  # options by name
    events: list[StoredEvent] = []
    return verify_bundle(io.BytesIO(outputs.files[""]), visit=events.append), events


def failed_run() -> RunReport:
    finding = make_finding(code="E_TOOL_DENIED", message=f"leaks {SECRET}", tool="exec")
    return make_run([make_result(test_id="t", findings=(finding,), prompt=f"use {SECRET}")], exit_code=1)


@pytest.mark.parametrize("interop", [False, True])
def test_a_bundle_of_a_run_verifies_and_tells_it_in_order(interop: bool) -> None:
    manifest, events = bundled(failed_run(), interop=interop)

    assert [event.type for event in events] == [
        "assay.run.started", "assay.test.result", "assay.finding", "assay.run.finished",
    ]  # fmt: skip
    assert manifest.event_count == 4
    assert manifest.bundle_id == bundled(failed_run(), interop=not interop)[0].bundle_id


def test_a_summary_has_no_rows() -> None:
    assert [event.type for event in bundled(failed_run(), detail="summary")[1]] == [
        "assay.run.started", "assay.run.finished",
    ]  # fmt: skip


@pytest.mark.parametrize("detail", ["observed", "full"])
def test_a_planted_secret_is_in_no_event(detail: str) -> None:
    _, events = bundled(failed_run(), detail=detail)

    assert SECRET not in repr(events)


def test_an_unknown_detail_is_refused() -> None:
    with pytest.raises(UsageError) as raised:
        EvidenceReporter(EvidenceOptions(detail="everything"))

    assert raised.value.code == "E_INVALID_ARGS"
