"""Lines of a report: text with styles, of which nothing is ever read as markup."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from assay_core.commandline import excerpt

__all__ = ["BLANK", "Line", "Span", "Style", "line", "shown"]

Style: TypeAlias = Literal["", "good", "bad", "doubtful", "quiet", "strong", "place"]


class Span(NamedTuple):
    """A piece of a line. Its text is safe to show: ours, or made visible by `shown`."""

    text: str
    style: Style = ""


class Line(NamedTuple):
    """One line; where a terminal is too narrow it goes on below, indented by `hang`."""

    spans: tuple[Span, ...] = ()
    indent: int = 0
    hang: int = 0

    @property
    def text(self) -> str:
        """The line without styles."""
        return " " * self.indent + "".join(span.text for span in self.spans)


BLANK = Line()


def line(*spans: Span | str, indent: int = 0, hang: int | None = None) -> Line:
    """Return a line; plain strings have no style. What goes on below is indented as the line is, or by `hang`."""
    made = tuple(span if isinstance(span, Span) else Span(span) for span in spans)
    return Line(made, indent, indent if hang is None else hang)


def shown(text: str, limit: int = 160) -> str:
    """Return a text of the run for people's eyes: one line, everything visible, not longer than `limit`."""
    return excerpt(text, limit)
