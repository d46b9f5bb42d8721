"""Makes the reference pages out of the code: `python docs/generate.py`, or `--check` to only compare.

Each module in docs/generators has a mapping `PAGES`: path below docs/ to a function that returns the page. A new
page is a new entry there; nothing here changes.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

DOCS = Path(__file__).parent


def pages() -> dict[str, Callable[[], str]]:
    """Return every page, by its path below docs/.

    Raises:
        ValueError: Two modules claim one page.
    """
    sys.path.insert(0, str(DOCS.parent))
    found: dict[str, Callable[[], str]] = {}
    for path in sorted((DOCS / "generators").glob("*.py")):
        made: Mapping[str, Callable[[], str]]
        made = getattr(importlib.import_module(f"docs.generators.{path.stem}"), "PAGES", {})
        for name, make in made.items():
            if name in found:
                raise ValueError(f"{path.name} makes {name}, which another module makes already")
            found[name] = make
    return found


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` tell which differ."""
    check = arguments == ["--check"]
    if arguments and not check:
        sys.stderr.write("usage: python docs/generate.py [--check]\n")
        return 2
    stale = [name for name, make in sorted(pages().items()) if not _is_fresh(name, make(), check=check)]
    if check and stale:
        sys.stderr.write(f"\n{len(stale)} of the generated pages differ from the code: run `make docs`\n")
        return 1
    return 0


def _is_fresh(name: str, text: str, *, check: bool) -> bool:
    path = DOCS / name
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if old == text:
        return True
    if check:
        diff = difflib.unified_diff(
            old.splitlines(), text.splitlines(), f"docs/{name}", "made from the code", lineterm=""
        )
        sys.stderr.write("\n".join(list(diff)[:60]) + "\n")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
