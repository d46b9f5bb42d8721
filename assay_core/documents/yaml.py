"""YAML 1.2 with positions: ruamel.yaml reads the syntax, this module decides what it means.

The values are JSON values. Aliases are followed without copying and counted as if they were copied, so that a
few lines cannot grow into millions of nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from assay_core.documents.document import DEPTH_LIMIT, NODE_LIMIT, SIZE_LIMIT, Document, ErrorKind, Node, Source
from assay_core.documents.json import JsonSyntaxError, compose_json
from assay_core.documents.scalars import ScalarError, plain_value, tagged_value, whole_text
from assay_core.errors import AssayError, InputError, Place

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

__all__ = ["parse_document", "read_document"]

# Line breaks to some YAML parsers and plain characters to others: a key could hide behind one of them.
_AMBIGUOUS = re.compile("[\x85\u2028\u2029\ufeff]")
_COLLECTION_TAGS = {"MappingStartEvent": "tag:yaml.org,2002:map", "SequenceStartEvent": "tag:yaml.org,2002:seq"}


def read_document(path: Path, *, code: str = "E_CFG_PARSE", error: ErrorKind = InputError) -> Document:
    """Return the document in a file.

    Raises:
        AssayError: of class `error`: E_PATH_NOT_FOUND, E_DOCUMENT_LIMIT, or `code` with the place.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(SIZE_LIMIT + 1)
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise error(code="E_PATH_NOT_FOUND", message=f"cannot read {str(path)!r}: {why}") from reason
    return parse_document(data, str(path), code=code, error=error)


def parse_document(
    data: bytes | str, file: str, *, code: str = "E_CFG_PARSE", error: ErrorKind = InputError
) -> Document:
    """Return the document that bytes or text hold. JSON is YAML; an empty text is null.

    Raises:
        AssayError: of class `error`: E_DOCUMENT_LIMIT, or `code` with the place.
    """
    source = Source(_text(data, file, code, error), file, code, error)
    if ambiguous := _AMBIGUOUS.search(source.text):
        character = f"U+{ord(ambiguous.group()):04X}"
        source.fail(
            f"the character {character} is a line break to some readers and not to others",
            source.place_of(ambiguous.start()),
            remedy=f'write it as an escape in double quotes: "\\u{ord(ambiguous.group()):04x}"',
        )
    root = _compose(source)
    return Document(root.value, file, root, source)


def _text(data: bytes | str, file: str, code: str, error: ErrorKind) -> str:
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > SIZE_LIMIT:
        message = f"the document is larger than {SIZE_LIMIT // 1024 // 1024} MiB"
        raise error(code="E_DOCUMENT_LIMIT", message=message, place=Place(file))
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as reason:
        before = data[: reason.start]
        line = before.count(b"\n") + 1
        start = before.rfind(b"\n") + 1
        text = data[start : start + 400].split(b"\n")[0].decode("utf-8", "replace")
        column = len(before[start:].decode("utf-8", "replace")) + 1
        raise error(
            code=code,
            message=f"the byte 0x{data[reason.start]:02x} is not UTF-8",
            remedy="save the file as UTF-8",
            place=Place(file, line, column, text),
        ) from reason


def _compose(source: Source) -> Node:
    """Read JSON by itself: tabs, long keys and speed. Of two errors the one that is further on is told."""
    json_error: JsonSyntaxError | None = None
    if source.text.lstrip()[:1] in ("{", "["):
        try:
            return compose_json(source)
        except JsonSyntaxError as reason:
            json_error = reason
    try:
        return _Composer(source).document()
    except AssayError as reason:
        if json_error and reason.place and reason.code != "E_DOCUMENT_LIMIT":
            place = source.place_of(json_error.offset)
            if (place.line, place.column) > (reason.place.line, reason.place.column):
                source.fail(json_error.message, place)
        raise


