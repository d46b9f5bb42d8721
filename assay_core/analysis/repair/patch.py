"""A patch: edits of one YAML file that keep its comments, with what they risk. `assay fix` alone applies patches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from assay_core.analysis.repair.comments import append, as_written, drop, put_in_place
from assay_core.documents import EditableDocument, unified_diff
from assay_core.errors import InputError, Place
from assay_core.model import JsonObject, JsonValue

__all__ = ["RISKS", "Edit", "Patch", "Risk", "apply_edits", "patch_diff", "patched_text"]

Risk: TypeAlias = Literal["low", "medium", "high"]
RISKS: tuple[Risk, ...] = ("low", "medium", "high")  # from the least


@attrs.frozen(kw_only=True)
class Edit:
    """One operation of RFC 6902 on the document's value. `add` to a list takes an index, or `-` for its end."""

    op: Literal["add", "remove", "replace", "move"]
    path: str  # JSON Pointer
    value: JsonValue = None  # of add and replace
    from_path: str = ""  # of move

    def document(self) -> JsonObject:
        """Return it as RFC 6902 writes it."""
        head: dict[str, JsonValue] = {"op": self.op, "path": self.path}
        if self.op == "move":
            return head | {"from": self.from_path}
        return head if self.op == "remove" else head | {"value": self.value}


@attrs.frozen(kw_only=True)
class Patch:
    """What would settle a finding. Two patches with one id have the same edits."""

    id: str  # kind:subject, e.g. "allow_tool:read_file"; printable ASCII without spaces, so that a shell takes it
    title: str  # one sentence in the imperative; may quote hostile text: sinks sanitise it
    risk: Risk  # high: it lets through what is refused today; medium: it changes what is checked; low: neither
    file: Path
    edits: tuple[Edit, ...]
    why: str = ""  # the finding it settles, in one sentence
    also_allows: tuple[str, ...] = ()  # recorded calls that it would newly allow, besides the one it is for

    def document(self) -> JsonObject:
        """Return it for a report."""
        return {
            "id": self.id,
            "title": self.title,
            "risk": self.risk,
            "file": str(self.file),
            "why": self.why,
            "also_allows": list(self.also_allows),
            "ops": [edit.document() for edit in self.edits],
        }


def patched_text(document: EditableDocument, patches: Iterable[Patch]) -> str:
    """Apply the edits of patches for one file, in order, and return its new text; comments stay.

    Raises:
        InputError: E_PATCH_FAILED where an edit names a place that is not there; the document is then half changed
            and must be thrown away.
    """
    for patch in patches:
        apply_edits(document, patch)
    text = document.text()
    # ruamel.yaml writes LF alone; a file that is CRLF throughout stays so
    only_crlf = document.original.count("\r\n") == document.original.count("\n") > 0
    return text.replace("\r\n", "\n").replace("\n", "\r\n") if only_crlf else text


def apply_edits(document: EditableDocument, patch: Patch) -> None:
    """Apply the edits of one patch to the document's data alone. Raises as `patched_text`."""
    for edit in patch.edits:
        _apply(document, edit, patch)


def patch_diff(patches: Sequence[Patch]) -> str:
    """Return the unified diff of what patches for one file would change.

    Raises:
        InputError: E_PATCH_FAILED.
        AssayError: the file cannot be read.
    """
    document = EditableDocument.read(patches[0].file)
    before = document.original
    return unified_diff(before, patched_text(document, patches), str(patches[0].file).lstrip("/"))


def _apply(document: EditableDocument, edit: Edit, patch: Patch) -> None:
    try:
        value: Any = edit.value
        if edit.op == "move" and _renamed(document, edit):
            return
        if edit.op in ("remove", "move"):
            value = _remove(document, edit.path if edit.op == "remove" else edit.from_path)
        if edit.op == "replace":
            _replace(document, edit.path, value)
        elif edit.op in ("add", "move"):
            _add(document, edit.path, value)
    except (KeyError, IndexError, TypeError, ValueError) as reason:
        raise InputError(
            code="E_PATCH_FAILED",
            message=f"patch {patch.id!r} does not fit {str(patch.file)!r} any more: {edit.op} {edit.path!r}",
            place=Place(str(patch.file)),
        ) from reason


def _renamed(document: EditableDocument, edit: Edit) -> bool:
    """Rename a key where it stands, with its comment; False where the edit moves more than a name."""
    (parent, old), (target, new) = _parent(document, edit.from_path), _parent(document, edit.path)
    if parent is not target or not hasattr(parent, "ca") or isinstance(parent, list):
        return False
    key = _key(parent, old)
    if new in parent:
        raise KeyError(new)  # both spellings are there: nobody but the author knows which one is meant
    position = list(parent).index(key)
    comment = parent.ca.items.pop(key, None)
    value = parent.pop(key)
    parent.insert(position, new, value)
    if comment is not None:
        parent.ca.items[new] = comment
    return True


def _words(pointer: str) -> list[str]:
    if not pointer.startswith("/"):
        raise ValueError(pointer)
    return [word.replace("~1", "/").replace("~0", "~") for word in pointer[1:].split("/")]


def _parent(document: EditableDocument, pointer: str) -> tuple[Any, str]:
    *path, last = _words(pointer)
    node: Any = document.data
    for word in path:
        node = node[_key(node, word)]
    return node, last


def _key(node: Any, word: str) -> Any:
    """Return the key as the node spells it: an index of a list, a key of a mapping."""
    if isinstance(node, list):
        if not word.isdigit() or int(word) >= len(node):
            raise IndexError(word)
        return int(word)
    if word in node:
        return word
    for key in node:
        if str(key) == word:
            return key
    raise KeyError(word)


def _remove(document: EditableDocument, pointer: str) -> Any:
    node, last = _parent(document, pointer)
    above, name = _parent(document, pointer.rpartition("/")[0]) if pointer.count("/") > 1 else (None, "")
    return drop(node, _key(node, last), above, _key(above, name) if above is not None else None)


def _replace(document: EditableDocument, pointer: str, value: Any) -> None:
    node, last = _parent(document, pointer)
    put_in_place(node, _key(node, last), value)


def _add(document: EditableDocument, pointer: str, value: Any) -> None:
    node, last = _parent(document, pointer)
    if isinstance(node, list):
        index = len(node) if last == "-" else int(last)
        if not 0 <= index <= len(node):
            raise IndexError(last)
        if index == len(node):
            append(node, None, value)
        else:
            node.insert(index, as_written(value))
    elif last in node:
        put_in_place(node, last, value)
    elif isinstance(node, dict):
        append(node, last, value)
    else:
        raise TypeError(last)
