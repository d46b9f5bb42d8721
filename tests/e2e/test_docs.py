"""The console sessions in the documents are run, and print what the documents show.

The convention is in CONTRIBUTING.md. All ```console blocks of one document are one session, in one empty folder that
holds the demo's traces as `traces/`. `ASSAY_UPDATE_DOCS=1` (`make docs`) writes what was printed into the document.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO_TRACES = REPOSITORY / "docs" / "examples" / "demo" / "traces"
FENCE = re.compile(r"^```console\n(?P<body>.*?)^```$", re.M | re.S)
NAMED = r"(?:<!-- file: (?P<hidden>[\w./-]+) -->\n|`(?P<shown>[\w./-]+)`:\n\n)"
FILE = re.compile(rf"^{NAMED}```\w*\n(?P<body>.*?)^```$", re.M | re.S)
MARK = "\x1eassay-doc-command\x1e"
DOCUMENTS = sorted(
    path.relative_to(REPOSITORY)
    for path in (REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md"))
    if "```console" in path.read_text(encoding="utf-8")
)


def commands_of(body: str) -> list[str]:
    """Return the commands of one block, a continued line (ending in a backslash) joined with the next."""
    lines = body.replace("\\\n", "\\\x00").splitlines()
    return [line[2:].replace("\x00", "\n") for line in lines if line.startswith("$ ")]


def session(folder: Path, commands: list[str]) -> list[str]:
    """Run the commands in one shell and return what each printed, both streams in order."""
    script = "".join(f"__code=$?; printf '%s\\n' '{MARK}'; (exit $__code)\n{command}\n" for command in commands)
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "SOURCE_DATE_EPOCH": "0",
    }
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return [part.lstrip("\n").rstrip() for part in done.stdout.replace(str(folder), "~").split(MARK)[1:]]


def with_output(text: str, outputs: list[str]) -> str:
    """Return the document with what its commands printed."""
    remaining = iter(outputs)

    def replace(found: re.Match[str]) -> str:
        lines = []
        for command in commands_of(found["body"]):
            printed = next(remaining)
            lines.append("\n".join([f"$ {command}", *([printed] if printed else [])]))
        return "```console\n" + "\n".join(lines) + "\n```"

    return FENCE.sub(replace, text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_console_sessions_print_what_the_document_shows(document: Path, tmp_path: Path) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    shutil.copytree(DEMO_TRACES, tmp_path / "traces")
    for file in FILE.finditer(text):
        path = tmp_path / (file["hidden"] or file["shown"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["body"], encoding="utf-8")
    commands = [command for block in FENCE.finditer(text) for command in commands_of(block["body"])]

    outputs = session(tmp_path, commands)

    assert len(outputs) == len(commands)
    assert not [printed for printed in outputs if "E_INTERNAL" in printed or "Traceback (most" in printed]
    shown = with_output(text, outputs)
    if os.environ.get("ASSAY_UPDATE_DOCS"):
        (REPOSITORY / document).write_text(shown, encoding="utf-8")
    else:
        assert shown == text, "`make docs` writes what is printed now"


def test_readme_and_tutorial_hold_sessions() -> None:
    assert {Path("README.md"), Path("docs/tutorials/first-gate-in-five-minutes.md")} <= set(DOCUMENTS)


def test_make_targets_that_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.M))
    named = set()
    for path in (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"):
        named |= set(re.findall(r"\bmake ([a-z-]+)", " ".join(re.findall(r"`+[^`]+`+", path.read_text()))))

    assert {"demo", "test", "check", "docs"} <= named <= targets