def _events(source: Source) -> Iterator[Event]:
    """Yield the events of the one document, its errors turned into ours."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    last = (1, 1)
    try:
        for event in YAML(typ="safe", pure=True).parse(source.text):
            last = (event.end_mark.line + 1, event.end_mark.column + 1)
            yield event
    except MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        place = source.place(mark.line + 1, mark.column + 1) if mark else Place(source.file)
        source.fail(_syntax_message(reason), place)
    except ReaderError as reason:
        place = source.place_of(reason.position)
        source.fail(f"the control character U+{reason.character:04X} is not allowed", place)
    except (YAMLError, ValueError, OverflowError, IndexError, AssertionError) as reason:
        # ruamel.yaml lets these out, without a place, e.g. on an escape beyond Unicode
        source.fail(f"syntax error after this: {str(reason) or type(reason).__name__}", source.place(*last))


def _syntax_message(reason: Any) -> str:
    problem = str(reason.problem or "syntax error").strip().splitlines()[0]
    if "'\\t'" in problem:
        return "a tab stands where only spaces may indent"
    context = str(reason.context).strip().splitlines()[0] if reason.context else ""
    message = f"syntax error {context}: {problem}" if context else f"syntax error: {problem}"
    begun, found = reason.context_mark, reason.problem_mark
    return f"{message} (it begins in line {begun.line + 1})" if begun and found and begun.line < found.line else message


class _Composer:
    """Builds the nodes of one document."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._events = _events(source)
        self._anchors: dict[str, Node | None] = {}  # None: the node is still open
        self._count = 0

    def document(self) -> Node:
        root = Node(None, 1, 1)
        seen = False
        for event in self._events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                if seen:
                    self._fail("a second document begins here; one file holds one document", event)
                seen = True
                self._check_version(event)
            elif kind not in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
                root = self._node(event, 1)
        return root

    def _check_version(self, event: Any) -> None:
        version = event.version
        if version is not None and tuple(version) != (1, 2):
            self._fail("only YAML 1.2 is read; delete the %YAML line", event)

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event).__name__
        if kind == "AliasEvent":
            node = self._alias(event, depth)
            self._add(node.size, event)
            return node
        if depth > DEPTH_LIMIT and kind != "ScalarEvent":
            self._fail(f"the document is nested deeper than {DEPTH_LIMIT} levels", event, code="E_DOCUMENT_LIMIT")
        self._add(1, event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = Node(None, event.start_mark.line + 1, event.start_mark.column + 1)
        if kind == "ScalarEvent":
            node.value = self._scalar(event)
        else:
            node.height = 1
            tag = str(event.ctag) if event.ctag is not None else "!"
            if tag not in ("!", "None", _COLLECTION_TAGS[kind]):
                self._fail(f"the tag {tag!r} is not supported; only JSON values can be written here", event)
            if kind == "SequenceStartEvent":
                self._sequence(node, depth)
            else:
                self._mapping(node, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, depth: int) -> Node:
        if event.anchor not in self._anchors:
            self._fail(f"the alias *{event.anchor} has no anchor before it", event)
        node = self._anchors[event.anchor]
        if node is None:
            self._fail(f"the alias *{event.anchor} stands inside what it names", event)
        if depth + node.height - 1 > DEPTH_LIMIT:
            self._fail(f"the document is nested deeper than {DEPTH_LIMIT} levels", event, code="E_DOCUMENT_LIMIT")
        return node

    def _scalar(self, event: Any) -> Any:
        try:
            text = whole_text(event.value)
            tag = str(event.ctag) if event.ctag is not None else None
            if tag is not None and tag != "None":
                return tagged_value(tag, text)
            return plain_value(text) if event.implicit[0] else text
        except ScalarError as reason:
            self._fail(str(reason), event)

    def _sequence(self, node: Node, depth: int) -> None:
        children: list[Node] = []
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            child = self._node(event, depth + 1)
            children.append(child)
            node.size += child.size
            node.height = max(node.height, child.height + 1)
        node.children = children
        node.value = [child.value for child in children]

    def _mapping(self, node: Node, depth: int) -> None:
        children: dict[str, tuple[int, int, Node]] = {}
        merges: list[tuple[Any, Node]] = []
        for event in self._events:
            if type(event).__name__ == "MappingEndEvent":
                break
            key, is_merge = self._key(event)
            child = self._node(next(self._events), depth + 1)
            node.size += 1 + child.size
            node.height = max(node.height, child.height + 1)
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            if is_merge and not merges:
                merges.append((event, child))
            elif is_merge or key in children:
                first = merges[0][0].start_mark if is_merge else None
                at = (first.line + 1, first.column + 1) if first else children[key][:2]
                self._fail(f"the key {key!r} stands twice; first at {self._source.file}:{at[0]}:{at[1]}", event)
            else:
                children[key] = (line, column, child)
        for event, child in merges:
            children = self._merged(children, child, event)
        node.children = children
        node.value = {key: entry[2].value for key, entry in children.items()}

    def _key(self, event: Any) -> tuple[str, bool]:
        """Return a key as text, and whether it is the merge key `<<`."""
        self._add(1, event)
        if type(event).__name__ == "AliasEvent":
            value = self._alias(event, 1).value
            if not isinstance(value, str):
                self._fail("a key is text, not a list, a mapping or a number", event)
            return value, False
        if type(event).__name__ != "ScalarEvent":
            self._fail("a key is text, not a list or a mapping", event)
        plain = event.implicit[0]
        if self._source.text[max(0, event.start_mark.index - 1)] == "?" and event.start_mark.index:
            # ruamel.yaml takes `{?a: 1}` as the key `a`; YAML 1.2 says `?a`
            self._fail("a question mark right before a key is read in two ways", event, remedy="quote the key")
        if plain and event.value == "":
            self._fail("a key is missing before the colon", event)
        if event.ctag is not None and str(event.ctag) not in ("None", "!", "tag:yaml.org,2002:str"):
            self._fail("a key takes no tag", event)
        try:
            text = whole_text(event.value)
        except ScalarError as reason:
            self._fail(str(reason), event)
        if event.anchor is not None:
            self._anchors[event.anchor] = Node(text, event.start_mark.line + 1, event.start_mark.column + 1)
        return text, plain and text == "<<"

    def _merged(
        self,
        own: dict[str, tuple[int, int, Node]],
        merged: Node,
        event: Any,
    ) -> dict[str, tuple[int, int, Node]]:
        """Add the entries of `<<: *name`, or of a list of names: own keys win, then earlier names."""
        parts = merged.children if isinstance(merged.children, list) else [merged]
        result = dict(own)
        for part in parts:
            if not isinstance(part.children, dict):
                self._fail("`<<` takes a mapping, or a list of mappings", event)
            for key, entry in part.children.items():
                result.setdefault(key, entry)
        return result

    def _add(self, count: int, event: Any) -> None:
        self._count += count
        if self._count > NODE_LIMIT:
            message = f"the document has more than {NODE_LIMIT:,} nodes after its aliases are followed"
            self._fail(message, event, code="E_DOCUMENT_LIMIT")

    def _fail(self, message: str, event: Any, *, code: str = "", remedy: str = "") -> NoReturn:
        mark = event.start_mark
        self._source.fail(message, self._source.place(mark.line + 1, mark.column + 1), code=code, remedy=remedy)
