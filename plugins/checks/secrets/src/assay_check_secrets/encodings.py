"""What a text says once URL encoding or base64 is taken off. Plain byte work in linear time, no patterns."""

from __future__ import annotations

import binascii
from urllib.parse import unquote_to_bytes

from assay_check_secrets.budget import Budget

__all__ = ["from_base64", "from_url_encoding", "unwrapped"]

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")  # the URL-safe alphabet differs in these two
_KEEP = bytes(byte if byte in _ALPHABET else 0x20 for byte in range(256))
_READABLE = bytes(byte if 0x20 <= byte < 0x7F or byte == 0x0A else 0x20 for byte in range(256))
_LINE_BREAKS = "\r\n\t"


def from_url_encoding(text: str, budget: Budget) -> str:
    """Return the text with `%41` and the like decoded; the same text where there is nothing to decode."""
    if "%" not in text:
        return text
    budget.spend(len(text))
    return unquote_to_bytes(text).decode("utf-8", "replace")


def unwrapped(text: str) -> str:
    """Return the text without line breaks and tabs."""
    for character in _LINE_BREAKS:
        text = text.replace(character, "")
    return text


def from_base64(text: str, shortest_run: int, budget: Budget) -> str:
    """Return what every run of base64 in the text says, one line per way to read a run; "" where there is no run.

    A run may begin anywhere: characters glued to its front shift it, so each of the four ways to cut it into
    groups is decoded. Wrapped base64 is decoded with its line breaks taken out as well. NUL bytes are left out,
    which makes UTF-16 readable. What is not printable ASCII comes out as spaces.
    """
    runs = _runs(text, shortest_run)
    if len(joined := unwrapped(text)) != len(text):
        runs += _runs(joined, shortest_run)
    budget.spend(3 * sum(map(len, runs)))  # four readings of three quarters
    said = [_decoded(run[shift:]) for run in runs for shift in range(4)]
    return b"\n".join(said).translate(_READABLE, b"\0").decode("ascii")


def _runs(text: str, shortest_run: int) -> list[bytes]:
    data = text.encode("ascii", "replace").translate(_TO_STANDARD)
    return [run for run in data.translate(_KEEP).split() if len(run) >= shortest_run]


def _decoded(body: bytes) -> bytes:
    if len(body) % 4 == 1:  # one character holds less than a byte
        body = body[:-1]
    return binascii.a2b_base64(body + b"=" * (-len(body) % 4))
