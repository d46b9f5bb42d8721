"""One pass over a document that collects everything wrong with it instead of stopping at the first mistake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from assay_core.convert import StructureError, structure
from assay_core.documents import Document, structure_value
from assay_core.errors import AssayError, InputError, Place
from assay_core.model.json_value import JsonValue
from assay_core.model.suite import Notice

__all__ = ["Reading"]

T = TypeVar("T")
Path = tuple[str | int, ...]


class Reading:
    """What was found wrong, and what is worth a notice.

    Args:
        document: What is read.
        lenient: True: an unknown key is a notice, not an error.
    """

    def __init__(self, document: Document, *, lenient: bool = False) -> None:
        self.document = document
        self.notices: list[Notice] = []
        self._errors: list[AssayError] = []
        self._lenient = lenient

    def structure(self, value: JsonValue, kind: type[T], path: Path) -> T | None:
        """Return the value as `kind`; None where it is wrong, which is remembered."""
        if self._lenient:
            value = self._without_unknown_keys(value, kind, path)
        try:
            return structure_value(self.document, value, kind, path=path)
        except AssayError as error:
            self.add(error)
            return None

    def fail(self, code: str, message: str, path: Path, *, key: bool = False, remedy: str = "") -> None:
        """Remember an error at a path."""
        place = self.document.place(path, key=key)
        self._errors.append(InputError(code=code, message=message, remedy=remedy, place=place))

    def add(self, error: AssayError, path: Path | None = None) -> None:
        """Remember an error that was raised; one without a place gets that of the path."""
        for each in (error, *error.others):
            if each.place is None and path is not None:
                each.place = self.document.place(path)
            self._errors.append(each)
        error.others = ()

    def note(self, code: str, message: str, path: Path, *, key: bool = False) -> None:
        """Remember a notice at a path."""
        self.notices.append(Notice(code=code, message=message, place=self.document.place(path, key=key)))

    def finish(self) -> None:
        """Raise the first error in the order of the file, the others with it."""
        if not self._errors:
            return
        first, *others = sorted(self._errors, key=_position)
        first.others = tuple(others)
        raise first

    def _without_unknown_keys(self, value: JsonValue, kind: type[object], path: Path) -> JsonValue:
        """Return the value without its unknown keys, each of which becomes a notice."""
        try:
            structure(value, kind)
        except StructureError as error:
            for problem in error.problems:
                if problem.key is not None:
                    guess = f"; did you mean {problem.suggestion!r}?" if problem.suggestion else ""
                    full = (*path, *problem.path)
                    self.note("W_CFG_LENIENT", f"unknown key {problem.key!r} is ignored{guess}", full, key=True)
                    value = _without(value, problem.path)
        return value


def _without(value: JsonValue, path: Sequence[str | int]) -> JsonValue:
    """Return a copy in which the key at the path is missing."""
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        if not rest:
            return {key: item for key, item in value.items() if key != step}
        return {key: _without(item, rest) if key == step else item for key, item in value.items()}
    if isinstance(value, list) and rest:
        return [_without(item, rest) if index == step else item for index, item in enumerate(value)]
    return value


def _position(error: AssayError) -> tuple[int, int]:
    place = error.place or Place("")
    return place.line, place.column
