"""The contract of importers, as tests to inherit."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Sequence
from typing import BinaryIO, ClassVar

import pytest

from assay_core.contracts import Importer, ImportReport
from assay_core.errors import AssayError
from assay_core.model import Episode, Limits
from assay_core.testing.contract import PluginContract

__all__ = ["ImporterContract", "MemorySource"]

_HEAD = 64 * 1024


class MemorySource:
    """Bytes in memory, as a source that an importer can open; it counts what is left open."""

    def __init__(self, data: bytes, name: str = "sample.jsonl") -> None:
        self.name = name
        self.size: int | None = len(data)
        self.limits = Limits()
        self._data = data
        self._opened: list[BinaryIO] = []

    def open(self) -> BinaryIO:
        """Return a new stream at the start of the bytes."""
        self._opened.append(io.BytesIO(self._data))
        return self._opened[-1]

    @property
    def left_open(self) -> int:
        """How many streams nobody closed."""
        return sum(not each.closed for each in self._opened)


class ImporterContract(PluginContract):
    """Supply the fixtures `importer` and `sample`: the bytes of a small, valid trace with at least one episode."""

    group: ClassVar[str] = "assay.importers"
    driver_fixture: ClassVar[str] = "importer"

    @pytest.fixture
    def importer(self) -> Importer:
        """The importer under test."""
        raise NotImplementedError("write a fixture `importer` that returns your importer")

    @pytest.fixture
    def sample(self) -> bytes:
        """A small, valid trace."""
        raise NotImplementedError("write a fixture `sample` that returns the bytes of a small, valid trace")

    def test_formats_are_distinct_names(self, importer: Importer) -> None:
        """`--format` takes each of them."""
        assert importer.formats
        assert len(set(importer.formats)) == len(importer.formats)
        assert all(name == name.strip() and name for name in importer.formats)

    def test_sniff_knows_its_own_format_and_answers_the_same_twice(self, importer: Importer, sample: bytes) -> None:
        """Sure of its own sample, from 1 to 100."""
        sure = importer.sniff(sample[:_HEAD])

        assert 1 <= sure <= 100
        assert importer.sniff(sample[:_HEAD]) == sure

    def test_sniff_never_raises_whatever_the_bytes(self, importer: Importer, sample: bytes) -> None:
        """Any file may be offered."""
        for data in _damaged(sample):
            assert 0 <= importer.sniff(data[:_HEAD]) <= 100

    def test_read_gives_the_same_episodes_twice(self, importer: Importer, sample: bytes) -> None:
        """Deterministic, and free of state from the first reading."""
        first = _read(importer, MemorySource(sample))

        assert first
        assert _read(importer, MemorySource(sample)) == first

    def test_read_streams_instead_of_collecting(self, importer: Importer, sample: bytes) -> None:
        """An iterator: memory grows with the largest open episode, not with the file."""
        episodes = importer.read(MemorySource(sample), ImportReport())

        assert isinstance(episodes, Iterator)
        assert isinstance(next(episodes), Episode)

    def test_read_closes_what_it_opened(self, importer: Importer, sample: bytes) -> None:
        """At the end of the trace, and when the reader stops early."""
        whole, stopped = MemorySource(sample), MemorySource(sample)

        _read(importer, whole)
        episodes = importer.read(stopped, ImportReport())
        next(episodes)
        getattr(episodes, "close", lambda: None)()

        assert (whole.left_open, stopped.left_open) == (0, 0)

    def test_episodes_have_distinct_ids_numbered_calls_and_their_source(
        self, importer: Importer, sample: bytes
    ) -> None:
        """What findings point to."""
        episodes = _read(importer, MemorySource(sample, "named-by-the-user"))

        assert len({episode.id for episode in episodes}) == len(episodes)
        for episode in episodes:
            assert episode.id
            assert episode.source.file == "named-by-the-user"
            assert [call.index for call in episode.tool_calls] == list(range(len(episode.tool_calls)))

    def test_report_counts_what_was_read(self, importer: Importer, sample: bytes) -> None:
        """Nothing is left out in silence."""
        report = ImportReport()

        list(importer.read(MemorySource(sample), report))

        assert report.records > 0
        assert all(count > 0 for count in report.dropped.values())

    def test_an_empty_file_gives_no_episode(self, importer: Importer) -> None:
        """Nothing, or an error on purpose; never a made-up episode."""
        try:
            assert _read(importer, MemorySource(b"")) == []
        except AssayError as error:
            assert error.code.startswith("E_")  # noqa: PT017 - both endings are right

    def test_damaged_bytes_are_errors_on_purpose_or_episodes(self, importer: Importer, sample: bytes) -> None:
        """Truncated, flipped, doubled or random: never another exception than an AssayError."""
        for data in _damaged(sample):
            source = MemorySource(data)
            try:
                episodes = _read(importer, source)
            except AssayError as error:
                assert error.code.startswith("E_")  # noqa: PT017 - both endings are right
            else:
                assert all(isinstance(each, Episode) for each in episodes)
            assert source.left_open == 0


def _read(importer: Importer, source: MemorySource) -> list[Episode]:
    return list(importer.read(source, ImportReport()))


def _damaged(sample: bytes) -> Sequence[bytes]:
    """Return damaged copies of a sample and bytes that never were a trace; the same ones every time."""
    random_source = random.Random(7)  # noqa: S311 - reproducible, not secret
    result = [
        b"",
        b"\x00",
        b"\n\n\n",
        b"\xff\xfe\x00",
        b"{" * 300,
        b"[" * 100_000,
        b'"' + b"x" * 70_000,
        b"null\n",
        b"0\n",
    ]
    result += [b"PK\x03\x04" + sample, b"\xef\xbb\xbf" + sample, sample + b"\x00", sample.replace(b"\n", b"\r")]
    result += [sample[: len(sample) * part // 8] for part in range(1, 8)]
    result += [random_source.randbytes(size) for size in (1, 7, 64, 4096)]
    for _ in range(24):
        flipped = bytearray(sample)
        for _ in range(1 + random_source.randrange(3)):
            flipped[random_source.randrange(len(flipped))] = random_source.randrange(256)
        result.append(bytes(flipped))
    return result
