"""Rows of a report: in memory while they are few, in an unnamed temporary file when they are many."""

from __future__ import annotations

import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, overload

import msgspec

from assay_core.model import Attempt, Finding, MetricRow, Outcome, ResultRow, SourcePlace

__all__ = ["FindingsOf", "RowSpool"]

IN_MEMORY = 10_000

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class RowSpool(Sequence[ResultRow]):
    """Result rows, sorted by test id once `seal` was called; can be walked as often as one likes.

    Up to `keep` rows are kept as they are. Beyond that all rows lie in a temporary file that no other process
    can open, and only their ids and offsets stay in memory.
    """

    def __init__(self, keep: int = IN_MEMORY) -> None:
        self._keep = keep
        self._rows: list[ResultRow] = []
        self._ids: list[str] = []
        self._offsets = array("Q", [0])
        self._order: Sequence[int] | None = None
        self._file: BinaryIO | None = None

    def append(self, row: ResultRow) -> None:
        """Add a row. Rows may come in any order."""
        if self._order is not None:
            raise ValueError("the spool is sealed")
        self._ids.append(row.test_id)
        if self._file is None and len(self._rows) < self._keep:
            self._rows.append(row)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="assay-rows-")  # noqa: SIM115 - lives as long as the report
            weakref.finalize(self, self._file.close)
            for each in self._rows:
                self._write(each)
            self._rows = []
        self._write(row)

    def seal(self) -> None:
        """Sort by test id; equal ids keep their order. No row can be added afterwards."""
        ids = self._ids
        if all(ids[at] <= ids[at + 1] for at in range(len(ids) - 1)):
            self._order = range(len(ids))
        else:
            self._order = sorted(range(len(ids)), key=ids.__getitem__)
        self._ids = []

    def __len__(self) -> int:
        """Return the exact number of rows."""
        return len(self._order) if self._order is not None else len(self._ids)

    def __iter__(self) -> Iterator[ResultRow]:
        """Walk the rows in the order of their ids."""
        order = self._order if self._order is not None else range(len(self._ids))
        return map(self._row, order)

    @overload
    def __getitem__(self, index: int) -> ResultRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ResultRow]: ...
    def __getitem__(self, index: int | slice) -> ResultRow | Sequence[ResultRow]:
        """Return one row, or a list of some."""
        order = self._order if self._order is not None else range(len(self._ids))
        if isinstance(index, slice):
            return [self._row(at) for at in order[index]]
        return self._row(order[index])

    def _write(self, row: ResultRow) -> None:
        data = _encode(row)
        assert self._file is not None  # noqa: S101 - for the type checker
        self._file.write(data)
        self._offsets.append(self._offsets[-1] + len(data))

    def _row(self, at: int) -> ResultRow:
        if self._file is None:
            return self._rows[at]
        start, end = self._offsets[at], self._offsets[at + 1]
        self._file.seek(start)
        return _rebuilt(_decode(self._file.read(end - start)))


class FindingsOf(Sequence[Finding]):
    """The findings of all rows, in the order of the rows; walks the rows anew each time."""

    def __init__(self, rows: Sequence[ResultRow], count: int) -> None:
        self._rows = rows
        self._count = count

    def __len__(self) -> int:
        """Return the exact number of findings."""
        return self._count

    def __iter__(self) -> Iterator[Finding]:
        """Walk the findings."""
        for row in self._rows:
            yield from row.findings

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | Sequence[Finding]:
        """Return one finding, or a list of some; slow for large indexes, so iterate instead."""
        return list(self)[index]


def _rebuilt(data: dict[str, Any]) -> ResultRow:  # Any: what msgpack gives back
    """Make a row from what `_encode` made of one."""
    data["source"] = _place(data["source"])
    data["findings"] = tuple(Finding(**{**each, "source": _place(each["source"])}) for each in data["findings"])
    data["metrics"] = tuple(_metric(each) for each in data["metrics"])
    data["attempts"] = tuple(Attempt(**each) for each in data["attempts"])
    data["episode_ids"] = tuple(data["episode_ids"])
    return ResultRow(**data)


def _metric(data: dict[str, Any]) -> MetricRow:  # Any: what msgpack gives back
    return MetricRow(**{**data, "outcome": Outcome(data["outcome"]), "scores": tuple(data["scores"])})


def _place(data: dict[str, Any] | None) -> SourcePlace | None:  # Any: what msgpack gives back
    return None if data is None else SourcePlace(**data)
