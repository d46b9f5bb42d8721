"""No output takes the place of a file that the command reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assay_core.errors import UsageError

__all__ = ["refuse_overwriting"]

_INPUTS = (".yaml", ".yml", ".jsonl", ".ndjson")


def refuse_overwriting(what: str, output: str | None, inputs: Mapping[str, Path]) -> None:
    """Check one output of a command that only reports.

    Args:
        what: What is written, e.g. `the sarif report`.
        output: Where; None and "-" are no files.
        inputs: What the command reads, by kind.

    Raises:
        UsageError: E_OUTPUT_IS_INPUT, also for an existing file that looks like one to read: `--sarif trace.jsonl`
            and `--sarif=trace.jsonl` mean the report's file, and it is better to refuse than to guess.
    """
    if output in (None, "-") or not (path := Path(str(output))).exists():
        return
    for kind, file in inputs.items():
        if file.exists() and path.samefile(file):
            raise UsageError(code="E_OUTPUT_IS_INPUT", message=f"{what} would overwrite the {kind} {str(file)!r}")
    if path.suffix in _INPUTS:
        message = f"{what} would overwrite {str(path)!r}, which looks like a file to read"
        raise UsageError(code="E_OUTPUT_IS_INPUT", message=message)
