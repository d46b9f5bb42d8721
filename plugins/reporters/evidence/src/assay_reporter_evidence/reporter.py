"""The reporter: a run becomes a bundle."""

from __future__ import annotations

import attrs

import assay_core
from assay_core.contracts import Outputs, Receipt
from assay_core.errors import UsageError
from assay_core.model import RunReport
from assay_reporter_evidence.export.runs import DETAILS, run_events, run_name

__all__ = ["EvidenceOptions", "EvidenceReporter"]


@attrs.frozen(kw_only=True)
class EvidenceOptions:
    """`reporters.evidence` of a suite, `--set reporters.evidence.KEY=VALUE`."""

    detail: str = "observed"  # summary, observed or full
    interop: bool = False  # as the Rust project verifies it


class EvidenceReporter:
    """Writes one bundle. Its id depends on what the run found, not on when it was written."""

    options_type = EvidenceOptions
    default_output: str | None = "evidence.tar.gz"
    appends = False

    def __init__(self, options: EvidenceOptions | None = None) -> None:
        self._options = options or EvidenceOptions()
        if self._options.detail not in DETAILS:
            raise UsageError(
                code="E_INVALID_ARGS",
                message=f"reporters.evidence.detail is one of {', '.join(DETAILS)}, not {self._options.detail!r}",
            )

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write the bundle."""
        import tempfile

        from assay_reporter_evidence.bundle.form import Producer
        from assay_reporter_evidence.bundle.writing import write_bundle
        from assay_reporter_evidence.export.redaction import redacted
        from assay_reporter_evidence.moment import moment

        version = assay_core.__version__
        detail = next(each for each in DETAILS if each == self._options.detail)
        with outputs.open() as sink, tempfile.TemporaryFile() as archive:
            write_bundle(
                redacted(run_events(run, detail, moment())),
                archive,
                run_id=run_name(run),
                source=f"urn:assay:cli:{version}",
                producer=Producer(name="assay", version=version),
                interop=self._options.interop,
            )
            archive.seek(0)
            while piece := archive.read(1 << 18):
                sink.write(piece)
        return Receipt(files=("evidence.tar.gz",))
