"""What a bundle is made of: constants, the envelope of events, hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import attrs

from assay_core.canonical import canonical_bytes
from assay_core.model import JsonObject, JsonValue

__all__ = [
    "ALGORITHMS", "EVENTS_NAME", "EVENTS_NAMES", "INTEROP_EVENTS_NAME", "MANIFEST_NAME", "Event", "Manifest",
    "Producer", "RunRoot", "content_hash", "event_line", "sha256_of",
]  # fmt: skip

MANIFEST_NAME: Final = "manifest.json"
EVENTS_NAME: Final = "events.jsonl"
INTEROP_EVENTS_NAME: Final = "events.ndjson"  # as the Rust project calls it
EVENTS_NAMES: Final = (EVENTS_NAME, INTEROP_EVENTS_NAME)
CONTAINER_VERSION: Final = 1
SPEC_VERSION: Final = "1.0"  # of CloudEvents
ALGORITHMS: Final[Mapping[str, str]] = {
    "canon": "jcs-rfc8785",
    "hash": "sha256",
    "root": 'sha256(concat(content_hash + "\\n"))',
}


@attrs.frozen(kw_only=True)
class Producer:
    """Who made a bundle."""

    name: str
    version: str
    git: str | None = None

    def document(self) -> JsonObject:
        """Return it as a manifest holds it; an unknown commit is left out."""
        head = {"name": self.name, "version": self.version}
        return head if self.git is None else {**head, "git": self.git}


@attrs.frozen(kw_only=True)
class Manifest:
    """The manifest of a bundle, read or to be written."""

    bundle_id: str
    producer: Producer
    run_id: str
    event_count: int
    run_root: str
    events_name: str
    events_sha256: str
    events_bytes: int
    further: JsonObject = attrs.field(factory=dict)  # members that we do not know

    def document(self) -> JsonObject:
        """Return the manifest in the order in which its members are declared."""
        return {
            "schema_version": CONTAINER_VERSION,
            "bundle_id": self.bundle_id,
            "producer": self.producer.document(),
            "run_id": self.run_id,
            "event_count": self.event_count,
            "run_root": self.run_root,
            "algorithms": dict(ALGORITHMS),
            "files": {
                self.events_name: {
                    "path": self.events_name,
                    "sha256": self.events_sha256,
                    "bytes": self.events_bytes,
                }
            },
            **self.further,
        }


@attrs.frozen(kw_only=True)
class Event:
    """One event before it has its place in a bundle: what happened, and what it is called."""

    type: str
    data: JsonValue
    time: str  # RFC 3339, UTC, with `Z`
    subject: str | None = None
    policy_id: str | None = None
    traceparent: str | None = None
    pii: bool = False
    secrets: bool = False


class RunRoot:
    """The hash over the content hashes of events, in their order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, content: str) -> None:
        """Add the content hash of the next event."""
        self._hash.update(content.encode("ascii") + b"\n")

    def value(self) -> str:
        """Return `sha256:…`."""
        return "sha256:" + self._hash.hexdigest()


def sha256_of(data: bytes) -> str:
    """Return `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def content_hash(envelope: Mapping[str, JsonValue]) -> str:
    """Return the hash over what an event says, whoever says it and whenever.

    Source:
        spec/evidence-bundle.md §5.
    """
    covered: dict[str, JsonValue] = {
        "specversion": envelope["specversion"],
        "type": envelope["type"],
        "datacontenttype": envelope["datacontenttype"],
        "data": envelope["data"],
    }
    if envelope.get("subject") is not None:
        covered["subject"] = envelope["subject"]
    return sha256_of(canonical_bytes(covered))


def event_line(event: Event, seq: int, *, run_id: str, source: str, producer: Producer) -> tuple[bytes, str]:
    """Return the line of an event in its place, and its content hash.

    Raises:
        ValueError: its data cannot be written as RFC 8785.
    """
    envelope: dict[str, JsonValue] = {
        "specversion": SPEC_VERSION,
        "type": event.type,
        "source": source,
        "id": f"{run_id}:{seq}",
        "time": event.time,
        "datacontenttype": "application/json",
        "assayrunid": run_id,
        "assayseq": seq,
        "assayproducer": producer.name,
        "assayproducerversion": producer.version,
        "assaygit": producer.git or "unknown",
        "assaypii": event.pii,
        "assaysecrets": event.secrets,
        "data": event.data,
    }
    for name, value in (
        ("subject", event.subject), ("assaypolicyid", event.policy_id), ("traceparent", event.traceparent)
    ):  # fmt: skip
        if value:
            envelope[name] = value
    envelope["assaycontenthash"] = found = content_hash(envelope)
    return canonical_bytes(envelope) + b"\n", found
