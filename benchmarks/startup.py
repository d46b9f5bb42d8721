"""How long `assay` takes to answer, beside Python's own start and beside the import of click."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assay_core.cli.table import CORE_COMMANDS
from assay_core.testing import fake_dist

PLUGINS = 12
REPEATS = 41
NOISE = 1.10  # medians of a busy machine differ by as much between two runs
ASSAY = [str(Path(sys.executable).with_name("assay"))]
PYTHON = [sys.executable, "-c", "pass"]
CLICK = [sys.executable, "-c", "import click"]


def install_plugins(folder: Path) -> None:
    """Offer a dozen plugins in as many distributions, some with commands."""
    for number in range(PLUGINS):
        name = f"acme-plugin-{number}"
        entries = {
            "assay.metrics": {f"acme.metric-{number}-{each}": f"acme_{number}:Metric" for each in range(4)},
            "assay.reporters": {f"acme.reporter-{number}": f"acme_{number}:Reporter"},
            "assay.commands": {f"acme.command-{number}": f"acme_{number}:command"},
        }
        source = "raise SystemExit('a plugin was imported')\n"
        fake_dist(folder, name, entries, {f"acme_{number}": source}, summary=f"What plugin {number} does")


def median_times(commands: list[list[str]], repeats: int, environment: dict[str, str]) -> list[float]:
    """Run the commands in turn, again and again; return the median of each in milliseconds."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(repeats + 1):
        for command, measured in zip(commands, times, strict=True):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
            measured.append((time.perf_counter() - start) * 1000)
    return [statistics.median(measured[1:]) for measured in times]  # the first run writes the byte code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few repetitions: proves only that the script works")
    quick = parser.parse_args().quick
    helps = [[*ASSAY, name, "--help"] for name in CORE_COMMANDS]
    commands = [PYTHON, CLICK, [*ASSAY, "version"], [*ASSAY, "--help"], *helps]
    with tempfile.TemporaryDirectory() as folder:
        install_plugins(Path(folder))
        environment = {**os.environ, "PYTHONPATH": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment.pop("ASSAY_PLUGINS", None)
        python, click, *rest = median_times(commands, 2 if quick else REPEATS, environment)
    print("## Start-up\n")
    print(f"{PLUGINS} plugins installed; medians of {2 if quick else REPEATS} runs, each command in its turn.\n")
    print("| command | ms | ratio | of | target |\n|---|---|---|---|---|")
    print(f"| `python -c pass` | {python:.1f} | | | |\n| `python -c 'import click'` | {click:.1f} | | | |")
    met = True
    for number, (command, taken) in enumerate(zip(commands[2:], rest, strict=True)):
        base, target, of = (python, (1.3, 1.6)[number], "`pass`") if number < 2 else (click, 1.3, "`import click`")
        met = met and taken / base <= target * NOISE
        words = " ".join(["assay", *command[1:]])
        print(f"| `{words}` | {taken:.1f} | {taken / base:.2f} | {of} | ≤ {target} |")
    return 0 if met or quick else 1


if __name__ == "__main__":
    sys.exit(main())
