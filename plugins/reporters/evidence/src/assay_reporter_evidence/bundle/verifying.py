"""Verifying bundles: one pass, in bounded memory, without a file being written; the first thing wrong is named."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from assay_reporter_evidence.bundle import tar
from assay_reporter_evidence.bundle.envelope import StoredEvent, read_event, read_manifest
from assay_reporter_evidence.bundle.failure import BundleError
from assay_reporter_evidence.bundle.form import EVENTS_NAMES, MANIFEST_NAME, Manifest, RunRoot, content_hash
from assay_reporter_evidence.bundle.gzip import Decompressed
from assay_reporter_evidence.bundle.limits import Limits

__all__ = ["verify_bundle"]

_DRIVE = re.compile(rb"[A-Za-z]:")


def verify_bundle(
    source: BinaryIO, limits: Limits | None = None, *, visit: Callable[[StoredEvent], None] | None = None
) -> Manifest:
    """Verify a bundle and return its manifest.

    Args:
        source: The archive; read once, to its end.
        limits: Ceilings; None: the defaults.
        visit: Gets every event once it has been checked. What it saw counts only if this function returns: the
            hashes over all events come last.

    Raises:
        BundleError: the first thing that is wrong, in the order of the archive.
        OSError: the source cannot be read.

    Source:
        spec/evidence-bundle.md §8.3, with the newer checks.
    """
    return _Verification(source, limits or Limits(), visit).run()


class _Verification:
    """One pass over one archive."""

    def __init__(self, source: BinaryIO, limits: Limits, visit: Callable[[StoredEvent], None] | None) -> None:
        self._limits = limits
        self._visit = visit
        self._bytes = Decompressed(source, limits)
        self._seen: set[bytes] = set()
        self._manifest: Manifest | None = None
        self._root = RunRoot()
        self._next_seq = 0
        self._source: str | None = None
        self._events_seen = False

    def run(self) -> Manifest:
        """Walk over the members."""
        try:
            while (member := self._next_member()) is not None:
                self._check_member(member)
                if self._manifest is None:
                    self._read_manifest(member)
                else:
                    self._read_events(member, self._manifest)
                self._skip(-member.size % tar.BLOCK)
            manifest = self._manifest
            if manifest is None or not self._events_seen:
                raise BundleError("ContractMissingFile", "the archive ends without its events")
            self._drain()
        except Decompressed.DAMAGED as error:
            raise BundleError("IntegrityTar", f"the compressed data is damaged: {error}") from error
        if manifest.bundle_id != manifest.run_root:
            raise BundleError("ContractBundleIdMismatch", "the bundle id is not the hash over the events")
        return manifest

    # -- the archive --------------------------------------------------------------------------------------------

    def _next_member(self) -> tar.Member | None:
        block = self._bytes.read(tar.BLOCK)
        if len(block) < tar.BLOCK:
            raise BundleError("IntegrityTar", "the archive has no end")
        if not any(block):
            if any(self._bytes.read(tar.BLOCK)):
                raise BundleError("IntegrityTar", "one block of zeros stands inside the archive")
            return None
        return tar.read_header(block)

    def _check_member(self, member: tar.Member) -> None:
        limits = self._limits
        if len(member.name) > limits.max_path_len:
            raise BundleError("LimitPathLength", f"a member's name is longer than {limits.max_path_len} bytes")
        first = not self._seen
        ceiling = limits.max_manifest_bytes if member.name == MANIFEST_NAME.encode() else limits.max_events_bytes
        if member.size > ceiling:
            raise BundleError("LimitFileSize", f"a member states {member.size} bytes, more than {ceiling}")
        if member.name.startswith((b"/", b"\\")) or _DRIVE.match(member.name) or b".." in _parts(member.name):
            raise BundleError("SecurityPathTraversal", f"a member's name leaves the archive: {_shown(member.name)}")
        if member.kind != "file":
            if "long" in member.kind or "PAX" in member.kind:
                self._skip(member.size)
            raise BundleError("ContractUnexpectedFile", f"the archive holds {member.kind}: {_shown(member.name)}")
        if member.name not in {MANIFEST_NAME.encode(), *(name.encode() for name in EVENTS_NAMES)}:
            raise BundleError("ContractUnexpectedFile", f"the archive holds another file: {_shown(member.name)}")
        if member.name in self._seen:
            raise BundleError("ContractDuplicateFile", f"a member stands there twice: {_shown(member.name)}")
        if first and member.name != MANIFEST_NAME.encode():
            raise BundleError("ContractFileOrder", "the manifest is not the first member")
        self._seen.add(member.name)

    def _skip(self, count: int) -> None:
        for piece in self._bytes.pieces(count):
            if any(piece) and count < tar.BLOCK:
                raise BundleError("IntegrityTar", "the padding of a member is not zero")

    def _drain(self) -> None:
        """Read on to the end, so that nothing hides behind it."""
        while rest := self._bytes.read(1 << 16):
            if any(rest):
                raise BundleError("IntegrityTar", "there are bytes behind the end of the archive")

    # -- its members --------------------------------------------------------------------------------------------

    def _read_manifest(self, member: tar.Member) -> None:
        data = b"".join(self._bytes.pieces(member.size))
        self._manifest = read_manifest(data, self._limits)

    def _read_events(self, member: tar.Member, manifest: Manifest) -> None:
        if member.name != manifest.events_name.encode():
            raise BundleError("ContractMissingFile", f"the manifest does not list {_shown(member.name)}")
        if member.size != manifest.events_bytes:
            raise BundleError("IntegrityFileSizeMismatch", "the events are longer or shorter than the manifest says")
        self._events_seen = True
        digest = hashlib.sha256()
        lines = 0
        for line in self._lines(member.size):
            lines += 1
            digest.update(line)
            if lines > self._limits.max_events:
                raise BundleError("LimitTotalEvents", f"there are more than {self._limits.max_events} events")
            self._check_event(line, lines, manifest)
        if "sha256:" + digest.hexdigest() != manifest.events_sha256:
            raise BundleError("IntegrityManifestHash", "the file of events is not what the manifest says it is")
        if lines != manifest.event_count:
            told = f"there are {lines} events, and the manifest counts {manifest.event_count}"
            raise BundleError("ContractSequenceGap", told)
        if not lines:
            raise BundleError("ContractInvalidEvent", "the bundle has no event")
        if self._root.value() != manifest.run_root:
            raise BundleError("IntegrityRunRootMismatch", "the hash over the events is not the manifest's")

    def _lines(self, size: int) -> Iterator[bytes]:
        """Yield the lines with their ends; no more than one line is held."""
        most = self._limits.max_line_bytes
        held: list[bytes] = []
        length = 0
        for piece in self._bytes.pieces(size):
            *ended, rest = piece.split(b"\n")
            for text in ended:
                if length + len(text) + 1 > most:
                    raise BundleError("LimitLineBytes", f"a line is longer than {most} bytes")
                yield b"".join((*held, text, b"\n")) if held else text + b"\n"
                held, length = [], 0
            if rest:
                held.append(rest)
                length += len(rest)
                if length > most:
                    raise BundleError("LimitLineBytes", f"a line is longer than {most} bytes")
        if held:
            yield b"".join(held)

    def _check_event(self, line: bytes, number: int, manifest: Manifest) -> None:
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if not text:
            raise BundleError("ContractInvalidEvent", f"line {number} is blank")
        event = read_event(text, number, self._limits)
        envelope = event.envelope
        at = f"at line {number}"
        if envelope["specversion"] != "1.0":
            raise BundleError("ContractSchemaVersion", f"the specversion is not 1.0 {at}")
        stated = envelope.get("assaycontenthash")
        if stated is None:
            raise BundleError("ContractSchemaVersion", f"there is no content hash {at}")
        try:
            found = content_hash(envelope)
        except ValueError as error:
            raise BundleError("ContractInvalidJson", f"the event {at} has no canonical form: {error}") from error
        if stated != found:
            raise BundleError("IntegrityEventHash", f"Content hash mismatch at seq {envelope['assayseq']} ({at})")
        self._check_place(event, manifest, at)
        self._root.add(found)
        if self._visit is not None:
            self._visit(event)

    def _check_place(self, event: StoredEvent, manifest: Manifest, at: str) -> None:
        envelope = event.envelope
        seq, run_id, source = envelope["assayseq"], str(envelope["assayrunid"]), str(envelope["source"])
        if seq != self._next_seq:
            first = self._next_seq == 0
            told = f"the sequence number is {seq} and not {self._next_seq} {at}"
            raise BundleError("ContractSequenceStart" if first else "ContractSequenceGap", told)
        self._next_seq += 1
        if run_id != manifest.run_id:
            raise BundleError("ContractRunIdMismatch", f"the run id is not the manifest's {at}")
        if ":" in run_id:
            raise BundleError("ContractInvalidEvent", f"the run id has a colon {at}")
        if envelope["id"] != f"{run_id}:{seq}":
            raise BundleError("ContractInvalidEvent", f"the id is not run id and sequence number {at}")
        if source.find(":") < 1 or source != (self._source or source):
            raise BundleError("ContractInvalidEvent", f"the source is no URI, or not that of the other events {at}")
        self._source = source


def _parts(name: bytes) -> list[bytes]:
    return name.replace(b"\\", b"/").split(b"/")


def _shown(name: bytes) -> str:
    return ascii(name[:80].decode("utf-8", "replace"))
