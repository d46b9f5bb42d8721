"""The tar inside a bundle: two members, written with fixed headers, read without ever touching a file system."""

from __future__ import annotations

from typing import NamedTuple

from assay_reporter_evidence.bundle.failure import BundleError

__all__ = ["BLOCK", "Member", "header", "padding", "read_header"]

BLOCK = 512
_CHECKSUM = slice(148, 156)
_EXTENDED = {b"x": "a PAX header", b"g": "a PAX header", b"L": "a long name", b"K": "a long link name"}


class Member(NamedTuple):
    """What the header of a member says."""

    name: bytes
    size: int
    kind: str  # "file", or what else it is, for people


def header(name: str, size: int) -> bytes:
    """Return the header of a file: nothing in it depends on when, where and by whom it is written.

    Source:
        spec/evidence-bundle.md §2.1.
    """
    block = bytearray(BLOCK)
    block[0 : len(name)] = name.encode("ascii")
    block[100:108] = b"0000644\0"
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[_CHECKSUM] = b" " * 8
    block[257:265] = b"ustar  \0"
    block[265:270] = block[297:302] = b"assay"
    block[_CHECKSUM] = b"%07o\0" % sum(block)
    return bytes(block)


def padding(size: int) -> bytes:
    """Return the zeros between the end of a member's data and the next block."""
    return bytes(-size % BLOCK)


def read_header(block: bytes) -> Member:
    """Read a header.

    Raises:
        BundleError: IntegrityTar where it is none.
    """
    stated = _octal(block[_CHECKSUM])
    if stated is None or stated != sum(block) - sum(block[_CHECKSUM]) + 8 * ord(" "):
        raise BundleError("IntegrityTar", "the checksum of a tar header is wrong")
    size = _octal(block[124:136])
    if size is None:
        raise BundleError("IntegrityTar", "a tar header states no size")
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0" and block[345] != 0:  # the POSIX form splits long names
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    flag = block[156:157]
    kind = "file" if flag in (b"\0", b"0") else _EXTENDED.get(flag, f"an entry of type {flag!r}")
    return Member(name, size, kind)


def _octal(field: bytes) -> int | None:
    text = field.strip(b" \0")
    return int(text, 8) if text and all(48 <= byte < 56 for byte in text) else None
