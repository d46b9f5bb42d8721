"""Fixtures of the conformance kit."""

from assay_core.testing import golden

__all__ = ["golden"]
