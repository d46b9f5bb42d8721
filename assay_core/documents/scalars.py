"""What a plain YAML scalar means: the core schema of YAML 1.2, and nothing of YAML 1.1."""

from __future__ import annotations

import re

from assay_core.model.json_value import JsonValue

__all__ = ["ScalarError", "plain_value", "tagged_value", "whole_text"]

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, JsonValue] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STARTS = frozenset("0123456789+-.")
_MAX_DIGITS = 1000  # Python refuses beyond 4300, and no format of ours has a use for either
_TAG = "tag:yaml.org,2002:"


class ScalarError(ValueError):
    """A scalar that has no JSON value; the text says why."""


def plain_value(text: str) -> JsonValue:
    """Return what an unquoted scalar means.

    `yes`, `on`, `12:30` and dates are strings here.

    Raises:
        ScalarError: not a finite number, or a number that is too long.

    Source:
        YAML 1.2.2, section 10.3.2.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _STARTS:
        return text
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError(f"{text} is not a number of JSON; quote it if it is text")
    return text


def tagged_value(tag: str, text: str) -> JsonValue:
    """Return what a scalar with an explicit tag means.

    Raises:
        ScalarError: an unknown tag, or a text that does not fit the tag.
    """
    kind = tag.removeprefix(_TAG)
    if tag == "!" or kind == "str":
        return text
    if kind not in ("null", "bool", "int", "float") or kind == tag:
        raise ScalarError(f"the tag {tag!r} is not supported; only JSON values can be written here")
    value = plain_value(text)
    if kind == "float" and type(value) is int:
        return _finite(text)
    fits = {"null": type(None), "bool": bool, "int": int, "float": float}[kind]
    if type(value) is not fits:
        raise ScalarError(f"{text[:60]!r} does not fit its tag !!{kind}")
    return value


def whole_text(text: str) -> str:
    """Return the text with surrogate pairs joined, as JSON escapes write them.

    Raises:
        ScalarError: a surrogate without its partner.
    """
    if text.isascii():
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise ScalarError("an escape writes half of a surrogate pair, which is no character") from error


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ScalarError(f"a number of {len(text)} digits is too long; quote it if it is text")
    if text.startswith("0x"):
        return int(text, 16)
    return int(text[2:], 8) if text.startswith("0o") else int(text)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ScalarError(f"{text[:60]} is beyond the numbers of JSON; quote it if it is text")
    return number
