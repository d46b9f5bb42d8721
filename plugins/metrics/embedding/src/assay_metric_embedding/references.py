"""Reference traces: read by any importer, each text once, with the place it stands at."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import cast

import attrs

from assay_core.contracts import CheckContext, Importer, ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, Expectation, Limits, SourcePlace
from assay_core.trace import FileSource
from assay_metric_embedding.embedding import TextVectors
from assay_metric_embedding.neighbours import IndexChoice, Neighbours
from assay_metric_embedding.results import refuse

__all__ = ["Known", "Nearest", "ReferenceTexts", "read_episodes", "refuse_empty"]


@attrs.frozen(kw_only=True)
class Known:
    """One text of a reference."""

    text: str
    source: SourcePlace
    episode_id: str


@attrs.frozen(kw_only=True)
class Nearest:
    """A known text and how near it is."""

    known: Known
    score: float


def read_episodes(
    files: Sequence[str], format_name: str, expectation: Expectation, context: CheckContext
) -> Iterator[Episode]:
    """Yield the episodes of reference traces, in the order of the files.

    Raises:
        InputError: E_PATH_NOT_FOUND; what the importer raises.
        UsageError: E_PLUGIN_MISSING for an importer that is not installed.
    """
    if not files:
        raise refuse(expectation, "references is empty: name at least one trace", code="E_CFG_VACUOUS")
    importer = cast("Importer", context.driver("assay.importers", format_name))
    for name in files:
        path = context.base_dir / name
        if not path.is_file():
            raise refuse(expectation, f"there is no file {str(path)!r}", code="E_PATH_NOT_FOUND")
        yield from importer.read(FileSource(path, Limits()), ImportReport())


class ReferenceTexts:
    """Texts to look among. Vectors are computed when first looked for. Safe to use from several threads."""

    def __init__(self, known: Sequence[Known], vectors: TextVectors, *, index: IndexChoice) -> None:
        """Keep each text once, the first place it stands at."""
        first: dict[str, Known] = {}
        for each in known:
            first.setdefault(each.text, each)
        self._known = list(first.values())
        self._vectors = vectors
        self._choice: IndexChoice = index
        self._neighbours: Neighbours | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many different texts there are."""
        return len(self._known)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts themselves."""
        return tuple(each.text for each in self._known)

    def nearest(self, text: str, count: int = 1) -> list[Nearest]:
        """Return the nearest known texts, nearest first; ties in the order of the references.

        Raises:
            Deferred, AssayError: as `TextVectors.embed` and `Neighbours`.
        """
        with self._lock:
            if self._neighbours is None:
                rows = [each.row for each in self._vectors.embed(self.texts)]
                self._neighbours = Neighbours(rows, index=self._choice)
        (wanted,) = self._vectors.embed([text])
        found = self._neighbours.nearest(wanted.row, count)
        return [Nearest(known=self._known[each.at], score=each.score) for each in found]


def refuse_empty(expectation: Expectation, what: str) -> InputError:
    """Return the error of references that hold nothing to compare with."""
    return refuse(expectation, f"the references hold no {what}", code="E_CFG_VACUOUS")
