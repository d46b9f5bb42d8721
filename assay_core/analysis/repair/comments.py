"""Comments that ruamel.yaml hangs on what stands before them: kept in their place when entries come and go.

A comment between two entries is remembered as the end of the first one, and a comment above a section as the end of
whatever ends the section before it. An entry that is appended would slip in after the comment above the next section,
one that is removed would take it away.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

from assay_core.model import JsonValue

__all__ = ["append", "as_written", "drop", "put_in_place"]

_FLOW_ITEMS = 8  # a longer list of words is written one to a line


def append(node: Any, key: Any, value: JsonValue) -> None:
    """Add an entry at the end of a list (`key` is ignored) or a mapping."""
    text = _take(node, _last(node)) if len(node) else ""
    if isinstance(node, list):
        node.append(as_written(value))
    else:
        node[key] = as_written(value)
    _put(node, _last(node), text)


def put_in_place(node: Any, key: Any, value: JsonValue) -> None:
    """Replace the value of an entry."""
    text = _take(node, key)
    node[key] = as_written(value)
    _put(node, key, text)


def drop(node: Any, key: Any, parent: Any, parent_key: Any) -> Any:
    """Remove an entry and return its value; what stands below it moves to the entry before."""
    text = _take(node, key)
    keys = list(range(len(node))) if isinstance(node, list) else list(node)
    at = keys.index(key)
    value = node[key]
    del node[key]
    if at:
        _put(node, keys[at - 1], text)
    elif parent is not None and not len(node):
        parent[parent_key] = as_written([] if isinstance(node, list) else {})  # a fresh one: this one had a layout
        _put(parent, parent_key, text)
    elif len(node) and text.strip():
        first = 0 if isinstance(node, list) else keys[1]
        lines = [line.strip().removeprefix("#").removeprefix(" ") for line in text.strip().splitlines()]
        node.yaml_set_comment_before_after_key(first, before="\n".join(lines), indent=node.lc.col)
    return value


def as_written(value: JsonValue) -> Any:
    """Return a value as ruamel.yaml's own containers, which can carry comments; short lists of words in one line."""
    if isinstance(value, dict):
        made = CommentedMap()
        for key, item in value.items():
            made[key] = as_written(item)
        if not made:
            made.fa.set_flow_style()
        return made
    if isinstance(value, list):
        listed = CommentedSeq([as_written(item) for item in value])
        if len(value) <= _FLOW_ITEMS and not any(isinstance(item, (dict, list)) for item in value):
            listed.fa.set_flow_style()
        return listed
    return value


def _last(node: Any) -> Any:
    if isinstance(node, list):
        return len(node) - 1
    own = getattr(node, "_ok", node)  # without what a merge key brings in: that stands elsewhere
    return [key for key in node if key in own][-1] if own else list(node)[-1]


def _holder(node: Any, key: Any) -> tuple[Any, Any, int]:
    """Return the innermost entry that an entry ends with, and where it keeps its comment."""
    while True:
        value = node[key]
        is_block = isinstance(value, (CommentedMap, CommentedSeq)) and len(value) and not value.fa.flow_style()
        if not is_block or value.yaml_anchor() is not None:  # what an alias names stands elsewhere
            return node, key, 0 if isinstance(node, CommentedSeq) else 2
        node, key = value, _last(value)


def _take(node: Any, key: Any) -> str:
    """Remove and return what stands below an entry: its own line keeps the comment at its end."""
    if not isinstance(node, (CommentedMap, CommentedSeq)) or node.fa.flow_style():
        return ""
    holder, inner, slot = _holder(node, key)
    tokens = holder.ca.items.get(inner)
    token = tokens[slot] if tokens and len(tokens) > slot else None
    if not isinstance(token, CommentToken):
        return ""
    own, _, rest = token.value.partition("\n")
    if not rest:
        return ""
    if own:
        tokens[slot] = CommentToken(own + "\n", token.start_mark, None)
    else:
        tokens[slot] = None
        if not any(tokens):
            del holder.ca.items[inner]
    return f"\n{rest}"


def _put(node: Any, key: Any, text: str) -> None:
    """Put a comment below an entry."""
    if not text or not isinstance(node, (CommentedMap, CommentedSeq)):
        return
    holder, inner, slot = _holder(node, key)
    tokens = holder.ca.items.setdefault(inner, [None] * (slot + 2))
    tokens.extend([None] * (slot + 1 - len(tokens)))
    token = tokens[slot]
    own = token.value.rstrip("\n") if isinstance(token, CommentToken) else ""
    mark = token.start_mark if isinstance(token, CommentToken) else CommentMark(0)
    tokens[slot] = CommentToken(own + text, mark, None)
