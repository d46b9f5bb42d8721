"""Run every benchmark and write what they print into docs/explanation/performance.md."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "explanation" / "performance.md"
BEGIN, END = "<!-- what `make bench` printed: begin -->", "<!-- what `make bench` printed: end -->"
NOT_BENCHMARKS = {"recorded_calls.py", "run.py", "soak.py"}


def machine() -> str:
    """Describe the machine in a line, by what matters for the figures and names nobody."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"Measured on {os.cpu_count()} cores ({platform.machine()}), {platform.system()}, {python}."


def measure(script: Path, options: list[str]) -> tuple[str, bool]:
    """Run one script; return the Markdown it printed and whether it met its targets."""
    print(f"== {script.name}", file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, str(script), *options], stdout=subprocess.PIPE, text=True, check=False)
    printed = done.stdout.strip()
    if not printed.startswith("## "):
        printed = f"## {script.stem}\n\n```text\n{printed}\n```"
    return printed, done.returncode == 0


def write_page(sections: list[str]) -> None:
    """Replace what stands between the two marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    body = "\n\n".join([machine(), *sections])
    PAGE.write_text(f"{head}{BEGIN}\n\n{body}\n\n{END}{tail}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these scripts; the page is then left as it is")
    parser.add_argument("--quick", action="store_true", help="prove that the scripts work; the page is left as it is")
    words = parser.parse_args()
    scripts = [path for path in sorted(HERE.glob("*.py")) if path.name not in NOT_BENCHMARKS]
    if words.names:
        scripts = [path for path in scripts if path.stem in words.names]
    results = [measure(script, ["--quick"] if words.quick else []) for script in scripts]
    sections = [printed for printed, _ in results]
    print("\n\n".join(sections))
    if not words.names and not words.quick:
        write_page(sections)
    missed = [script.name for script, (_, met) in zip(scripts, results, strict=True) if not met]
    if missed:
        print(f"\ntargets missed, or failed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
