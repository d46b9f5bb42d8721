"""Every benchmark still runs and prints its table. What it measures is asserted nowhere but in `make bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if 'if __name__ == "__main__"' in path.read_text())


@pytest.mark.parametrize("name", [each for each in SCRIPTS if each not in ("run", "soak")])
def test_benchmark_prints_its_table(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), "--quick"], capture_output=True, text=True, check=False
    )

    assert done.stdout.startswith("## "), done.stderr
    assert "\n|" in done.stdout
    assert "| target |" in done.stdout


def test_soak_ends_well_after_a_moment() -> None:
    words = [sys.executable, str(BENCHMARKS / "soak.py"), "--minutes", "0", "--calls", "500"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "all alike" in done.stdout
