"""Writes one JSON object per row."""

from __future__ import annotations

import json

from assay_core.contracts import Outputs, Receipt
from assay_core.model import RunReport

__all__ = ["ExampleReporter"]


class ExampleReporter:
    """JSON Lines: the id and status of every row."""

    default_output = "example.jsonl"
    appends = False

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Write the rows in their order."""
        with outputs.open() as sink:
            for row in run.rows:
                line = json.dumps({"id": row.test_id, "status": row.status})
                sink.write(line.encode("ascii") + b"\n")
        return Receipt(files=(self.default_output,))
