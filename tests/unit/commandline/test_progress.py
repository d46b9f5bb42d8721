"""Progress is for people who watch."""

from __future__ import annotations

import io

from assay_core.commandline import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_written_where_nobody_watches() -> None:
    pipe, quiet = io.StringIO(), Terminal()

    with Progress("episodes", 3, stream=pipe) as first, Progress("episodes", 3, stream=quiet, quiet=True) as second:
        first.advance()
        second.advance()

    assert (pipe.getvalue(), quiet.getvalue()) == ("", "")


def test_the_line_counts_up_and_is_wiped() -> None:
    terminal, clock = Terminal(), Clock()

    with Progress("episodes", 1200, stream=terminal, now=clock) as progress:
        progress.advance(1000)
        clock.now = 0.1
        progress.advance(100)  # too soon to be shown
        clock.now = 0.3
        progress.advance(100)

    assert terminal.getvalue() == "\repisodes 1,000/1,200\repisodes 1,200/1,200\r" + " " * 20 + "\r"


def test_the_line_is_wiped_after_an_error_too() -> None:
    terminal = Terminal()

    try:
        with Progress("a\x1b[2Jb", stream=terminal) as progress:
            progress.advance()
            raise KeyError
    except KeyError:
        pass

    assert terminal.getvalue() == "\ra\\x1b[2Jb 1\r" + " " * 11 + "\r"


def test_a_terminal_that_goes_away_does_not_end_the_run() -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with Progress("episodes", stream=Gone()) as progress:
        progress.advance()
        progress.advance()
