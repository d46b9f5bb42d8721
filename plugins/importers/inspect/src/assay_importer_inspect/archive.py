"""`.eval` files: zip archives with a JSON file a sample. Read in memory, checked before anything is decompressed.

The standard library reads the directory; members are read here, because Inspect compresses with Zstandard (method 93),
which `zipfile` of Python 3.11 to 3.13 does not know. Nothing is ever written to disk.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

import zstandard

from assay_core.contracts import BinarySource
from assay_core.errors import InputError, Place
from assay_importer_inspect.strict import SAMPLE_TIMES

__all__ = ["Archive", "open_archive"]

MAX_MEMBERS = 200_000
MAX_TOTAL_BYTES = 8 * 1024**3  # of all members, decompressed; one at a time is held
MAX_RATIO = 2000  # DEFLATE reaches 1032; logs, which repeat themselves, a few hundred
MAX_DIRECTORY_BYTES = 32 * 1024**2

_STORED, _DEFLATED, _ZSTD = 0, 8, 93
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
_WINDOW = 1 << 27  # the most that a decompressor may hold
_SMALL = 1024 * 1024  # what is smaller may be compressed as well as it likes
_LOCAL = struct.Struct("<4s5H3I2H")
_UNSOUND = (zipfile.BadZipFile, struct.error, ValueError, OverflowError, NotImplementedError, EOFError, OSError)


class Archive:
    """The members of an archive that is within the limits."""

    def __init__(self, stream: BinaryIO, source: BinarySource) -> None:
        """Read the directory.

        Raises:
            InputError: E_TRACE_INVALID, E_TRACE_LIMIT.
        """
        self._stream = stream
        self._source = source
        self._size = stream.seek(0, 2)
        try:
            with zipfile.ZipFile(_Bounded(stream, source)) as found:
                infos = found.infolist()
        except _UNSOUND as error:
            raise _invalid(source, f"the archive cannot be read: {error}") from error
        self._infos: dict[str, zipfile.ZipInfo] = {}
        _check(infos, self._size, source)
        for info in infos:
            if info.filename in self._infos:
                self._fail(f"the archive holds {info.filename!r} twice")
            self._infos[info.filename] = info

    def names(self) -> Iterator[str]:
        """Yield the names in the order of the directory."""
        yield from self._infos

    def read(self, name: str) -> bytes:
        """Return the bytes of a member, which are as many and have the checksum that the directory says.

        Raises:
            InputError: E_TRACE_INVALID, E_TRACE_LIMIT.
        """
        info = self._infos[name]
        limit = SAMPLE_TIMES * self._source.limits.line_bytes
        if max(info.file_size, info.compress_size) > limit:
            message = f"{name} of the archive is longer than {limit} bytes"
            raise InputError(code="E_TRACE_LIMIT", message=message, place=Place(self._source.name))
        packed = self._packed(info)
        try:
            data = _unpacked(packed, info)
        except (zlib.error, zstandard.ZstdError, ValueError) as error:
            raise _invalid(self._source, f"{name} of the archive cannot be decompressed: {error}") from error
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            self._fail(f"{name} of the archive is not what its directory says")
        return data

    def _packed(self, info: zipfile.ZipInfo) -> bytes:
        self._stream.seek(info.header_offset)
        header = self._stream.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            self._fail(f"{info.filename} of the archive is not where its directory says")
        *_, name_length, extra_length = _LOCAL.unpack(header)
        local = self._stream.read(name_length)
        encoding = "utf-8" if info.flag_bits & _UTF8_NAME else "cp437"
        if local != info.orig_filename.encode(encoding, "replace"):
            self._fail(f"{info.filename} of the archive has another name at its place")
        self._stream.seek(extra_length, 1)
        return self._stream.read(info.compress_size)

    def _fail(self, message: str) -> NoReturn:
        raise _invalid(self._source, message)


def open_archive(stream: BinaryIO, source: BinarySource) -> Archive:
    """Return the archive in a stream.

    Raises:
        InputError: E_TRACE_INVALID, E_TRACE_LIMIT.
    """
    return Archive(stream, source)


class _Bounded:
    """The stream as `zipfile` sees it: no single reading, such as that of the directory, may be huge."""

    def __init__(self, stream: BinaryIO, source: BinarySource) -> None:
        self.seek = stream.seek
        self.tell = stream.tell
        self._stream = stream
        self._source = source

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise _limit(self._source, f"the directory of the archive is longer than {MAX_DIRECTORY_BYTES} bytes")
        return self._stream.read(MAX_DIRECTORY_BYTES if size < 0 else size)

    def seekable(self) -> bool:
        return True


def _check(infos: list[zipfile.ZipInfo], size: int, source: BinarySource) -> None:
    """Refuse what is larger than it may be, or tries to be somewhere else, before anything is decompressed."""
    if len(infos) > MAX_MEMBERS:
        raise _limit(source, f"the archive holds more than {MAX_MEMBERS} files")
    if sum(info.compress_size for info in infos) > size:
        raise _invalid(source, "the files of the archive overlap")
    if sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
        raise _limit(source, f"the files of the archive have more than {MAX_TOTAL_BYTES} bytes")
    for info in infos:
        name = info.orig_filename
        if name.startswith("/") or ".." in name.split("/") or any(mark in name for mark in "\\\x00:"):
            raise _invalid(source, f"the archive holds a file whose name leads out of it: {name!r}")
        if not 0 <= info.header_offset < size:
            raise _invalid(source, f"{name} of the archive is not where its directory says")
        if info.flag_bits & _ENCRYPTED:
            raise _invalid(source, f"{name} of the archive is encrypted")
        if info.compress_type not in (_STORED, _DEFLATED, _ZSTD):
            raise _invalid(source, f"{name} of the archive is compressed by method {info.compress_type}")
        if info.file_size > max(_SMALL, MAX_RATIO * info.compress_size):
            raise _limit(source, f"{name} of the archive is compressed more than {MAX_RATIO} times")


def _unpacked(packed: bytes, info: zipfile.ZipInfo) -> bytes:
    """Return at most one byte more than the directory says."""
    bound = info.file_size + 1
    if info.compress_type == _STORED:
        return packed
    if info.compress_type == _DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, bound)
    parts, length = [], 0
    with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(packed, read_across_frames=True) as reader:
        while length < bound and (piece := reader.read(bound - length)):
            parts.append(piece)
            length += len(piece)
    return b"".join(parts)


def _invalid(source: BinarySource, message: str) -> InputError:
    return InputError(code="E_TRACE_INVALID", message=message, place=Place(source.name))


def _limit(source: BinarySource, message: str) -> InputError:
    return InputError(code="E_TRACE_LIMIT", message=message, place=Place(source.name))
