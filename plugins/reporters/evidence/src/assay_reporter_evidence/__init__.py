"""Evidence: what happened, in a small file that anyone can check."""

from assay_reporter_evidence.reporter import EvidenceOptions, EvidenceReporter

__all__ = ["EvidenceOptions", "EvidenceReporter"]
