"""Keys taken out of what a model or a provider says before it is kept or shown."""

from __future__ import annotations

from itertools import groupby

__all__ = ["HIDDEN", "without_keys"]

HIDDEN = "[redacted]"
# How common keys begin. A word that begins so and is long enough is taken for one.
_BEGINNINGS = (
    "sk-", "sk_", "pk_", "rk_", "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-",
    "AKIA", "ASIA", "AIza", "hf_", "npm_", "pypi-", "eyJ",
)  # fmt: skip
_SHORTEST = 12  # characters of a word with such a beginning
_OPAQUE = 28  # characters of a word that mixes digits with both cases


def without_keys(text: str, *known: str) -> str:
    """Return the text without anything that looks like a key, and without the keys that are known.

    It errs on the side of hiding: an identifier of 28 characters that mixes cases and digits goes as well.
    """
    for key in known:
        if key:
            text = text.replace(key, HIDDEN)
    return "".join([_hidden("".join(word)) for _, word in groupby(text, key=_is_part)])


def _is_part(character: str) -> bool:
    return character.isalnum() or character in "-_*."


def _hidden(word: str) -> str:
    kinds = (str.isdigit, str.islower, str.isupper)
    looks_opaque = len(word) >= _OPAQUE and all(any(map(kind, word)) for kind in kinds)
    return HIDDEN if looks_opaque or (len(word) >= _SHORTEST and word.startswith(_BEGINNINGS)) else word
