"""Sources: files, and streams spooled to files."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
from pathlib import Path

import pytest

from assay_core.contracts import BinarySource
from assay_core.errors import InputError
from assay_core.model import Limits
from assay_core.trace import FileSource, SpooledSource, open_source, spool_stdin


def test_file_source_opens_more_than_once_and_knows_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"abc")

    source = FileSource(path, name="as-written")

    assert isinstance(source, BinarySource)
    assert (source.name, source.size, source.limits) == ("as-written", 3, Limits())
    for _ in range(2):
        with source.open() as stream:
            assert stream.seekable()
            assert stream.read() == b"abc"
    assert source.digest() == "sha256:" + hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("name", ["missing.jsonl", ".", "a\0b"])
def test_file_source_refuses_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        FileSource(str(tmp_path / name))

    assert caught.value.code == "E_TRACE_NOT_FOUND"


def test_file_source_reports_a_file_that_went_away(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"")
    source = FileSource(path)
    path.unlink()

    with pytest.raises(InputError, match=r"cannot be read") as caught:
        source.open()

    assert caught.value.code == "E_TRACE_NOT_FOUND"


def test_spooled_source_holds_the_stream_until_it_is_closed() -> None:
    with SpooledSource(io.BytesIO(b"x" * 3_000_000), "<stdin>") as source:
        copy = source.path
        with source.open() as first, source.open() as second:
            assert first.read() == second.read() == b"x" * 3_000_000
        assert source.name == "<stdin>"

    assert not copy.exists()
    source.close()


def test_spooled_source_leaves_nothing_when_the_stream_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            raise OSError("gone")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="gone"):
        SpooledSource(Broken(), "<stdin>")  # type: ignore[arg-type]  # it reads like one

    assert list(tmp_path.iterdir()) == []


def test_standard_input_is_spooled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"tool":"a"}\n')))

    with spool_stdin(Limits(depth=3)) as source, source.open() as stream:
        assert stream.read() == b'{"tool":"a"}\n'
        assert (source.name, source.limits.depth) == ("<stdin>", 3)


def test_absent_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(InputError) as caught:
        open_source("-")

    assert caught.value.code == "E_TRACE_NOT_FOUND"


def test_open_source_spools_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"data"))
    writer.start()

    source = open_source(str(pipe))
    writer.join()

    assert isinstance(source, SpooledSource)
    with source, source.open() as stream:
        assert stream.read() == b"data"


def test_open_source_takes_a_file_and_names_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"1")

    assert open_source(str(path)).size == 1
    with pytest.raises(InputError, match="cannot be read"):
        open_source(str(tmp_path / "none"))
