"""Make a new first-party plugin that passes its tests: `make new-plugin KIND=metric NAME=loop-depth`.

The templates are working Python in which `example` and `Example` stand for the name.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
KINDS = ("importer", "metric", "check", "reporter", "enforcer")
PLACEHOLDER = re.compile(r"assay-KIND-example|assay_kind_example|ExampleKIND|KINDS?|Example|EXAMPLE|example")


def words_for(kind: str, name: str) -> dict[str, str]:
    """Return what every placeholder becomes."""
    snake = name.replace("-", "_")
    camel = "".join(part.capitalize() for part in name.split("-"))
    return {
        "assay-KIND-example": f"assay-{kind}-{name}",
        "KINDS": f"{kind}s",
        "KIND": kind,
        "assay_kind_example": f"assay_{kind}_{snake}",
        "ExampleKIND": camel + kind.capitalize(),
        "Example": camel,
        "EXAMPLE": snake.upper(),
        "example": snake,
    }


def fill(text: str, words: dict[str, str]) -> str:
    """Replace every placeholder in one pass."""
    return PLACEHOLDER.sub(lambda found: words[found[0]], text)


def make(repository: Path, kind: str, name: str) -> Path:
    """Write the plugin's folder and enter it in the two lists of plugins; return the folder.

    Raises:
        SystemExit: the kind or the name cannot be, or the folder is there already.
    """
    if kind not in KINDS:
        raise SystemExit(f"KIND is one of {', '.join(KINDS)}, not {kind!r}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise SystemExit(f"NAME is lower-case words joined by hyphens, not {name!r}")
    folder = repository / "plugins" / f"{kind}s" / name
    if folder.exists():
        raise SystemExit(f"{folder} exists already")
    words = words_for(kind, name)
    for template in sorted((HERE / "templates").rglob("*")):
        owner, *rest = template.relative_to(HERE / "templates").parts
        if template.is_file() and owner in ("shared", kind) and "__pycache__" not in rest:
            path = folder.joinpath(*(fill(part, words) for part in rest))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fill(template.read_text(encoding="utf-8"), words), encoding="utf-8")
    add_to_requirements(repository / "requirements" / "dev.txt", f"-e plugins/{kind}s/{name}\n")
    add_to_first_party(
        repository / "assay_core" / "plugins" / "first_party.py",
        f"assay.{kind}s",
        words["example"],
        f"assay-{kind}-{name}",
    )
    return folder


def add_to_requirements(path: Path, line: str) -> None:
    """Enter the distribution in the sorted list of editable ones, which ends the file."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(number for number, each in enumerate(lines) if each.startswith("-e "))
    path.write_text("".join([*lines[:first], *sorted([*lines[first:], line])]), encoding="utf-8")


def add_to_first_party(path: Path, group: str, name: str, dist: str) -> None:
    """Enter the name in the list by which the core tells its own plugins from others."""
    text = path.read_text(encoding="utf-8")
    start = re.search(rf'^    "{re.escape(group)}": \{{(?P<rest>\}},)?\n', text, flags=re.M)
    if start is None:
        raise SystemExit(f"{path} has no group {group}")
    entry = f'        "{name}": "{dist}",\n'
    if start["rest"]:
        text = text[: start.start()] + f'    "{group}": {{\n{entry}    }},\n' + text[start.end() :]
    else:
        end = text.index("    },\n", start.end())
        entries = sorted([*text[start.end() : end].splitlines(keepends=True), entry])
        text = text[: start.end()] + "".join(entries) + text[end:]
    path.write_text(text, encoding="utf-8")


def main() -> int:
    """Read KIND and NAME, make the plugin and say what is next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("name", metavar="NAME", help="such as loop-depth")
    words = parser.parse_args()
    folder = make(HERE.parents[1], words.kind, words.name)
    print(f"made {folder.relative_to(HERE.parents[1])}: its tests pass, so change the plugin and them, one at a time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
