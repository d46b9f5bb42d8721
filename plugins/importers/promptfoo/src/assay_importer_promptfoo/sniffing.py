"""How likely some bytes are the start of results of promptfoo, and whether they are lines or one document."""

from __future__ import annotations

import re

from assay_core.contracts import BinarySource
from assay_core.documents.strict_json import DECODE_ERRORS
from assay_core.trace import Members, split_members

__all__ = ["is_document", "likelihood"]

_HEAD = 64 * 1024
_DOCUMENT = re.compile(
    rb'[ \t\r\n]*\{\s*(?:"evalId"\s*:\s*(?:"[^"\\]{0,200}"|null)\s*,\s*)?"results"\s*:\s*\{\s*"version"\s*:\s*[0-9]'
)
_OLD_DOCUMENT = re.compile(
    rb'[ \t\r\n]*\{\s*"(?:version"\s*:\s*[0-9]+\s*,\s*"(?:timestamp|results)"|results"\s*:\s*[\[{])'
)
_OF_ROWS = (b'"success"', b'"namedScores"', b'"vars"')
_CUT_ROW = (b'"gradingResult"', b'"namedScores"', b'"promptIdx"')


def likelihood(head: bytes) -> int:
    """Return 0 to 100. Rows have a prompt, as lines of other traces do, so what is sure is very sure."""
    if _DOCUMENT.match(head):
        return 98
    text = head.lstrip(b" \t\r\n")
    line, _, _ = text.partition(b"\n")
    members = _split(line)
    if members is not None and "success" in members and "vars" in members:
        sure = "promptIdx" in members or ("namedScores" in members and "provider" in members)
        return 98 if sure else 0
    if members is None and len(text) > _HEAD // 2 and line == text and all(name in line for name in _CUT_ROW):
        return 96
    return 92 if _OLD_DOCUMENT.match(head) and all(name in head for name in _OF_ROWS) else 0


def is_document(source: BinarySource) -> bool:
    """Tell whether the file is one JSON document rather than a row a line."""
    with source.open() as stream:
        head = stream.read(_HEAD)
    if _DOCUMENT.match(head) or _OLD_DOCUMENT.match(head):
        return True
    line = head.lstrip(b" \t\r\n").partition(b"\n")[0].rstrip()
    return line in (b"{", b"[") or line.startswith(b'{"results"') or line.startswith(b"[")


def _split(line: bytes) -> Members | None:
    try:
        return split_members(line)
    except DECODE_ERRORS:
        return None
