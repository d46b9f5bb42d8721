"""The reporter `history`: lines are added whole or not at all, to files of its own only."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from assay_reporter_history import HistoryOptions, HistoryReporter
from assay_reporter_history.lines import COLUMNS

from assay_core.contracts import Receipt, Reporter
from assay_core.errors import AssayError, ServiceError
from assay_core.model import Attempt, RunReport
from assay_core.run.outputs import Display, ReporterOutputs
from assay_core.testing import (
    HOSTILE_TEXTS,
    MemoryOutputs,
    ReporterContract,
    hostile_run,
    make_finding,
    make_result,
    make_run,
)


class TestCsv(ReporterContract):
    @pytest.fixture
    def reporter(self) -> Reporter:
        return HistoryReporter()


class TestParquet(ReporterContract):
    binary = True

    @pytest.fixture
    def reporter(self) -> Reporter:
        return HistoryReporter(HistoryOptions(format="parquet"))


def append(path: Path, run: RunReport, options: HistoryOptions | None = None) -> Receipt:
    """Report as a run does: into a real file."""
    reporter = HistoryReporter(options)
    outputs = ReporterOutputs(
        main=str(path), folder=Path(), display=Display(stream=io.StringIO()), appends=reporter.appends
    )
    return reporter.report(run, outputs)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [*csv.DictReader(stream)]


def two_rows() -> RunReport:
    attempts = tuple(Attempt(number=at, status="fail", message="", episode_id=f"e{at}") for at in (1, 2, 3))
    failed = make_result(
        test_id="greets", status="fail", score=0.25, attempts=attempts, findings=(make_finding(), make_finding())
    )
    return make_run([failed, make_result(test_id="policy:e1", kind="policy", score=None)], run_id=7, suite="shop")


PARQUET = HistoryOptions(format="parquet", label="abc")


def test_a_line_per_row_says_what_became_of_it() -> None:
    outputs = MemoryOutputs()

    receipt = HistoryReporter(HistoryOptions(label="abc")).report(two_rows(), outputs)

    first, second = csv.DictReader(io.StringIO(outputs.files[""].decode()))
    wanted = {"run_id": "7", "label": "abc", "suite": "shop", "test_id": "greets", "status": "fail", "score": "0.25"}
    assert {key: first[key] for key in wanted} == wanted
    assert (first["reason"], first["findings"], first["attempts"]) == (make_finding().code, "2", "3")
    assert (second["kind"], second["score"], second["attempts"]) == ("policy", "", "1")
    assert receipt == Receipt(files=("history.csv",))


@pytest.mark.parametrize("options", [HistoryOptions(label="abc"), PARQUET], ids=["csv", "parquet"])
def test_runs_are_added_one_after_the_other(tmp_path: Path, options: HistoryOptions) -> None:
    path = tmp_path / "history"

    for _ in range(3):
        append(path, two_rows(), options)

    frame = pl.read_parquet(path) if options.format == "parquet" else pl.read_csv(path)
    assert frame.columns == [*COLUMNS]
    assert frame["test_id"].to_list() == ["greets", "policy:e1"] * 3
    assert frame["score"].to_list() == [0.25, None] * 3


def test_parquet_keeps_the_types_and_what_is_absent(tmp_path: Path) -> None:
    path = tmp_path / "h.parquet"
    append(path, make_run(exit_code=2, reason_code="E_CFG_PARSE", message="broken"), PARQUET)
    append(path, two_rows(), PARQUET)

    frame = pl.read_parquet(path)

    assert [frame.schema[name] for name in ("run_id", "score", "label")] == [pl.Int64, pl.Float64, pl.String]
    assert frame["duration_ms"].null_count() == 3
    assert frame.row(0, named=True)["status"] == "error"


@pytest.mark.parametrize("format_name", ["csv", "parquet"])
def test_a_run_that_ended_early_is_a_line_too(tmp_path: Path, format_name: str) -> None:
    path = tmp_path / "h"
    options = HistoryOptions(format=format_name)  # type: ignore[arg-type]  # one of the two

    append(path, make_run(exit_code=2, reason_code="E_CFG_PARSE", message="broken"), options)

    frame = pl.read_csv(path) if format_name == "csv" else pl.read_parquet(path)
    assert frame.select("exit_code", "reason_code").rows() == [(2, "E_CFG_PARSE")]


@pytest.mark.parametrize("format_name", ["csv", "parquet"])
@pytest.mark.parametrize("there", [b"a,b\n1,2\n", b"PAR1", b"\x00" * 100, b"run_id", b'{"prompt": "x"}\n'])
def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path, format_name: str, there: bytes) -> None:
    path = tmp_path / "h"
    path.write_bytes(there)

    with pytest.raises(ServiceError) as told:
        append(path, two_rows(), HistoryOptions(format=format_name))  # type: ignore[arg-type]  # one of the two

    assert told.value.code == "E_IO"
    assert path.read_bytes() == there
    assert [each.name for each in tmp_path.iterdir()] == ["h"]


@pytest.mark.parametrize("first", ["csv", "parquet"])
def test_the_two_formats_do_not_mix(tmp_path: Path, first: str) -> None:
    path = tmp_path / "h"
    one, other = HistoryOptions(), PARQUET
    append(path, two_rows(), one if first == "csv" else other)
    before = path.read_bytes()

    with pytest.raises(AssayError):
        append(path, two_rows(), other if first == "csv" else one)

    assert path.read_bytes() == before


def test_parquet_with_other_columns_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "h.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    before = path.read_bytes()

    with pytest.raises(ServiceError):
        append(path, two_rows(), PARQUET)

    assert path.read_bytes() == before


def test_a_last_line_without_its_end_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    append(path, two_rows())
    path.write_bytes(path.read_bytes().rstrip(b"\n"))

    append(path, two_rows())

    assert [line["test_id"] for line in read_csv(path)] == ["greets", "policy:e1"] * 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(tmp_path: Path, text: str) -> None:
    path = tmp_path / "h.csv"

    append(path, make_run([make_result(test_id=text)], suite=text), HistoryOptions(label=text))

    (line,) = read_csv(path)
    assert [line[name] for name in ("test_id", "suite", "label")] == [f"'{text}"] * 3


def test_hostile_names_take_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"

    append(path, hostile_run())

    assert len(path.read_text(encoding="utf-8").splitlines()) == 1 + len(HOSTILE_TEXTS)
    assert len(read_csv(path)) == len(HOSTILE_TEXTS)


def test_file_is_the_golden_one(golden: Callable[[str, bytes], None]) -> None:
    outputs = MemoryOutputs()

    HistoryReporter(HistoryOptions(label="abc")).report(two_rows(), outputs)

    golden("history.csv", outputs.files[""])
