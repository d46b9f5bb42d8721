"""Changing a YAML file while its comments, order and quotes stay."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from assay_core.documents.document import ErrorKind
from assay_core.documents.yaml import read_document
from assay_core.errors import InputError

__all__ = ["EditableDocument"]


class EditableDocument:
    """A YAML file as ruamel.yaml's round-trip structure.

    Attributes:
        data: Mappings and lists that remember their comments. Change them in place.
        path: The file.
        original: Its text when it was read.
    """

    def __init__(self, path: Path, original: str, data: Any) -> None:
        self.path = path
        self.original = original
        self.data: Any = data

    @classmethod
    def read(cls, path: Path, *, code: str = "E_CFG_PARSE", error: ErrorKind = InputError) -> EditableDocument:
        """Read a file, first as strictly as `read_document` does.

        Raises:
            AssayError: of class `error`, as `read_document` raises it.
        """
        read_document(path, code=code, error=error)
        original = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
        data = _round_trip(original).load(original)
        _keep_anchors(data)
        return cls(path, original, data)

    def text(self) -> str:
        """Return the document as YAML text."""
        stream = io.StringIO()
        _round_trip(self.original).dump(self.data, stream)
        return stream.getvalue()


def _keep_anchors(data: Any) -> None:
    """Have anchors written that no alias names, or that none names any more."""
    waiting, seen = [data], set()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, (dict, list)) or id(node) in seen:
            continue
        seen.add(id(node))
        anchor = node.yaml_anchor() if hasattr(node, "yaml_anchor") else None
        if anchor is not None:
            anchor.always_dump = True
        waiting.extend(node.values() if isinstance(node, dict) else node)


def _round_trip(original: str) -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 4096  # long lines stay lines
    mapping, sequence, offset = _indentation(original)
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml


def _indentation(text: str) -> tuple[int, int, int]:
    """Return the indentation the file uses, from its first nested key and its first nested list."""
    mapping, offset = 0, -1
    parent = -1  # the indentation of the last line that ended in a colon
    for line in text.splitlines():
        body = line.lstrip(" ")
        if not body or body.startswith("#"):
            continue
        indent = len(line) - len(body)
        if body.startswith("- ") and indent == 0:
            offset = 0  # a list at the root, or one that is not indented below its key
        if parent >= 0 and body.startswith("- ") and offset < 0:
            offset = indent - parent
        elif parent >= 0 and not body.startswith("-") and indent > parent and not mapping:
            mapping = indent - parent
        if mapping and offset >= 0:
            break
        parent = indent if body.split(" #")[0].rstrip().endswith(":") and not body.startswith("- ") else -1
    mapping, offset = mapping or 2, max(offset, 0) if offset >= 0 else 2
    return mapping, offset + 2, offset
