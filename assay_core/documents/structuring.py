"""From a document to a value of a class, with every mistake at its line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from assay_core.documents.document import Document, ErrorKind
from assay_core.errors import AssayError, InputError
from assay_core.model.json_value import JsonValue

__all__ = ["structure_document", "structure_value"]

T = TypeVar("T")


def structure_document(
    document: Document,
    kind: type[T],
    *,
    path: Sequence[str | int] = (),
    code: str = "E_CFG_PARSE",
    unknown_code: str = "E_CFG_UNKNOWN_KEY",
    error: ErrorKind = InputError,
) -> T:
    """Return the value at a path as an instance of an attrs class.

    Raises:
        AssayError: of class `error`: the first mistake in the order of the file, the rest in `others`.
    """
    value = document.at(path)
    return structure_value(document, value, kind, path=path, code=code, unknown_code=unknown_code, error=error)


def structure_value(
    document: Document,
    value: JsonValue,
    kind: type[T],
    *,
    path: Sequence[str | int] = (),
    code: str = "E_CFG_PARSE",
    unknown_code: str = "E_CFG_UNKNOWN_KEY",
    error: ErrorKind = InputError,
) -> T:
    """Do the same for a value that was changed after it was read; `path` says where it stood.

    Raises:
        AssayError: as `structure_document`.
    """
    from assay_core.convert import StructureError, structure

    try:
        return structure(value, kind)
    except StructureError as reason:
        found = [_as_error(document, problem, tuple(path), code, unknown_code, error) for problem in reason.problems]
        found.sort(key=lambda each: (each.place.line, each.place.column) if each.place else (0, 0))
        first = found[0]
        first.others = tuple(found[1:])
        raise first from None


def _as_error(
    document: Document, problem: object, path: tuple[str | int, ...], code: str, unknown_code: str, error: ErrorKind
) -> AssayError:
    from assay_core.convert import Problem

    assert isinstance(problem, Problem)  # noqa: S101 - narrows the type; `structure` raises nothing else
    unknown = problem.key is not None
    place = document.place((*path, *problem.path), key=unknown)
    hint = f"; did you mean {problem.suggestion!r}?" if problem.suggestion else ""
    remedy = f"write {problem.suggestion!r}, or delete the key" if unknown and problem.suggestion else ""
    where = _dotted(problem.path) if not unknown else ""
    message = f"{where}: {problem.message}{hint}" if where else f"{problem.message}{hint}"
    return error(code=unknown_code if unknown else code, message=message, remedy=remedy, place=place)


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
