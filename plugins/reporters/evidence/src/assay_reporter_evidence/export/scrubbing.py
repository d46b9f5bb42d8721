"""What of a path or a command may leave the house: no user's name, nothing behind a word that announces a secret."""

from __future__ import annotations

__all__ = ["scrubbed"]

_NEEDLES = (
    "authorization: bearer ", "authorization: ", "token=", "key=", "bearer ", "api_key=", "apikey=", "secret=",
    "password=", "session=", "cookie=", "x-api-key:", "x-token:",
)  # fmt: skip


def scrubbed(text: str) -> str:
    """Return the text without home folders and without what follows an announcement of a secret.

    Source:
        spec/evidence-bundle.md §11.3. The cut is found in the original text, so that letters whose lower case is
        longer cannot move it.
    """
    text = _without_home(text)
    lowered = _lowered(text)
    for needle in _NEEDLES:
        at = lowered.find(needle)
        if at >= 0:
            return text[: at + len(needle)] + "***"
    return text


def _without_home(text: str) -> str:
    plain = text.replace("\\", "/")
    if not plain.startswith(("/Users/", "/home/")) and "/Users/" not in plain:
        return text
    parts = plain.split("/")
    for at, part in enumerate(parts[:-1]):
        if part in ("Users", "home"):
            return "~/**/" + "/".join(parts[at + 2 :])
    return text


def _lowered(text: str) -> str:
    """Return the text in lower case, letter for letter: as long as the text."""
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)
