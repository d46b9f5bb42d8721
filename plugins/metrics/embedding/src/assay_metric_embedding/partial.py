"""Vectors that were computed so far, kept beside the output until it is written."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from assay_core.errors import ServiceError
from assay_metric_embedding.vectors import sha256_hex

__all__ = ["Partial"]


class _Line(msgspec.Struct):
    embedder: str
    sha256: str
    row: str  # base64


class Partial:
    """A file `<output>.embeddings-partial` of one vector a line; a torn last line is left out when it is read."""

    def __init__(self, target: Path, embedder: str) -> None:
        self._path = target.with_name(target.name + ".embeddings-partial")
        self._embedder = embedder
        self._rows: dict[str, bytes] = {}
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        try:
            torn = self._read()
            self._file = self._path.open("ab")
            if torn:
                self._file.write(b"\n")
        except OSError as error:
            raise _failed(self._path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if not self._rows:  # nothing was won that would be worth keeping
            self._path.unlink(missing_ok=True)

    def __contains__(self, text: object) -> bool:
        """Tell whether the text's vector is known."""
        return isinstance(text, str) and sha256_hex(text) in self._rows

    def __getitem__(self, text: str) -> bytes:
        """Return the text's vector."""
        return self._rows[sha256_hex(text)]

    def add(self, texts: Sequence[str], rows: Sequence[bytes]) -> None:
        """Keep vectors; they are on disk when this returns.

        Raises:
            ServiceError: E_IO.
        """
        if self._file is None:
            raise ValueError("the file is not open")
        try:
            for text, row in zip(texts, rows, strict=True):
                digest = sha256_hex(text)
                self._rows[digest] = row
                line = _Line(embedder=self._embedder, sha256=digest, row=base64.b64encode(row).decode())
                self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _failed(self._path, error) from error

    def finish(self) -> None:
        """Forget the file: the output holds everything."""
        self._rows.clear()

    def _read(self) -> bool:
        """Read what an earlier run left; tell whether its last line is torn."""
        if not self._path.is_file():
            return False
        data = self._path.read_bytes()
        for line in data.splitlines():
            try:
                read = msgspec.json.decode(line, type=_Line)
                row = base64.b64decode(read.row, validate=True)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
                continue
            if read.embedder == self._embedder and row and len(row) % 4 == 0:
                self._rows[read.sha256] = row
        return bool(data) and not data.endswith(b"\n")


def _failed(path: Path, error: OSError) -> ServiceError:
    why = (error.strerror or type(error).__name__).lower()
    return ServiceError(code="E_IO", message=f"cannot keep vectors in {str(path)!r}: {why}")
