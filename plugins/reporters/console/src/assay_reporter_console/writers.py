"""Writing lines: wrapped and in colour on a terminal, as they are into a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TextIO

from assay_reporter_console.lines import Line

__all__ = ["write_plain", "write_styled"]

_STYLES = {
    "": "",
    "good": "green",
    "bad": "bold red",
    "doubtful": "yellow",
    "quiet": "dim",
    "strong": "bold",
    "place": "cyan",
}
_ASCII = str.maketrans({"━": "-", "—": "-", "…": "..."})
_NARROWEST = 20  # columns of text, whatever the indentation
_BATCH = 200  # lines that rich is given at once; one by one takes four times as long


def write_plain(lines: Iterable[Line], stream: TextIO) -> None:
    """Write each line whole, however long: logs are searched, not looked at."""
    for each in lines:
        stream.write(_encodable(each.text, stream) + "\n")


def write_styled(lines: Iterable[Line], stream: TextIO, *, width: int, color: bool) -> None:
    """Write lines that fit the terminal. Rich gets finished text only and reads none of it as markup."""
    from rich.console import Console
    from rich.text import Text

    console = Console(
        file=stream,
        width=width,
        color_system="standard" if color else None,
        force_terminal=color,
        no_color=not color,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        _environ={},  # the caller has looked at the environment already; the same run gives the same bytes
    )

    def wrapped() -> Iterator[Text]:
        for each in lines:
            text = Text()
            for span in each.spans:
                text.append(_encodable(span.text, stream), _STYLES[span.style])
            parts = [text]
            if text.cell_len > width - each.indent:
                parts = list(text.wrap(console, max(width - max(each.indent, each.hang), _NARROWEST)))
            for number, part in enumerate(parts):
                part.rstrip()
                yield Text(" " * (each.hang if number else each.indent)) + part

    pieces = wrapped()
    while batch := list(islice(pieces, _BATCH)):
        console.print(Text("\n").join(batch), soft_wrap=True)


def _encodable(text: str, stream: TextIO) -> str:
    """Return text that the stream can take: terminals that know no UTF-8 get signs that they know."""
    encoding = stream.encoding or "utf-8"
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text
