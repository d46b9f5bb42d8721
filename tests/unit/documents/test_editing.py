"""Edits that keep comments, order and quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.documents import EditableDocument
from assay_core.errors import InputError

WRITTEN = """\
# the head
version: "2.0"   # quoted on purpose

tools:
  allow:
    - read_file  # safe
    - 'write_file'
  deny: [exec, "shell_*"]
aliases: &names
  Search: [search_kb]
other: *names
x-long: a sentence that goes on for longer than eighty characters and still has to stay on its one line
"""
FLUSH_LISTS = "tools:\n    allow:\n    - a\n    - b\nmore:\n    deep:\n        key: 1\n"


@pytest.mark.parametrize("text", [WRITTEN, FLUSH_LISTS, "a: 1\n", "- a\n- b: 1\n  c: 2\n"])
def test_a_document_that_is_not_changed_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)

    assert EditableDocument.read(path).text() == text


def test_only_what_was_changed_changes(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(WRITTEN)

    document = EditableDocument.read(path)
    document.data["tools"]["allow"].append("list_dir")
    del document.data["x-long"]

    added = WRITTEN.replace("    - 'write_file'\n", "    - 'write_file'\n    - list_dir\n")
    assert document.text() == added[: added.index("x-long")]


def test_what_the_strict_reader_refuses_is_not_edited(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("a: 1\na: 2\n")

    with pytest.raises(InputError, match="stands twice"):
        EditableDocument.read(path)
