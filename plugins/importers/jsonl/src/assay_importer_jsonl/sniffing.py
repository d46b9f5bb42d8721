"""How likely some bytes are the start of a trace in JSON Lines."""

from __future__ import annotations

import msgspec

from assay_core.documents.strict_json import DECODE_ERRORS
from assay_importer_jsonl.events import EVENT_TYPES

__all__ = ["likelihood"]

_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FOREIGN = ("jsonrpc", "specversion", "resourceSpans", "spanId", "span_id")
_OURS = ("tool", "tool_name", "tool_calls", "prompt")
_HINTS = (b'"tool', b'"prompt"', b'"episode_id"')
_MAX_LINES = 20


def likelihood(head: bytes) -> int:
    """Return 0 to 100. The first line that is neither blank nor a comment decides."""
    for line in head.split(b"\n", _MAX_LINES)[:_MAX_LINES]:
        line = line.strip(b" \t\r")
        if not line or line.startswith(b"#"):
            continue
        return _of_line(line)
    return 5  # an empty trace is one of ours as much as of anybody


def _of_line(line: bytes) -> int:
    if not line.startswith(b"{"):
        return 0
    try:
        members = _split(line)
    except DECODE_ERRORS:  # cut off, or malformed: then the error of this importer names the line
        return 40 if any(hint in line for hint in _HINTS) else 0
    if any(name in members for name in _FOREIGN):
        return 0
    kind = bytes(members.get("type", b"")).strip(b'"').decode("utf-8", "replace")
    if kind in EVENT_TYPES or kind == "assay.trace":
        return 95
    if any(name in members for name in _OURS):
        return 60 if kind else 90
    return 20 if not kind else 10
