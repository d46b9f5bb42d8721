"""`assay evidence verify`, the verdicts of real bundles, and archives that are wrong in one way each."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from assay_reporter_evidence.bundle import tar
from assay_reporter_evidence.bundle.failure import BundleError
from assay_reporter_evidence.bundle.form import Event, Producer
from assay_reporter_evidence.bundle.limits import Limits
from assay_reporter_evidence.bundle.verifying import verify_bundle
from assay_reporter_evidence.bundle.writing import write_bundle

from assay_core.errors import InputError

HEAD = bytes.fromhex("1f8b08000000000002ff")


def vectors() -> Path:
    """Return the interoperability vectors, or skip."""
    named = os.environ.get("ASSAY_VECTORS")
    folder = Path(named) if named else Path(__file__).resolve().parents[4].parent / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip("the interoperability vectors are not here")
    return folder / "upstream"


def bundle(count: int = 3, *, interop: bool = True, **fields: Any) -> bytes:
    stream = io.BytesIO()
    events = [
        attrs.evolve(Event(type="t", data={"n": n}, time="2026-01-01T00:00:00Z", subject=f"s{n}"), **fields)
        for n in range(count)
    ]
    write_bundle(
        events, stream, run_id="r", source="urn:x", producer=Producer(name="p", version="1"), interop=interop
    )  # fmt: skip
    return stream.getvalue()


def packed(data: bytes) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    return HEAD + body + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")


def member(name: str, data: bytes) -> bytes:
    return tar.header(name, len(data)) + data + tar.padding(len(data))


def parts() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the manifest and the events of a good bundle, to be spoilt."""
    inside = gzip.decompress(bundle())
    size = int(inside[124:135], 8)
    start = 512 + size + (-size % 512)
    length = int(inside[start + 124 : start + 135], 8)
    lines = inside[start + 512 : start + 512 + length].splitlines()
    return json.loads(inside[512 : 512 + size]), [json.loads(line) for line in lines]


def assembled(
    manifest: dict[str, Any], events: list[dict[str, Any]] | bytes, *, sealed: bool = True, tail: bytes = bytes(1024)
) -> bytes:
    """Pack a bundle; `sealed` makes the manifest fit the file of events, whatever is in it."""
    text = events if isinstance(events, bytes) else b"".join(json.dumps(each).encode() + b"\n" for each in events)
    if sealed:
        entry = manifest["files"]["events.ndjson"]
        entry["bytes"], entry["sha256"] = len(text), "sha256:" + hashlib.sha256(text).hexdigest()
    about = json.dumps(manifest).encode()
    return packed(member("manifest.json", about) + member("events.ndjson", text) + tail)


def reason_of(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(BundleError) as raised:
        verify_bundle(io.BytesIO(data), limits)
    assert raised.value.code.startswith("E_BUNDLE_")
    assert raised.value.exit_code == 2
    return raised.value.reason


def spoilt(change: Callable[[dict[str, Any], list[dict[str, Any]]], object]) -> bytes:
    manifest, events = parts()
    change(manifest, events)
    return assembled(manifest, events)


SPOILT: dict[str, tuple[str, Callable[[dict[str, Any], list[dict[str, Any]]], object]]] = {
    "another version": ("ContractSchemaVersion", lambda m, _: m.update(schema_version=2)),
    "other algorithms": ("ContractSchemaVersion", lambda m, _: m["algorithms"].update(hash="md5")),
    "no run id": ("ContractInvalidJson", lambda m, _: m.pop("run_id")),
    "another bundle id": ("ContractBundleIdMismatch", lambda m, _: m.update(bundle_id="sha256:0")),
    "another run root": ("IntegrityRunRootMismatch", lambda m, _: m.update(run_root="sha256:0")),
    "another count": ("ContractSequenceGap", lambda m, _: m.update(event_count=4)),
    "another run": ("ContractRunIdMismatch", lambda _, e: e[1].update(assayrunid="q")),
    "another id": ("ContractInvalidEvent", lambda _, e: e[1].update(id="r:9")),
    "another source": ("ContractInvalidEvent", lambda _, e: e[1].update(source="urn:y")),
    "changed data": ("IntegrityEventHash", lambda _, e: e[1].update(data={"n": 7})),
    "changed subject": ("IntegrityEventHash", lambda _, e: e[2].update(subject="other")),
    "no hash": ("ContractSchemaVersion", lambda _, e: e[0].pop("assaycontenthash")),
    "no data": ("ContractInvalidJson", lambda _, e: e[0].pop("data")),
    "no time": ("ContractInvalidJson", lambda _, e: e[0].update(time="yesterday")),
    "a flag that is none": ("ContractInvalidJson", lambda _, e: e[0].update(assaypii=0)),
    "a late start": ("ContractSequenceStart", lambda _, e: e.pop(0)),
    "a gap": ("ContractSequenceGap", lambda _, e: e.pop(1)),
    "swapped": ("ContractSequenceStart", lambda _, e: e.reverse()),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_in_one_way_is_refused_for_it(name: str) -> None:
    reason, change = SPOILT[name]

    assert reason_of(spoilt(change)) == reason


def test_text_that_is_no_strict_json_is_refused() -> None:
    manifest, events = parts()
    twice = json.dumps(events[0]).encode()[:-1] + b',"type":"u"}\n'
    for text, reason in (
        (twice, "ContractInvalidJson"),
        (b"\xef\xbb\xbf" + json.dumps(events[0]).encode() + b"\n", "ContractInvalidJson"),
        (b"\n" + json.dumps(events[0]).encode() + b"\n", "ContractInvalidEvent"),
        (b"", "ContractSequenceGap"),
        (b'{"a":' * 70 + b"1" + b"}" * 70 + b"\n", "LimitJsonDepth"),
    ):
        assert reason_of(assembled(manifest, text)) == reason


def test_the_archive_itself_is_read_strictly() -> None:
    manifest, events = parts()
    good = assembled(manifest, events)
    inside = gzip.decompress(good)
    about, rest = inside[:512], inside[512:]
    first = member("manifest.json", json.dumps(manifest).encode())
    second = inside[len(first) :]
    for data, reason in (
        (b"no archive", "IntegrityTar"),
        (good[:-4], "IntegrityGzip"),
        (good[: len(good) // 2], "IntegrityTar"),
        (good + b"x", "IntegrityGzip"),
        (good + good, "IntegrityGzip"),
        (gzip.compress(inside), "IntegrityGzip"),
        (packed(inside + b"more"), "IntegrityTar"),
        (packed(bytes(2048)), "ContractMissingFile"),
        (packed(first + bytes(1024)), "ContractMissingFile"),
        (packed(second), "ContractFileOrder"),
        (packed(first + first + second), "ContractDuplicateFile"),
        (packed(first + member("other.txt", b"x") + second), "ContractUnexpectedFile"),
        (packed(first + member("../events.ndjson", b"x")), "SecurityPathTraversal"),
        (packed(member("/etc/passwd", b"x")), "SecurityPathTraversal"),
        (packed(about[:148] + b"0000000\0" + about[156:] + rest), "IntegrityTar"),
    ):
        assert reason_of(data) == reason


def test_links_and_extended_headers_are_refused() -> None:
    for flag in b"125xgL":
        block = bytearray(tar.header("manifest.json", 0))
        block[156] = flag
        block[148:156] = b" " * 8
        block[148:156] = b"%07o\0" % sum(block)

        assert reason_of(packed(bytes(block) + bytes(1024))) == "ContractUnexpectedFile"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_bundle_bytes=100), "LimitBundleBytes"),
        (Limits(max_decode_bytes=600), "LimitDecodeBytes"),
        (Limits(max_manifest_bytes=10), "LimitFileSize"),
        (Limits(max_events_bytes=10), "LimitFileSize"),
        (Limits(max_events=2), "LimitTotalEvents"),
        (Limits(max_line_bytes=50), "LimitLineBytes"),
        (Limits(max_path_len=5), "LimitPathLength"),
    ],
)
def test_each_limit_holds(limits: Limits, reason: str) -> None:
    assert reason_of(bundle(), limits) == reason


