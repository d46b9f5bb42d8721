"""The gzip around the tar. Its header is fixed to the byte; what we write carries the hash of all that follows it.

Deflate lets the same content be spelt in many ways, so a changed byte can decompress to the same content. The hash in
the header's extra field makes any change of an archive of ours visible. Archives of others have no such field: there
the spare bits behind the stream must be zero, and a spelling that gives the same content passes, with the same content.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from isal import isal_zlib

from assay_reporter_evidence.bundle.failure import BundleError
from assay_reporter_evidence.bundle.limits import Limits

__all__ = ["ISAL_LEVEL", "Decompressed", "GzipSink"]

ISAL_LEVEL: Final = 2  # of isal's 0 to 3: 4.7 times smaller at 900 MB/s
_PLAIN: Final = bytes.fromhex("1f8b08000000000002ff")  # no flags, no time, XFL 2, system 255
_HASHED: Final = bytes.fromhex("1f8b08040000000002ff") + b"\x24\x00AY\x20\x00"  # FEXTRA: one subfield AY of 32 bytes
_HASH_BYTES: Final = 32
_CHUNK: Final = 1 << 16
_OUT: Final = 1 << 18  # how much is taken out at once
_UNJUDGED: Final = 16 * 1024 * 1024  # decompressed bytes below which any ratio may be honest


class GzipSink:
    """Compresses into a seekable stream. The same bytes give the same archive with one version of the compressor."""

    def __init__(self, stream: BinaryIO, *, plain: bool) -> None:
        """Begin an archive; `plain` leaves out the hash, as the Rust project's verifier wants the header."""
        self._stream = stream
        self._hash = None if plain else hashlib.sha256()
        self._compressor = isal_zlib.compressobj(ISAL_LEVEL, isal_zlib.DEFLATED, -15)
        self._crc = 0
        self._size = 0
        self._start = stream.tell()
        stream.write(_PLAIN if plain else _HASHED + bytes(_HASH_BYTES))

    def write(self, data: bytes) -> None:
        """Compress bytes."""
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._put(self._compressor.compress(data))

    def close(self) -> None:
        """End the archive, and write the hash into its header; the stream stays open at its end."""
        self._put(self._compressor.flush())
        self._put(self._crc.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little"))
        if self._hash is not None:
            self._stream.seek(self._start + len(_HASHED))
            self._stream.write(self._hash.digest())
            self._stream.seek(0, 2)

    def _put(self, data: bytes) -> None:
        if data:
            self._stream.write(data)
            if self._hash is not None:
                self._hash.update(data)


class Decompressed:
    """The bytes inside an archive, in order, under its limits. Drained, it has read to the end of the source."""

    DAMAGED = zlib.error  # what reading raises on bytes that are no deflate

    def __init__(self, source: BinaryIO, limits: Limits) -> None:
        """Read the header.

        Raises:
            BundleError: IntegrityGzip, IntegrityTar for what is no archive, LimitBundleBytes.
        """
        self._source = source
        self._limits = limits
        self._stored = 0
        self._decoded = 0
        self._hash = hashlib.sha256()
        self._stated: bytes | None = None
        self._inflater = zlib.decompressobj(-15)
        self._crc = 0
        self._held = bytearray()
        self._chunks = self._inflate(self._read_gzip_header())

    def read(self, count: int) -> bytes:
        """Return exactly `count` bytes, fewer at the end of the archive."""
        while len(self._held) < count and (chunk := next(self._chunks, None)) is not None:
            self._held += chunk
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def pieces(self, count: int) -> Iterator[bytes]:
        """Yield the next `count` bytes in pieces as they come."""
        while count:
            if not self._held:
                chunk = next(self._chunks, None)
                if chunk is None:
                    raise BundleError("IntegrityTar", "the archive ends inside a member")
                self._held += chunk
            taken = bytes(self._held[:count])
            del self._held[:count]
            count -= len(taken)
            yield taken

    def _take(self, count: int) -> bytes:
        data = self._source.read(count)
        self._stored += len(data)
        if self._stored > self._limits.max_bundle_bytes:
            raise BundleError("LimitBundleBytes", f"the bundle is larger than {self._limits.max_bundle_bytes} bytes")
        return data

    def _read_gzip_header(self) -> bytes:
        """Check the header; return what was read behind it."""
        head = self._take(_CHUNK)
        if head.startswith(_HASHED):
            self._stated = head[len(_HASHED) : len(_HASHED) + _HASH_BYTES]
            return head[len(_HASHED) + _HASH_BYTES :]
        if head.startswith(_PLAIN):
            return head[len(_PLAIN) :]
        if not head.startswith(b"\x1f\x8b"):
            raise BundleError("IntegrityTar", "this is no gzip archive")
        raise BundleError("IntegrityGzip", "the gzip header is not that of a bundle")

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while True:
            before = self._inflater.copy()
            self._hash.update(data)
            rest = data
            while rest and not self._inflater.eof:
                if out := self._output(self._inflater.decompress(rest, _OUT)):
                    yield out
                rest = self._inflater.unconsumed_tail
            if self._inflater.eof:
                break
            data = self._take(_CHUNK)
            if not data:
                raise BundleError("IntegrityTar", "the compressed data ends too early")
        trailer = self._inflater.unused_data
        _check_spare_bits(before, data[: len(data) - len(trailer)])
        self._finish(trailer)

    def _output(self, out: bytes) -> bytes:
        self._decoded += len(out)
        self._crc = zlib.crc32(out, self._crc)
        limits = self._limits
        if self._decoded > limits.max_decode_bytes:
            raise BundleError("LimitDecodeBytes", f"the bundle holds more than {limits.max_decode_bytes} bytes")
        if self._decoded > _UNJUDGED and self._decoded > limits.max_ratio * self._stored:
            raise BundleError("LimitDecodeBytes", f"the bundle unpacks to more than {limits.max_ratio} times its size")
        return out

    def _finish(self, trailer: bytes) -> None:
        while more := self._take(_CHUNK):
            trailer += more
            self._hash.update(more)
            if len(trailer) > 8 + _CHUNK:
                break
        if len(trailer) < 8:
            raise BundleError("IntegrityGzip", "the gzip trailer is cut off")
        if len(trailer) > 8:
            raise BundleError("IntegrityGzip", "there are bytes behind the end of the archive")
        if int.from_bytes(trailer[:4], "little") != self._crc:
            raise BundleError("IntegrityGzip", "the checksum of the gzip trailer is wrong")
        if int.from_bytes(trailer[4:], "little") != self._decoded & 0xFFFFFFFF:
            raise BundleError("IntegrityGzip", "the size in the gzip trailer is wrong")
        if self._stated is not None and self._hash.digest() != self._stated:
            raise BundleError("IntegrityArchiveHash", "the archive is not what its header says it is")


def _check_spare_bits(before: zlib._Decompress, data: bytes) -> None:
    """Refuse a stream whose last byte has bits set behind its end: they could be changed unseen.

    Args:
        before: The decompressor before `data`.
        data: The last bytes of the compressed stream, at least one.
    """
    _feed(before, data[:-1])
    wanted = _feed(before.copy(), data[-1:])
    for bit in range(7, -1, -1):
        probe = before.copy()
        try:
            same = _feed(probe, bytes([data[-1] ^ (1 << bit)])) == wanted and probe.eof
        except zlib.error:
            same = False
        if not same:
            return
        if data[-1] & (1 << bit):
            raise BundleError("IntegrityGzip", "there are bits behind the end of the compressed data")


def _feed(inflater: zlib._Decompress, data: bytes) -> int:
    """Decompress and return a checksum of what came out, in bounded memory."""
    crc = 0
    while data and not inflater.eof:
        crc = zlib.crc32(inflater.decompress(data, _OUT), crc)
        data = inflater.unconsumed_tail
    return crc
