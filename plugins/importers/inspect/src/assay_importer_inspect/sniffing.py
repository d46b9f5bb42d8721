"""How likely some bytes are the start of a log of Inspect."""

from __future__ import annotations

import re

__all__ = ["is_archive", "likelihood"]

_LOG = re.compile(
    rb'[ \t\r\n]*\{\s*"version"\s*:\s*\d{1,3}\s*,\s*"status"\s*:\s*"(?:started|success|cancelled|error)"\s*,'
    rb'\s*"eval"\s*:\s*\{'
)
_FIRST = (b"_journal/start.json", b"header.json", b"samples/")
_MAGIC = b"PK\x03\x04"
_NAME = 30  # where the name of the first member begins


def likelihood(head: bytes) -> int:
    """Return 0 to 100."""
    if is_archive(head):
        if head.startswith(_FIRST, _NAME):
            return 98
        return 70 if any(name in head for name in _FIRST) else 0
    return 98 if _LOG.match(head) else 0


def is_archive(head: bytes) -> bool:
    """Tell whether bytes begin as a zip archive."""
    return head.startswith(_MAGIC)
