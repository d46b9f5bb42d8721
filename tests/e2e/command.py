"""Runs the real command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs


@attrs.frozen
class Finished:
    """A command that has ended."""

    exit_code: int
    out: str
    err: str


def assay(*words: str | Path, cwd: Path, environment: Mapping[str, str] | None = None, stdin: bytes = b"") -> Finished:
    """Run `assay` with these words, without the variables of a CI service or a terminal."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("ASSAY", "GITHUB", "GITLAB", "NO_COLOR"))
    }
    kept.pop("FORCE_COLOR", None)
    done = subprocess.run(
        [sys.executable, "-m", "assay_core", *map(str, words)],
        cwd=cwd,
        env={**kept, "COLUMNS": "100", **(environment or {})},
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())
