"""A parsed document that knows where each of its keys and values stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn, Protocol

import attrs

from assay_core.errors import AssayError, Place
from assay_core.model.json_value import JsonValue

__all__ = ["DEPTH_LIMIT", "NODE_LIMIT", "SIZE_LIMIT", "Document", "ErrorKind", "Node", "Source"]

SIZE_LIMIT = 10 * 1024 * 1024  # bytes
NODE_LIMIT = 1_000_000  # after aliases were followed
DEPTH_LIMIT = 128


class ErrorKind(Protocol):
    """A class of the error tree that takes the usual five fields."""

    def __call__(self, *, code: str, message: str, remedy: str = ..., place: Place | None = ...) -> AssayError:
        """Build the error."""


class Node:
    """A value and where it starts. Aliased nodes are shared, never copied."""

    __slots__ = ("children", "column", "height", "line", "size", "value")

    def __init__(self, value: JsonValue, line: int, column: int) -> None:
        self.value = value
        self.line = line  # from 1
        self.column = column  # from 1, in code points
        self.size = 1  # nodes in the tree below, as if every alias were a copy
        self.height = 0  # levels of lists and mappings, with itself
        self.children: dict[str, tuple[int, int, Node]] | list[Node] | None = None


class Source:
    """The text of a document: quotes lines and raises errors that point at them."""

    def __init__(self, text: str, file: str, code: str, error: ErrorKind) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")  # as YAML reads it; JSON allows none in strings
        self.file = file
        self._code = code
        self._error = error
        self._lines: list[str] | None = None

    def place(self, line: int, column: int) -> Place:
        """Return the place with the text of its line."""
        if self._lines is None:
            self._lines = self.text.split("\n")
        text = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        return Place(self.file, line, column, text)

    def place_of(self, offset: int) -> Place:
        """Return the place of a character by its offset in the text."""
        line = self.text.count("\n", 0, offset) + 1
        return self.place(line, offset - self.text.rfind("\n", 0, offset))

    def fail(self, message: str, place: Place, *, code: str = "", remedy: str = "") -> NoReturn:
        """Raise the error of this document."""
        raise self._error(code=code or self._code, message=message, remedy=remedy, place=place)


@attrs.frozen(eq=False)
class Document:
    """What a file says, and where it says it.

    `Document(value, file)` alone, for values that were built in Python, knows no lines.
    """

    value: JsonValue
    file: str
    _root: Node | None = attrs.field(default=None, repr=False)
    _source: Source | None = attrs.field(default=None, repr=False)

    def place(self, path: Sequence[str | int] = (), *, key: bool = False) -> Place:
        """Return where the value at a path stands, or its key where `key` is set.

        A path that leaves the document ends at the deepest value that is there.
        """
        if self._root is None or self._source is None:
            return Place(self.file)
        node, line, column = self._root, self._root.line, self._root.column
        for position, step in enumerate(path):
            last = position == len(path) - 1
            if isinstance(node.children, dict) and step in node.children:
                key_line, key_column, node = node.children[str(step)]
                line, column = (key_line, key_column) if key and last else (node.line, node.column)
            elif isinstance(node.children, list) and isinstance(step, int) and 0 <= step < len(node.children):
                node = node.children[step]
                line, column = node.line, node.column
            else:
                break
        return self._source.place(line, column)

    def at(self, path: Sequence[str | int]) -> JsonValue:
        """Return the value at a path.

        Raises:
            LookupError: The path leaves the document.
        """
        value = self.value
        for step in path:
            inside = isinstance(value, Mapping) if isinstance(step, str) else isinstance(value, (list, tuple))
            if not inside:
                raise LookupError(f"no {step!r} in {self.file}")
            value = value[step]  # type: ignore[index]  # `inside` says so
        return value
