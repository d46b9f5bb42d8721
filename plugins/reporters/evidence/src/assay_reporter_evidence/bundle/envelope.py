"""The manifest and the events of a bundle as they are read: strict where ambiguity would be an attack."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import NamedTuple

from assay_core.documents.strict_json import StrictJsonDepthError, StrictJsonError, decode_strict
from assay_core.model import JsonValue
from assay_reporter_evidence.bundle.failure import BundleError
from assay_reporter_evidence.bundle.form import ALGORITHMS, EVENTS_NAMES, Manifest, Producer
from assay_reporter_evidence.bundle.limits import Limits

__all__ = ["StoredEvent", "read_event", "read_manifest"]

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)")
_TEXTS = ("specversion", "type", "source", "id", "time", "datacontenttype", "assayrunid", "assayproducer",
          "assayproducerversion", "assaygit")  # fmt: skip
_OPTIONAL_TEXTS = ("subject", "traceparent", "tracestate", "assaypolicyid", "assaycontenthash")
_FLAGS = ("assaypii", "assaysecrets")
_MANY_KEYS = 10_000
_LONG = 40_000  # bytes below which no object can have that many keys
_KNOWN = ("schema_version", "bundle_id", "producer", "run_id", "event_count", "run_root", "algorithms", "files")


class StoredEvent(NamedTuple):
    """One event of a bundle."""

    line: int  # from 1
    envelope: Mapping[str, JsonValue]  # every member, unknown ones too

    @property
    def seq(self) -> int:
        """Its place, from 0."""
        return self.line - 1

    @property
    def type(self) -> str:
        """What kind of event it is."""
        return str(self.envelope["type"])

    @property
    def subject(self) -> str:
        """What it is about, "" where it does not say."""
        found = self.envelope.get("subject")
        return found if isinstance(found, str) else ""

    @property
    def data(self) -> JsonValue:
        """Its payload."""
        return self.envelope["data"]


def read_manifest(data: bytes, limits: Limits) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: ContractInvalidJson, ContractSchemaVersion, ContractUnexpectedFile, LimitJsonDepth.
    """
    value = _decode(data, limits, "the manifest")
    if not isinstance(value, dict):
        raise BundleError("ContractInvalidJson", "the manifest is no object")
    version = value.get("schema_version")
    if type(version) is not int:
        raise BundleError("ContractInvalidJson", "the manifest states no schema_version")
    if version != 1:
        raise BundleError("ContractSchemaVersion", f"the manifest has schema_version {version}, and only 1 is known")
    producer, algorithms, files = (_mapping(value, name) for name in ("producer", "algorithms", "files"))
    if any(algorithms.get(name) != word for name, word in ALGORITHMS.items()):
        raise BundleError("ContractSchemaVersion", "the manifest names algorithms that are not known")
    name, entry = _events_entry(files)
    git = producer.get("git")
    if git is not None and not isinstance(git, str):
        raise BundleError("ContractInvalidJson", "the manifest's producer.git is no text")
    stated = _text(entry, "sha256")
    return Manifest(
        bundle_id=_text(value, "bundle_id"),
        producer=Producer(name=_text(producer, "name"), version=_text(producer, "version"), git=git),
        run_id=_text(value, "run_id"),
        event_count=_whole(value, "event_count"),
        run_root=_text(value, "run_root"),
        events_name=name,
        events_sha256=stated if stated.startswith("sha256:") else "sha256:" + stated,
        events_bytes=_whole(entry, "bytes"),
        further={key: each for key, each in value.items() if key not in _KNOWN},
    )


def _events_entry(files: Mapping[str, JsonValue]) -> tuple[str, Mapping[str, JsonValue]]:
    names = [name for name in files if name in EVENTS_NAMES]
    if not names:
        raise BundleError("ContractMissingFile", "the manifest lists no file of events")
    if len(files) > 1:
        raise BundleError("ContractUnexpectedFile", "the manifest lists a file that a bundle does not have")
    entry = _mapping(files, names[0])
    if _text(entry, "path") != names[0]:
        raise BundleError("ContractInvalidJson", "the manifest lists the events under another path")
    return names[0], entry


def read_event(text: bytes, line: int, limits: Limits) -> StoredEvent:
    """Read one line without its end.

    Raises:
        BundleError: ContractInvalidJson, LimitJsonDepth.
    """
    what = f"the event in line {line}"
    value = _decode(text, limits, what)
    if not isinstance(value, dict):
        raise BundleError("ContractInvalidJson", f"{what} is no object")
    for name in _TEXTS:
        if type(value.get(name)) is not str:
            raise BundleError("ContractInvalidJson", f"{what} has no text {name!r}")
    for name in _OPTIONAL_TEXTS:
        found = value.get(name)
        if found is not None and type(found) is not str:
            raise BundleError("ContractInvalidJson", f"{what} has a {name!r} that is no text")
    for name in _FLAGS:
        if type(value.get(name)) is not bool:
            raise BundleError("ContractInvalidJson", f"{what} has no flag {name!r}")
    seq = value.get("assayseq")
    if type(seq) is not int or not 0 <= seq < 2**64:
        raise BundleError("ContractInvalidJson", f"{what} has no whole number 'assayseq'")
    if "data" not in value:
        raise BundleError("ContractInvalidJson", f"{what} has no data")
    if not _is_time(str(value["time"])):
        raise BundleError("ContractInvalidJson", f"{what} has a time that is not RFC 3339")
    return StoredEvent(line, value)


def _decode(data: bytes, limits: Limits, what: str) -> JsonValue:
    try:
        value = decode_strict(data, max_depth=limits.max_json_depth)
    except StrictJsonDepthError as error:
        raise BundleError("LimitJsonDepth", f"{what} is nested deeper than {limits.max_json_depth} levels") from error
    except StrictJsonError as error:
        raise BundleError("ContractInvalidJson", f"{what} is not strict JSON: {error}") from error
    if len(data) > _LONG and _has_many_keys(value):
        raise BundleError("ContractInvalidJson", f"{what} has an object of more than {_MANY_KEYS} keys")
    return value


def _has_many_keys(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return len(value) > _MANY_KEYS or any(map(_has_many_keys, value.values()))
    return isinstance(value, list) and any(map(_has_many_keys, value))


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    day, clock, _, zone = found.groups()
    if clock.endswith(":60"):  # a leap second
        clock = clock[:-2] + "59"
    try:
        datetime.datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        return False
    return True


def _mapping(value: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise BundleError("ContractInvalidJson", f"the manifest has no object {name!r}")
    return found


def _text(value: Mapping[str, JsonValue], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise BundleError("ContractInvalidJson", f"the manifest has no text {name!r}")
    return found


def _whole(value: Mapping[str, JsonValue], name: str) -> int:
    found = value.get(name)
    if type(found) is not int or not 0 <= found < 2**64:
        raise BundleError("ContractInvalidJson", f"the manifest has no whole number {name!r}")
    return found
