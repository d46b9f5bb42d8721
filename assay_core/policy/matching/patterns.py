"""Patterns of tool names, and what an operand that may be an alias resolves to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["NameMatcher", "ToolPattern"]

Aliases = Mapping[str, tuple[str, ...]]


class ToolPattern:
    """A tool name with wildcards: `*` is any run of characters, `?` is one. Anchored and case-sensitive.

    Nothing else is special: brackets and backslashes are themselves. Matching takes at most
    `len(pattern) * len(name)` steps, whatever the pattern.
    """

    __slots__ = ("_match", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._match = _matcher(text)

    def matches(self, name: str) -> bool:
        """Tell whether the whole name fits the pattern."""
        return self._match(name)

    @property
    def is_exact(self) -> bool:
        """True where the pattern has no wildcard and so names one tool."""
        return "*" not in self.text and "?" not in self.text

    def __repr__(self) -> str:
        return f"ToolPattern({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ToolPattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash((ToolPattern, self.text))


class NameMatcher:
    """The set of tool names that an operand means.

    An operand equal to an alias means the alias' members, each of which may be a pattern; resolution is one
    level deep. With `and_itself` the text counts as a pattern too: a list under `tools` that names an alias
    governs its members without letting go of a tool that is really called so. With `exact` the text is a name:
    its `*` and `?` stand for themselves.
    """

    __slots__ = ("_names", "_patterns", "text")

    def __init__(self, text: str, aliases: Aliases, *, and_itself: bool = False, exact: bool = False) -> None:
        self.text = text
        members = aliases.get(text)
        if members is None:
            members = (text,)
        elif and_itself:
            members = (text, *members)
        self._names = frozenset(name for name in members if exact or ToolPattern(name).is_exact)
        self._patterns = tuple(ToolPattern(name) for name in members if name not in self._names)

    def matches(self, name: str) -> bool:
        """Tell whether the operand means this tool."""
        return name in self._names or any(pattern.matches(name) for pattern in self._patterns)


def _matcher(text: str) -> Callable[[str], bool]:
    """Choose the cheapest test that is exact for this pattern."""
    if "?" in text:
        return lambda name: _glob(text, name)
    if "*" not in text:
        return text.__eq__
    parts = text.split("*")
    inner = [part for part in parts[1:-1] if part]
    first, last = parts[0], parts[-1]
    if not inner and not last:
        return lambda name: name.startswith(first)
    if not inner and not first:
        return lambda name: name.endswith(last)
    return lambda name: _ordered(first, inner, last, name)


def _ordered(first: str, inner: list[str], last: str, name: str) -> bool:
    """Tell whether the parts between stars stand in the name, in order and without overlap."""
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    position, end = len(first), len(name) - len(last)
    for part in inner:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _glob(pattern: str, name: str) -> bool:
    """Match with `?` and `*` by moving one pointer in each text, and back to after the last star on a mismatch."""
    at, here, star, resume = 0, 0, -1, 0
    while here < len(name):
        if at < len(pattern) and pattern[at] == "*":  # first, since a name may hold a literal star as well
            star, resume = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", name[here]):
            at += 1
            here += 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")