def test_a_bomb_is_refused_before_it_unpacks() -> None:
    assert reason_of(packed(bytes(64 * 1024 * 1024))) in ("LimitDecodeBytes", "ContractMissingFile")


def test_no_byte_of_an_archive_of_ours_can_change() -> None:
    good = bundle(5, interop=False)
    verify_bundle(io.BytesIO(good))

    for at in range(len(good)):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(good)
            changed[at] ^= flip
            with pytest.raises(BundleError):
                verify_bundle(io.BytesIO(bytes(changed)))


def test_the_same_events_give_the_same_bytes_and_the_id_the_format_says() -> None:
    manifest, events = parts()

    assert bundle(interop=False) == bundle(interop=False)
    chain = b"".join(each["assaycontenthash"].encode() + b"\n" for each in events)
    assert manifest["bundle_id"] == "sha256:" + hashlib.sha256(chain).hexdigest()


def test_nothing_and_what_cannot_be_written_are_errors() -> None:
    with pytest.raises(InputError) as empty:
        bundle(0)
    with pytest.raises(InputError) as unwritable:
        bundle(1, data=float("nan"))

    assert (empty.value.code, unwritable.value.code) == ("E_BUNDLE_EMPTY", "E_BUNDLE_EVENT")


def test_real_bundles_get_the_verdict_that_is_stated() -> None:
    folder = vectors() / "conformance" / "privileged-mcp-action-v0"
    listed = json.loads((folder / "MANIFEST.json").read_text())["vectors"]

    for each in listed:
        data = (folder / each["file"]).read_bytes()
        if each["expected"]["bundle_integrity"] == "pass":
            verify_bundle(io.BytesIO(data))
        else:
            assert reason_of(data) in ("IntegrityEventHash", "ContractBundleIdMismatch")

    assert len(listed) == 14
    for path in ("tests/fixtures/evidence/test-bundle.tar.gz", "demo/fixtures/bundle.tar.gz"):
        verify_bundle(io.BytesIO((vectors() / path).read_bytes()))


def run(*words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "assay_core", "evidence", "verify", *words],
        input=data, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_command_says_ok_or_the_first_thing_that_is_wrong(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.tar.gz", tmp_path / "bad.tar.gz"
    good.write_bytes(bundle())
    bad.write_bytes(spoilt(SPOILT["changed data"][1]))

    verified, refused, missing = run(str(good)), run(str(bad)), run(str(tmp_path / "none"))

    assert (verified.returncode, verified.stdout.splitlines()[0].decode()) == (0, f"Bundle verified ({good}): OK")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"E_BUNDLE_INTEGRITY" in refused.stderr
    assert b"IntegrityEventHash" in refused.stderr
    assert (missing.returncode, b"E_PATH_NOT_FOUND" in missing.stderr) == (2, True)


def test_the_command_reads_standard_input_and_writes_one_document() -> None:
    verified, refused = run("--format", "json", data=bundle()), run("-", "--format", "json", data=b"x")

    assert (verified.returncode, json.loads(verified.stdout)["verified"]) == (0, True)
    assert (refused.returncode, json.loads(refused.stdout)["reason"]) == (2, "IntegrityTar")
