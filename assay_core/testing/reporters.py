"""The contract of reporters, as tests to inherit."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Iterator
from typing import BinaryIO, ClassVar, TextIO

import attrs
import pytest

from assay_core.contracts import Receipt, Reporter
from assay_core.errors import AssayError
from assay_core.model import MetricRow, Notice, Outcome, RunReport, SourcePlace
from assay_core.testing.contract import PluginContract
from assay_core.testing.factories import make_finding, make_result, make_run
from assay_core.testing.hostile import HOSTILE_TEXTS, UNSAFE_ON_TERMINALS

__all__ = ["ClosedOutputs", "MemoryOutputs", "ReporterContract", "hostile_run"]


class MemoryOutputs:
    """Where a reporter writes, kept in memory: `files` by name, "" for the main output."""

    def __init__(self, *, color: bool = False, width: int = 80, quiet: bool = False, verbose: int = 0) -> None:
        self.color = color
        self.width = width
        self.quiet = quiet
        self.verbose = verbose
        self.files: dict[str, bytes] = {}
        self._terminal = io.StringIO()

    @contextlib.contextmanager
    def open(self, name: str = "") -> Iterator[BinaryIO]:
        """Keep what was written when the block ends without an error."""
        sink = io.BytesIO()
        yield sink
        self.files[name] = sink.getvalue()

    def terminal(self) -> TextIO:
        """Return the stream for people."""
        return self._terminal

    @property
    def terminal_text(self) -> str:
        """What people saw."""
        return self._terminal.getvalue()


class _ClosedSink(io.RawIOBase):
    """A sink on a full disk."""

    def writable(self) -> bool:
        """Promise it, and break the promise when it counts."""
        return True

    def write(self, _: object) -> int:
        """Fail."""
        raise OSError(28, "no space left on device")


class ClosedOutputs(MemoryOutputs):
    """Outputs on which no file can be written."""

    @contextlib.contextmanager
    def open(self, name: str = "") -> Iterator[BinaryIO]:  # noqa: ARG002 - the protocol's signature
        """Return a sink that refuses every byte."""
        yield _ClosedSink()  # type: ignore[misc]  # enough of a BinaryIO for a writer


def hostile_run() -> RunReport:
    """Return a failed run in which every string is hostile."""
    rows = []
    for number, text in enumerate(HOSTILE_TEXTS):
        place = SourcePlace(text or "trace.jsonl", number)
        finding = make_finding(
            code="E_TOOL_DENIED",
            message=text or "m",
            rule=text,
            source=place,
            test_id=f"{number}{text}",
            episode_id=text,
            tool=text,
            pointer="/" + text,
        )
        metric = MetricRow(
            type=text or "metric", outcome=Outcome.VIOLATED, score=0.0, details={text: [text, {text: text}]}
        )
        rows.append(
            make_result(
                test_id=f"{number}{text}",
                message=text,
                prompt=text,
                findings=(finding,),
                metrics=(metric,),
                episode_ids=(text,),
                source=place,
                skip_reason=text,
                details={text: text},
            )
        )
    hostile = HOSTILE_TEXTS[3]
    return make_run(
        rows,
        suite=hostile,
        message=hostile,
        next_step=hostile,
        policy_name=hostile,
        config_file=hostile,
        trace_file=hostile,
        notices=(Notice(code="W_CFG_UNUSED", message=hostile),),
    )


class ReporterContract(PluginContract):
    """Supply the fixture `reporter`; `main_output` names the file it writes to when the user names none."""

    group: ClassVar[str] = "assay.reporters"
    driver_fixture: ClassVar[str] = "reporter"

    @pytest.fixture
    def reporter(self) -> Reporter:
        """The reporter under test."""
        raise NotImplementedError("write a fixture `reporter` that returns your reporter")

    @pytest.fixture(params=["empty", "passed", "failed", "error", "hostile"])
    def run(self, request: pytest.FixtureRequest) -> RunReport:
        """Runs of every kind."""
        return _runs()[request.param]

    def test_the_same_run_gives_the_same_bytes(self, reporter: Reporter, run: RunReport) -> None:
        """Deterministic: a report that differs cannot be compared."""
        first, second = MemoryOutputs(), MemoryOutputs()

        receipts = [reporter.report(run, outputs) for outputs in (first, second)]

        assert first.files == second.files
        assert first.terminal_text == second.terminal_text
        assert receipts[0] == receipts[1]

    def test_every_kind_of_run_is_reported(self, reporter: Reporter, run: RunReport) -> None:
        """Something is written, to a file or to the terminal, and the receipt is one."""
        outputs = MemoryOutputs()

        receipt = reporter.report(run, outputs)

        assert isinstance(receipt, Receipt)
        assert receipt.omitted >= 0
        assert outputs.files or outputs.terminal_text

    def test_files_are_valid_utf8_with_plain_names(self, reporter: Reporter, run: RunReport) -> None:
        """Half surrogates of a trace reach no file, and no file name leaves the folder."""
        outputs = MemoryOutputs()

        reporter.report(run, outputs)

        for name, data in outputs.files.items():
            assert not {"/", "\\", "\x00"} & set(name)
            if not self.binary:
                data.decode("utf-8")

    binary: ClassVar[bool] = False  # True: the main output is no text

    def test_terminal_shows_no_raw_control_or_bidi_characters(self, reporter: Reporter) -> None:
        """Without colour nothing of a trace may move the cursor, hide text or turn it around."""
        outputs = MemoryOutputs(color=False)

        reporter.report(hostile_run(), outputs)

        assert not sorted(UNSAFE_ON_TERMINALS & set(outputs.terminal_text))

    def test_the_run_is_not_changed(self, reporter: Reporter, run: RunReport) -> None:
        """The next reporter gets the same."""
        before = copy.deepcopy(run)

        reporter.report(run, MemoryOutputs())

        assert attrs.asdict(run) == attrs.asdict(before)

    def test_a_sink_that_fails_is_not_taken_for_a_report(self, reporter: Reporter) -> None:
        """A receipt for what was never written would be a lie."""
        written = MemoryOutputs()
        reporter.report(_runs()["failed"], written)
        if not written.files:
            pytest.skip("the reporter writes no file")

        with pytest.raises((OSError, AssayError)):
            reporter.report(_runs()["failed"], ClosedOutputs())

    def test_narrow_and_quiet_terminals_are_fine(self, reporter: Reporter) -> None:
        """A terminal of one column, colours on, quiet or verbose: no crash."""
        for outputs in (
            MemoryOutputs(width=1),
            MemoryOutputs(color=True, verbose=2),
            MemoryOutputs(quiet=True, width=10_000),
        ):
            assert isinstance(reporter.report(_runs()["failed"], outputs), Receipt)


def _runs() -> dict[str, RunReport]:
    failed = [make_result(), make_result(test_id="policy:e1", kind="policy", findings=(make_finding(),))]
    broken = make_run(
        exit_code=2, reason_code="E_CFG_PARSE", message="expected a string", next_step="correct it", config_file=None
    )
    return {
        "empty": make_run(),
        "passed": make_run([make_result(), make_result(test_id="t2", status="skipped", score=None)]),
        "failed": make_run(failed),
        "error": broken,
        "hostile": hostile_run(),
    }
