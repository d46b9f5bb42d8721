"""Hostile text made harmless for people's eyes: nothing invisible, nothing that moves the cursor."""

from __future__ import annotations

__all__ = ["excerpt", "sanitise"]

# Printable by category, and yet drawn as nothing at all (Default_Ignorable_Code_Point and the blank Braille cell).
# U+FE0F is let through: half of all emoji end in it.
_BLANK = frozenset(
    (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0)
) | frozenset((*range(0xFE00, 0xFE0F), *range(0xE0100, 0xE01F0)))
_REMEMBERED = 0x1_0000  # further code points are looked up anew, so that a hostile text cannot fill the memory


class _Table(dict[int, str]):
    """What `str.translate` asks for each character."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        shown = character if character.isprintable() and code not in _BLANK else _escape(code)
        if code < _REMEMBERED:
            self[code] = shown
        return shown


def sanitise(text: str) -> str:
    r"""Return text on one line in which every control, bidi, zero-width and other invisible character is seen.

    They become escapes as Python writes them: `\n`, `\x1b`, `\u202e`. So do lone surrogates, which no file can
    hold, and every space but the plain one. A backslash of the text itself stays as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_TABLE)


def excerpt(text: str, limit: int) -> str:
    """Return sanitised text of at most `limit` characters, and how many were cut away if any were.

    Costs as much as the limit, not as the text: a name of a megabyte is no trouble.
    """
    if len(text) <= limit:
        shown = sanitise(text)
        if len(shown) <= limit:
            return shown
    note = f"… [{len(text):,} characters]"
    return sanitise(text[:limit])[: max(limit - len(note), 0)] + note


def _escape(code: int) -> str:
    named = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}.get(code)
    if named:
        return named
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


_TABLE = _Table()
