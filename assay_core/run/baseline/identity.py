"""What makes a test the same test under another id: what it is about, and what it expects."""

from __future__ import annotations

import hashlib
import json

import attrs

from assay_core.model import TestCase

__all__ = ["test_digest"]

_DIGITS = 32
_BESIDES = ("thresholding",)  # how far a score may fall is no part of what is expected


def test_digest(case: TestCase) -> str:
    """Return 32 hexadecimal digits over selector, context and expectations; id, tags and metadata are not in it."""
    expected = [{key: each.raw[key] for key in each.raw if key not in _BESIDES} for each in case.expectations]
    parts = [attrs.asdict(case.select), list(case.context), expected]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:_DIGITS]
