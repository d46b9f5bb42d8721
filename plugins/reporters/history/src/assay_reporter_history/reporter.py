"""The reporter `history`: every run adds its lines to one file, for dashboards and notebooks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import BinaryIO, Literal

import attrs

from assay_core.contracts import Outputs, Receipt
from assay_core.errors import ServiceError
from assay_core.model import RunReport
from assay_reporter_history.lines import COLUMNS, Line, lines

__all__ = ["HistoryOptions", "HistoryReporter"]

_FORMULA = ("=", "+", "-", "@")  # a spreadsheet runs cells that begin so


@attrs.frozen(kw_only=True)
class HistoryOptions:
    """Options of the reporter `history`."""

    format: Literal["csv", "parquet"] = "csv"
    label: str = ""  # stands in every line of the run, e.g. a commit or a date


class HistoryReporter:
    """Adds the lines of a run to a CSV or Parquet file, which appears whole or not at all."""

    options_type = HistoryOptions
    appends = True  # the sink holds what was there

    def __init__(self, options: HistoryOptions | None = None) -> None:
        self._options = options or HistoryOptions()
        self.default_output: str | None = f"history.{self._options.format}"

    def report(self, run: RunReport, outputs: Outputs) -> Receipt:
        """Add the lines.

        Raises:
            ServiceError: E_IO, what is there is no history of the same format; it is left as it is.
        """
        found = lines(run, self._options.label)
        with outputs.open() as sink:
            (_add_parquet if self._options.format == "parquet" else _add_csv)(sink, found)
        return Receipt(files=(str(self.default_output),))


def _add_csv(sink: BinaryIO, found: Iterable[Line]) -> None:
    head = _csv_line(COLUMNS)
    sink.seek(0)
    there = sink.read(len(head))
    end = sink.seek(0, io.SEEK_END)
    if there and there != head:
        raise _other("CSV")
    if not there:
        sink.write(head)
    else:
        sink.seek(end - 1)
        if sink.read(1) != b"\n":  # somebody has edited it
            sink.write(b"\n")
    for line in found:
        sink.write(_csv_line(_cell(line[name]) for name in COLUMNS))


def _csv_line(cells: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _add_parquet(sink: BinaryIO, found: Iterable[Line]) -> None:
    import polars as pl

    kinds = {str: pl.String, int: pl.Int64, float: pl.Float64}
    schema = pl.Schema({name: kinds[kind]() for name, kind in COLUMNS.items()})
    frame = pl.DataFrame([{**line} for line in found], schema=schema)
    sink.seek(0)
    if there := sink.read():
        try:
            before = pl.read_parquet(io.BytesIO(there))
        except (pl.exceptions.PolarsError, OSError, ValueError) as reason:
            raise _other("Parquet") from reason
        if before.schema != schema:
            raise _other("Parquet")
        frame = pl.concat([before, frame])
    written = io.BytesIO()
    frame.write_parquet(written, compression="zstd", statistics=True)
    sink.seek(0)
    sink.truncate()
    sink.write(written.getvalue())


def _other(format_name: str) -> ServiceError:
    message = f"the file that is there is no history in {format_name}; it was left as it is"
    return ServiceError(code="E_IO", message=message, remedy="name another file: --report history=FILE")
