"""Regular expressions of users: one constructor, linear time, the dialect of JSON Schema."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from assay_core.errors import InputError, Place

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

__all__ = ["LinearRegex", "linear_regex"]

_FLAGS = "ims"
_SIZE_LIMIT = 1 << 20  # bytes of one compiled expression: `a{1000}{1000}` is refused, honest ones are far below


class LinearRegex:
    """A compiled regular expression whose search takes time linear in the text, whatever pattern and text."""

    __slots__ = ("_is_valid", "flags", "pattern")

    def __init__(self, pattern: str, flags: str, validator: Draft202012Validator) -> None:
        self.pattern = pattern
        self.flags = flags
        self._is_valid = validator.is_valid

    def search(self, text: str) -> bool:
        """Tell whether the expression is found anywhere in the text. Lone surrogates count as `?`."""
        try:
            return self._is_valid(text)
        except UnicodeEncodeError:
            return self._is_valid(text.encode("utf-8", "replace").decode("utf-8"))

    def __repr__(self) -> str:
        return f"LinearRegex({self.pattern!r}, {self.flags!r})"


def linear_regex(pattern: str, flags: str = "", *, place: Place | None = None) -> LinearRegex:
    """Compile a regular expression for a linear-time search.

    Args:
        pattern: In the dialect of JSON Schema (ECMA 262) without look-around and back-references.
        flags: Any of `i` (ignore case), `m` (`^` and `$` at line ends), `s` (`.` matches line ends).
        place: Where the expression stands, for the error.

    Raises:
        InputError: E_REGEX_INVALID if the expression or a flag is not of this dialect.
    """
    unknown = sorted(set(flags) - set(_FLAGS))
    if unknown:
        message = f"unknown flag {unknown[0]!r} of the regular expression {_short(pattern)}"
        raise InputError(code="E_REGEX_INVALID", message=message, remedy="use only i, m and s", place=place)
    try:
        return _compiled(pattern, "".join(sorted(set(flags))))
    except (ValueError, TypeError) as error:
        raise InputError(code="E_REGEX_INVALID", message=f"{error}: {_short(pattern)}", place=place) from None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, flags: str) -> LinearRegex:
    import jsonschema_rs  # tens of milliseconds: not at start-up

    written = f"(?{flags}){pattern}" if flags else pattern
    try:
        options = jsonschema_rs.RegexOptions(size_limit=_SIZE_LIMIT)
        validator = jsonschema_rs.Draft202012Validator({"pattern": written}, pattern_options=options)
    except Exception as error:  # whatever the engine says, the expression is not usable
        raise ValueError(_why(pattern)) from error
    return LinearRegex(pattern, flags, validator)


def _why(pattern: str) -> str:
    """Name the most likely reason why the engine refuses a pattern; it gives none itself."""
    for mark, name in (("(?=", "look-ahead"), ("(?!", "look-ahead"), ("(?<=", "look-behind"), ("(?<!", "look-behind")):
        if mark in pattern:
            return f"the linear-time engine has no {name}"
    if any(f"\\{digit}" in pattern for digit in "123456789"):
        return "the linear-time engine has no back-references"
    return "not a regular expression that the linear-time engine takes"


def _short(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 80 else pattern[:80] + "…")
