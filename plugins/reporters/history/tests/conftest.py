"""Fixtures of the conformance kit, and a store that tests fill with rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from assay_core.store import RunStore
from assay_core.store.records import RunEnd, RunStart, StoredResult
from assay_core.testing import golden

__all__ = ["golden"]


@attrs.define
class Project:
    """A folder with a store."""

    folder: Path

    @property
    def db(self) -> Path:
        return self.folder / ".assay" / "assay.db"

    @staticmethod
    def row(
        test_id: str = "t", outcome: str = "pass", scores: Mapping[str, float | None] | None = None, **fields: Any
    ) -> StoredResult:
        """Return a row whose metrics have these scores; None: the metric did not apply."""
        metrics = {
            name: {"score": score, "passed": True, "unstable": False, "exercised": score is not None, "details": {}}
            for name, score in (scores or {}).items()
        }
        details = {"metrics": metrics, **fields.pop("details", {})}
        given = {"kind": "test", "score": None, "message": "", **fields}
        return StoredResult(test_id=test_id, outcome=outcome, details=details, **given)

    def keep(self, rows: Sequence[StoredResult], *, suite: str = "shop", ended: bool = True) -> int:
        """Keep a run with these rows, and return its number."""
        store = RunStore(self.db, now=lambda: 1_700_000_000.0)
        try:
            run_id = store.begin_run(RunStart(suite=suite, command="run", assay_version="1"))
            if ended:
                store.finish_run(run_id, RunEnd(exit_code=0), rows, None)
        finally:
            store.close()
        return run_id


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("ASSAY_DB", "ASSAY_STORE", "ASSAY_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
