"""Where the interoperability vectors are: real files of others, which this repository does not hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def vectors_dir() -> Path:
    """Return the folder `$ASSAY_VECTORS`, else `../shared/vectors`; skip the test, saying so, where it is absent."""
    named = os.environ.get("ASSAY_VECTORS")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip(f"the interoperability vectors are not here ({folder}); set ASSAY_VECTORS")
    return folder
