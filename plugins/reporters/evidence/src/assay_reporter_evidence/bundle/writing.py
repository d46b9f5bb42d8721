"""Writing bundles: events are counted and hashed on their way to a temporary file, for the manifest comes first."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from typing import IO, BinaryIO

from assay_core.canonical import canonical_bytes
from assay_core.errors import InputError
from assay_reporter_evidence.bundle import tar
from assay_reporter_evidence.bundle.form import (
    EVENTS_NAME,
    INTEROP_EVENTS_NAME,
    MANIFEST_NAME,
    Event,
    Manifest,
    Producer,
    RunRoot,
    event_line,
)
from assay_reporter_evidence.bundle.gzip import GzipSink

__all__ = ["write_bundle"]

_SPOOL_BYTES = 4 * 1024 * 1024
_PIECE = 1 << 18


def write_bundle(
    events: Iterable[Event], stream: BinaryIO, *, run_id: str, source: str, producer: Producer, interop: bool = False
) -> Manifest:
    """Write a bundle into an empty seekable stream and return its manifest.

    The same events, run, source and producer give the same bytes. Memory does not grow with the events.

    Args:
        events: In their order; at least one.
        stream: Where the archive goes.
        run_id: Shared by all events; no colon.
        source: Likewise; a URI.
        producer: Who writes.
        interop: As the Rust project writes and verifies it: `events.ndjson`, a bare gzip header.

    Raises:
        InputError: E_BUNDLE_EMPTY without any event; E_BUNDLE_EVENT for a run id, a source or data that cannot be.
    """
    _check(run_id, source)
    name = INTEROP_EVENTS_NAME if interop else EVENTS_NAME
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        root, digest, count, size = RunRoot(), hashlib.sha256(), 0, 0
        for event in events:
            try:
                line, content = event_line(event, count, run_id=run_id, source=source, producer=producer)
            except ValueError as reason:
                text = f"event {count} of type {event.type!r} cannot be written: {reason}"
                raise InputError(code="E_BUNDLE_EVENT", message=text) from reason
            root.add(content)
            digest.update(line)
            spool.write(line)
            count += 1
            size += len(line)
        if not count:
            raise InputError(code="E_BUNDLE_EMPTY", message="Bundle is empty: there is no event to write")
        manifest = Manifest(
            bundle_id=root.value(),
            producer=producer,
            run_id=run_id,
            event_count=count,
            run_root=root.value(),
            events_name=name,
            events_sha256="sha256:" + digest.hexdigest(),
            events_bytes=size,
        )
        spool.seek(0)
        _write_archive(manifest, spool, stream, interop=interop)
    return manifest


def _check(run_id: str, source: str) -> None:
    if not run_id or ":" in run_id:
        raise InputError(code="E_BUNDLE_EVENT", message=f"a run id is text without a colon, not {run_id!r}")
    if source.find(":") < 1:
        raise InputError(code="E_BUNDLE_EVENT", message=f"a source is a URI, not {source!r}")


def _write_archive(manifest: Manifest, events: IO[bytes], stream: BinaryIO, *, interop: bool) -> None:
    sink = GzipSink(stream, plain=interop)
    about = canonical_bytes(manifest.document())
    sink.write(tar.header(MANIFEST_NAME, len(about)) + about + tar.padding(len(about)))
    sink.write(tar.header(manifest.events_name, manifest.events_bytes))
    while piece := events.read(_PIECE):
        sink.write(piece)
    sink.write(tar.padding(manifest.events_bytes) + bytes(2 * tar.BLOCK))
    sink.close()
