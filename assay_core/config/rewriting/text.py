"""Changes made to the text of a suite: only the characters that have to change do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from assay_core.config.rewriting.changes import AddType, Change, Inline, MovePath, Path, Promote, Replace, SetVersion
from assay_core.config.rewriting.values import changed_value

__all__ = ["Changed", "changed_text"]

_Node = Any  # a node of ruamel.yaml


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


class Changed(NamedTuple):
    """A text after its changes."""

    text: str
    removed: str  # every character of the old one that is gone


def changed_text(text: str, changes: Iterable[Change]) -> Changed:
    """Return the text with the changes made. The caller checks that it says what it should.

    Raises:
        ValueError: a place is not found in the text, or two changes touch the same characters.
    """
    changes = tuple(changes)
    if not changes:
        return Changed(text, "")
    editor = _Editor(text)
    inlined = {change.path for change in changes if isinstance(change, Inline)}
    for change in changes:
        if not isinstance(change, MovePath) or change.path not in inlined:  # a path that goes need not be right
            editor.make(change)
    return editor.result()


class _Editor:
    """Collects the edits of one text."""

    def __init__(self, text: str) -> None:
        from ruamel.yaml import YAML

        self._text = text
        self._root: _Node = YAML(typ="safe", pure=True).compose(text)
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._edits: dict[_Edit, None] = {}  # an aliased node is edited once, however many paths lead to it

    def make(self, change: Change) -> None:
        node = self._node(change.path)
        if isinstance(change, SetVersion):
            self._set_version(node, change.key)
        elif isinstance(change, AddType):
            self._insert_key(node, "type", change.type)
        elif isinstance(change, Promote):
            self._promote(node, change.key)
        elif isinstance(change, MovePath):
            self._replace_scalar(_pair(node, change.key)[1], _quoted(change.to))
        elif isinstance(change, Replace):
            self._replace(node, change)
        else:
            self._inline(node, change)

    def result(self) -> Changed:
        """Return the new text."""
        parts: list[str] = []
        removed: list[str] = []
        at = 0
        for edit in sorted(self._edits):
            if edit.start < at:
                raise ValueError("two changes touch the same characters")
            parts += [self._text[at : edit.start], edit.text]
            removed.append(self._text[edit.start : edit.end])
            at = edit.end
        return Changed("".join([*parts, self._text[at:]]), "".join(removed))

    def _edit(self, start: int, end: int, text: str) -> None:
        self._edits[_Edit(start, end, text)] = None

    def _node(self, path: Path) -> _Node:
        node = self._root
        for step in path:
            node = node.value[step] if isinstance(step, int) else _pair(node, step)[1]
        return node

    def _set_version(self, root: _Node, key: str | None) -> None:
        if key is None:
            self._insert_key(root, "configVersion", 1)
            return
        key_node, value_node = _pair(root, key)
        if key == "version":
            written = self._text[key_node.start_mark.index : key_node.end_mark.index]
            self._edit(key_node.start_mark.index, key_node.end_mark.index, _renamed(written))
        if value_node.start_mark.index == value_node.end_mark.index:  # nothing is there, and its mark is further on
            colon = self._text.index(":", key_node.end_mark.index) + 1
            self._edit(colon, colon, " 1")
        else:
            self._replace_scalar(value_node, "1")

    def _insert_key(self, node: _Node, key: str, value: str | int) -> None:
        """Write a key before the first one of a mapping."""
        if not node.value:
            raise ValueError("a mapping without keys")
        first = node.value[0][0]
        start = first.start_mark.index
        quoted = self._text[start : start + 1] == '"'
        written = f"{json.dumps(key)}: {json.dumps(value)}" if quoted else f"{key}: {value}"
        gap = ", " if node.flow_style else self._newline + " " * first.start_mark.column
        brace = "{" if _is_bare_pair(node) else ""
        self._edit(start, start, brace + written + gap)
        if brace:
            end = node.value[0][1].end_mark.index
            self._edit(end, end, "}")

    def _promote(self, node: _Node, key: str) -> None:
        key_node, value = _pair(node, key)
        start, end = value.start_mark.index, value.end_mark.index
        line_start = max(self._text.rfind("\n", 0, start), self._text.rfind("\r", 0, start)) + 1
        if node.flow_style or self._text[start : start + 1] in ('"', "'"):
            self._edit(start, start, "[")
            self._edit(end, end, "]")
        elif not self._text[line_start:start].strip(" "):
            self._edit(line_start, start, " " * key_node.start_mark.column + "- ")
        else:
            colon = len(self._text[:start].rstrip(" "))
            self._edit(colon, start, self._newline + " " * key_node.start_mark.column + "- ")

    def _replace_scalar(self, node: _Node, text: str) -> None:
        start, end = node.start_mark.index, node.end_mark.index
        if self._text[start:end] == text:
            return
        self._edit(start, end, text)

    def _replace(self, node: _Node, change: Replace) -> None:
        """Write the content of another file in the place of a mapping."""
        pairs = [pair for pair in node.value if not str(pair[0].value).startswith("x-")]
        start, end = pairs[0][0].start_mark.index, pairs[-1][1].end_mark.index
        content = changed_text(change.referred.text, change.inner).text
        lines = None if node.flow_style else _block_lines(content, mapping=True)
        if lines is None:
            value = changed_value(change.referred.document.value, change.inner)
            assert isinstance(value, dict)  # noqa: S101 - narrows the type; `find_changes` takes nothing else
            members = [f"{json.dumps(key)}: {_quoted(item)}" for key, item in value.items()]
            lines = [", ".join(members)] if node.flow_style else members
            if _is_bare_pair(node):
                lines = [f"{{{lines[0]}}}"]
        self._edit(start, end, self._joined(lines, pairs[0][0].start_mark.column, end))

    def _inline(self, node: _Node, change: Inline) -> None:
        key_node, value_node = _pair(node, "policy")
        start, end = key_node.start_mark.index, value_node.end_mark.index
        lines = None if node.flow_style else _block_lines(change.referred.text, mapping=False)
        if lines is None:
            self._edit(start, end, f"{_like(self._text, start, change.key)}: {_quoted(change.referred.document.value)}")
            return
        column = key_node.start_mark.column
        joined = self._joined(["", *(f"  {line}" if line else "" for line in lines)], column, end)
        self._edit(start, end, f"{change.key}:{joined}")

    def _joined(self, lines: Sequence[str], column: int, end: int) -> str:
        """Join lines that stand from a column on; a comment that follows in the old line does not join another."""
        indent = " " * column
        follows = self._text[end:].splitlines()[0] if end < len(self._text) else ""
        first, *rest = [*lines, ""] if "#" in follows and "#" in lines[-1] else lines
        text = first + "".join(self._newline + (indent + line if line else "") for line in rest)
        return text + indent if text.endswith(self._newline) else text


def _is_bare_pair(node: _Node) -> bool:
    """Tell whether a mapping is one pair in a list in brackets, without braces: `[a: b]`."""
    return bool(node.flow_style) and node.start_mark.index == node.value[0][0].start_mark.index


def _pair(node: _Node, key: str) -> tuple[_Node, _Node]:
    """Return the nodes of a key and its value: the mapping's own, else those that `<<` brings in."""
    merged: list[_Node] = []
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            merged += value_node.value if type(value_node).__name__ == "SequenceNode" else [value_node]
        elif key_node.value == key:
            return key_node, value_node
    for each in merged:
        try:
            return _pair(each, key)
        except ValueError:
            continue
    raise ValueError(f"no key {key!r} is there")


def _block_lines(text: str, *, mapping: bool) -> list[str] | None:
    """Return the lines of a block mapping or list that starts in the first column; None where it is anything else."""
    from ruamel.yaml import YAML

    root = YAML(typ="safe", pure=True).compose(text)
    wanted = "MappingNode" if mapping else "SequenceNode"
    if type(root).__name__ != wanted or root.flow_style or root.start_mark.column or root.anchor:
        return None
    lines = text[root.start_mark.index : root.end_mark.index].rstrip().splitlines()
    return [line.rstrip("\r") for line in lines]


def _renamed(written: str) -> str:
    return "configVersion".join(written.rsplit("version", 1))


def _like(text: str, start: int, key: str) -> str:
    """Return a key in quotes where the one it replaces stands in quotes, as in JSON."""
    return json.dumps(key) if text[start : start + 1] == '"' else key


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
