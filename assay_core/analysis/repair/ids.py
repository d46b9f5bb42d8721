"""Names of patches: safe on a command line whatever they are about."""

from __future__ import annotations

import hashlib
import re

__all__ = ["patch_id"]

_PLAIN = re.compile(r"[A-Za-z0-9_./@+=-]")
_LONGEST = 120


def patch_id(kind: str, *subjects: str) -> str:
    """Return `kind:subject…` in printable ASCII without spaces or characters that a shell reads.

    Two different subjects never get one id: what is replaced or cut is told apart by a digest.
    """
    parts = [_plain(subject) for subject in subjects]
    text = ":".join([kind, *parts])
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}.{_digest(':'.join(subjects))}"


def _plain(subject: str) -> str:
    text = "".join(character if _PLAIN.match(character) else "_" for character in subject)
    return text if text == subject and text else f"{text[:60]}.{_digest(subject)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
