"""The layout that `assay policy fmt` gives a file. What the file says never changes.

Mappings are indented by two spaces, and so are the items of a list below their key. Single quotes become double
quotes where no escape is needed for it. Lines lose trailing white space, the file ends in one newline, and more
than one empty line in a row becomes one. A comment is indented at least as far as the line below it. Order,
comments, flow style and plain scalars stay as they are.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from assay_core.documents import EditableDocument, parse_document
from assay_core.errors import Place, PolicyError

__all__ = ["comments_of", "laid_out", "raised_comments", "with_raised_comments"]

_EMPTY_LINES = re.compile(r"\n{3,}")


def laid_out(document: EditableDocument) -> str:
    """Return the file's text in the layout above.

    Raises:
        PolicyError: E_POLICY_UNSUPPORTED if a comment or a value would not survive.
    """
    file = str(document.path)
    comments = Counter(comments_of(document.original))
    before = parse_document(document.original, file, code="E_POLICY_PARSE", error=PolicyError).value
    document.data = _with_double_quotes(document.data)
    text = _dumped(document.data)
    lines = raised_comments([line.rstrip() for line in text.split("\n")])
    tidy = _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip("\n") + "\n"
    for candidate in (tidy, text):  # white space inside a block scalar is content
        if _says(candidate, file) == before and Counter(comments_of(candidate)) == comments:
            return candidate
    raise PolicyError(
        code="E_POLICY_UNSUPPORTED",
        message="this file cannot be laid out anew without losing a comment or changing a value",
        remedy="move comments out of lists in square brackets and mappings in braces",
        place=Place(file),
    )


def comments_of(text: str) -> list[str]:
    """Return the comments of a YAML text, in order, each from its `#` to the end of its line."""
    from ruamel.yaml import YAML

    found: list[str] = []
    end = 0
    for token in YAML(typ="safe", pure=True).scan(text):
        found.extend(_comments(text[end : token.start_mark.index]))
        end = max(end, token.end_mark.index)
    found.extend(_comments(text[end:]))
    return found


def _comments(gap: str) -> Iterator[str]:
    """Yield the comments between two tokens, where there is nothing but them and white space."""
    for line in gap.splitlines():
        _, sign, comment = line.partition("#")
        if sign:
            yield ("#" + comment).rstrip()


def with_raised_comments(text: str, file: str) -> str:
    """Return the text with its comments indented like the lines below them, if it then says the same."""
    raised = "\n".join(raised_comments(text.split("\n")))
    return raised if _says(raised, file) == _says(text, file) else text


def raised_comments(lines: list[str]) -> list[str]:
    """Indent comments that stand left of the line they precede as far as that line."""
    result = list(lines)
    below = 0
    for at in range(len(lines) - 1, -1, -1):
        body = lines[at].lstrip(" ")
        indent = len(lines[at]) - len(body)
        if body.startswith("#") and indent < below:
            result[at] = " " * below + body
        elif body and not body.startswith("#"):
            below = indent
    return result


def _says(text: str, file: str) -> object:
    try:
        return parse_document(text, file, code="E_POLICY_PARSE", error=PolicyError).value
    except PolicyError:
        return None


def _dumped(data: Any) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import RoundTripRepresenter

    class Representer(RoundTripRepresenter):
        """Writes null as a word; a class of its own, since representers belong to classes."""

    Representer.add_representer(type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null"))
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = Representer
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _with_double_quotes(value: Any) -> Any:
    """Replace single-quoted values in place; keys stay, since their comments hang on them."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

    if isinstance(value, dict):
        for key in list(value):
            value[key] = _with_double_quotes(value[key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            value[index] = _with_double_quotes(item)
    elif isinstance(value, SingleQuotedScalarString) and value.isprintable() and not set(value) & {'"', "\\"}:
        return DoubleQuotedScalarString(value, anchor=value.anchor.value if value.anchor else None)
    return value
