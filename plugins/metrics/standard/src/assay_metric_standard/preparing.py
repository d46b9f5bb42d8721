"""What every metric here does before it sees an episode: read its options, find its files, refuse to be vacuous."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import attrs

from assay_core.contracts import CheckContext
from assay_core.errors import AssayError, InputError
from assay_core.model import Episode, Expectation, MetricResult

__all__ = ["Deterministic", "EachEpisode", "existing_file", "options_of", "placed", "refuse", "vacuous"]

T = TypeVar("T")


class Deterministic:
    """What all metrics here are: pure, quick, and about recorded episodes unless one says otherwise."""

    needs_episode: bool = True
    pure: bool = True
    blocking: bool = False
    needs: frozenset[str] = frozenset()


@attrs.frozen
class EachEpisode:
    """A prepared check that looks at one episode at a time."""

    judge: Callable[[Episode], MetricResult]

    def measure(self, episodes: Sequence[Episode]) -> Sequence[MetricResult]:
        """Return one result per episode, in their order."""
        return list(map(self.judge, episodes))


def options_of(expectation: Expectation, kind: type[T]) -> T:
    """Return the options, which the core structured as `Metric.types` says."""
    if not isinstance(expectation.options, kind):
        raise TypeError(f"{expectation.type} takes {kind.__name__}, not {type(expectation.options).__name__}")
    return expectation.options


def vacuous(expectation: Expectation, message: str, remedy: str = "") -> InputError:
    """Return the error of a check that could never fail."""
    return refuse(expectation, message, remedy, code="E_CFG_VACUOUS")


def refuse(expectation: Expectation, message: str, remedy: str = "", *, code: str = "E_CFG_PARSE") -> InputError:
    """Return an error about the options of a check."""
    return InputError(code=code, message=f"{expectation.type}: {message}", remedy=remedy, place=expectation.place)


def existing_file(expectation: Expectation, context: CheckContext, name: str) -> Path:
    """Return the path of a file that the options name, relative to the file that names it.

    Raises:
        InputError: E_PATH_NOT_FOUND.
    """
    path = context.base_dir / name
    try:
        there = path.is_file()
    except OSError:  # a name that is too long, a folder that may not be looked into
        there = False
    if not there:
        raise refuse(expectation, f"there is no file {str(path)!r}", code="E_PATH_NOT_FOUND")
    return path


@contextmanager
def placed(expectation: Expectation) -> Iterator[None]:
    """Let errors about values inside the options stand at the expectation, where they know no line themselves."""
    try:
        yield
    except AssayError as error:
        for each in (error, *error.others):
            if each.place is None or not each.place.line:
                each.place = expectation.place
        raise
