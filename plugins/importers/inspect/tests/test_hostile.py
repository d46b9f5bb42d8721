"""Logs that are wrong: always an error on purpose, never a guess, never more memory than is allowed."""

from __future__ import annotations

import io
import json
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assay_importer_inspect import InspectImporter
from assay_importer_inspect import archive as archives

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import Episode, Limits
from assay_core.testing.importers import MemorySource
from assay_core.trace import write_episodes

LOGS = Path(__file__).parent / "logs"
HEADER = b'{"version":2,"status":"success","eval":{"task":"t"}}'
SAMPLE = b'{"id":"a","epoch":1,"input":"hi","messages":[],"output":{"completion":"yo"},"events":[]}'
LOG = b'{"version":2,\n"status":"success",\n"eval":{"task":"t"},\n"samples":[\n%s]}'


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as target:
        for name, content in members:
            target.writestr(name, content)
    return data.getvalue()


def read(data: bytes, limits: Limits | None = None) -> list[Episode]:
    source = MemorySource(data, "log.eval")
    source.limits = limits or Limits()
    return list(InspectImporter().read(source, ImportReport()))


def refusal(data: bytes, limits: Limits | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read(data, limits)
    return caught.value


def test_a_small_log_is_read_in_both_forms() -> None:
    (first,) = read(packed(("header.json", HEADER), ("samples/a_epoch_1.json", SAMPLE)))
    (second,) = read(LOG % SAMPLE)

    assert (first.prompt, first.response, first.tool_calls) == ("hi", "yo", ())
    assert (second.prompt, second.response, second.source.line) == ("hi", "yo", 5)


# -- archives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../evil.json", "samples/../../x", "/etc/passwd", "samples\\..\\x.json", "c:x.json", "samples/a\\b"]
)
def test_names_that_lead_out_of_the_archive_are_refused(name: str) -> None:
    error = refusal(packed(("header.json", HEADER), (name, SAMPLE)))

    assert error.code == "E_TRACE_INVALID"
    assert "leads out" in error.message


def test_a_bomb_is_refused_by_its_directory_alone() -> None:
    error = refusal(packed(("header.json", HEADER), ("samples/a_epoch_1.json", b" " * 65 * 1024 * 1024)))

    assert error.code == "E_TRACE_LIMIT"
    assert "longer than" in error.message


def test_what_is_compressed_too_well_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_RATIO", 100)

    error = refusal(packed(("header.json", HEADER), ("samples/a_epoch_1.json", b" " * 2 * 1024 * 1024)))

    assert error.code == "E_TRACE_LIMIT"
    assert "more than 100 times" in error.message


def test_a_directory_that_understates_a_size_is_found_out() -> None:
    data = packed(("header.json", HEADER), ("samples/a_epoch_1.json", SAMPLE + b" " * 500_000))
    size = (len(SAMPLE) + 500_000).to_bytes(4, "little")

    error = refusal(data.replace(size, len(SAMPLE).to_bytes(4, "little")))

    assert error.code == "E_TRACE_INVALID"
    assert "not what its directory says" in error.message


def test_a_window_that_takes_too_much_memory_is_refused() -> None:
    frame = b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x01\x00\x00"  # Zstandard: a window of 2 GiB, one empty block
    data = packed(("header.json", HEADER), ("samples/a_epoch_1.json", frame), method=zipfile.ZIP_STORED)
    place = data.rfind(b"PK\x01\x02")
    data = data[: place + 10] + (93).to_bytes(2, "little") + data[place + 12 :]

    error = refusal(data)

    assert error.code == "E_TRACE_INVALID"
    assert "cannot be decompressed" in error.message


def test_files_that_overlap_are_refused() -> None:
    data = packed(("header.json", HEADER), ("samples/a_epoch_1.json", SAMPLE), method=zipfile.ZIP_STORED)
    place = data.rfind(b"PK\x01\x02")
    data = data[: place + 20] + len(data).to_bytes(4, "little") + data[place + 24 :]

    assert "overlap" in refusal(data).message


def test_a_file_that_is_not_where_the_directory_says_is_refused() -> None:
    data = packed(("header.json", HEADER), ("samples/a_epoch_1.json", SAMPLE))
    first = data.find(b"samples/a_epoch_1.json")

    error = refusal(data[:first] + b"samples/b" + data[first + 9 :])

    assert "another name" in error.message


def test_too_many_files_and_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(("header.json", HEADER), ("samples/a_epoch_1.json", SAMPLE), ("summaries.json", b"[]"))
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    assert refusal(data).code == "E_TRACE_LIMIT"

    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 100)
    assert refusal(data).code == "E_TRACE_LIMIT"

    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 60)
    assert refusal(data).code in ("E_TRACE_LIMIT", "E_TRACE_INVALID")


def test_encrypted_and_strangely_compressed_files_are_refused() -> None:
    data = packed(("header.json", HEADER), ("samples/a_epoch_1.json", SAMPLE))
    place = data.rfind(b"PK\x01\x02")

    assert "encrypted" in refusal(data[: place + 8] + b"\x01" + data[place + 9 :]).message
    assert "method 99" in refusal(data[: place + 10] + b"\x63" + data[place + 11 :]).message


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = packed(("header.json", HEADER), ("header.json", HEADER))

    assert "twice" in refusal(data).message


def test_another_zip_file_is_no_log() -> None:
    data = packed(("word/document.xml", b"<x/>"))

    assert InspectImporter().sniff(data) == 0
    assert "no header.json" in refusal(data).message


def test_an_archive_that_is_cut_off_is_refused() -> None:
    data = (LOGS / "office.eval").read_bytes()

    assert refusal(data[: len(data) // 2]).code == "E_TRACE_INVALID"


def test_an_offset_before_the_file_is_refused() -> None:
    data = packed(("header.json", HEADER), ("samples/a_epoch_1.json", SAMPLE))
    end = data.rfind(b"PK\x05\x06")
    offset = int.from_bytes(data[end + 16 : end + 20], "little")

    error = refusal(data[: end + 16] + (offset + 9).to_bytes(4, "little") + data[end + 20 :])

    assert error.code == "E_TRACE_INVALID"


def test_any_damage_to_the_directory_gives_episodes_or_an_input_error() -> None:
    data = (LOGS / "office.eval").read_bytes()
    start = data.find(b"PK\x01\x02")
    chance = random.Random(11)
    refused = 0

    for _ in range(5000 if os.environ.get("ASSAY_NIGHTLY") else 300):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 5)):
            damaged[chance.randrange(start, len(data))] = chance.choice((0, 255, chance.randrange(256)))
        source = MemorySource(bytes(damaged))
        try:
            list(InspectImporter().read(source, ImportReport()))
        except InputError:
            refused += 1
        assert source.left_open == 0

    assert refused > 100


# -- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (b'{"id":"a","id":"b","epoch":1}', "stands twice"),
        (b'{"id":"a","epoch":1,"input":{"\\u0061":1,"a":2}}', "stands twice"),
        (b'{"id":"a"}', "no epoch"),
        (b'{"epoch":1}', "no id"),
        (b'{"id":"a","epoch":true}', "no epoch"),
        (b"7", "not an object"),
        (b'{"id":"a","epoch":1,"events":{}}', "'events' is not an array"),
        (b'{"id":"a","epoch":1,"events":[7]}', "an event is not an object"),
        (b'{"id":"a","epoch":1,"events":[{}]}', "no kind"),
        (b'{"id":"a","epoch":1,"events":[{"event":"tool","function":" "}]}', "names no tool"),
        (b'{"id":"a","epoch":1,"events":[{"event":"tool","function":"f","timestamp":"soon"}]}', "'timestamp'"),
        (b'{"id":"a","epoch":1,"events":[{"event":"model","tools":[{}]}]}', "no name"),
        (b'{"id":"a","epoch":1,"messages":[{"role":"ghost"}]}', "none of the roles"),
        (b'{"id":"a","epoch":1,"input":7}', "neither a text nor messages"),
        (b'{"id":"a","epoch":1,"attachments":[]}', "not an object"),
        (b'{"id":"a","epoch":1,"x":"\xff"}', "UTF-8"),
    ],
)
def test_a_sample_that_is_wrong_is_named(sample: bytes, words: str) -> None:
    by_line = refusal(LOG % (SAMPLE + b",\n" + sample))
    by_name = refusal(packed(("header.json", HEADER), ("samples/x_epoch_1.json", sample)))

    assert (by_line.code, by_name.code) == ("E_TRACE_INVALID", "E_TRACE_INVALID")
    assert words in by_line.message
    assert words in by_name.message
    assert by_name.message.startswith("samples/x_epoch_1.json: ")
    assert by_line.place is not None
    assert by_line.place.line == 6


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b'{"version":2,"version":3,"eval":{"task":"t"}}', "stands twice"),
        (b'{"version":2,"status":"success"}', "no 'eval'"),
        (b"[]", "not an object"),
        (LOG % b"", "expected a value"),
        (LOG.replace(b"[\n%s]", b"7"), "'samples' is not an array"),
        (b'{"eval":{"task":"t"},"stats":{"a":1,"a":2}}', "stands twice"),
        (b'{"eval":{"task":"t"}', "ends too early"),
    ],
)
def test_a_document_that_is_wrong_is_refused(document: bytes, words: str) -> None:
    document = document.replace(b'\n"samples":[\n]', b'\n"samples":[,]')

    error = refusal(document)

    assert error.code == "E_TRACE_INVALID"
    assert words in error.message


def test_the_same_sample_twice_at_one_epoch_is_refused() -> None:
    assert refusal(LOG % (SAMPLE + b"," + SAMPLE)).code == "E_TRACE_DUPLICATE"


def test_depth_and_size_are_limited() -> None:
    deep = b'{"id":"a","epoch":1,"store":' + b"[" * 200 + b"]" * 200 + b"}"
    for data in (LOG % deep, packed(("header.json", HEADER), ("samples/a_epoch_1.json", deep))):
        assert refusal(data).code == "E_TRACE_LIMIT"

    long = b'{"id":"a","epoch":1,"store":"' + b"x" * 5000 + b'"}'
    for data in (LOG % long, packed(("header.json", HEADER), ("samples/a_epoch_1.json", long))):
        assert refusal(data, Limits(line_bytes=1000)).code == "E_TRACE_LIMIT"
    assert refusal(LOG % long, Limits(line_bytes=100)).code == "E_TRACE_LIMIT"


def test_texts_put_back_may_not_grow_without_end() -> None:
    calls = b",".join([b'{"event":"tool","function":"f","arguments":{"x":"attachment://a"}}'] * 50)
    sample = b'{"id":"a","epoch":1,"events":[%s],"attachments":{"a":"%s"}}' % (calls, b"x" * 1000)

    error = refusal(LOG % sample, Limits(line_bytes=2000))

    assert error.code == "E_TRACE_LIMIT"
    assert "stored apart" in error.message


def test_a_text_that_the_log_does_not_have_stays_a_reference() -> None:
    sample = (
        b'{"id":"a","epoch":1,"events":[{"event":"tool","function":"f","arguments":{"x":"attachment://b"}}],'
        b'"attachments":{}}'
    )
    report = ImportReport()

    (episode,) = InspectImporter().read(MemorySource(LOG % sample), report)

    assert episode.tool_calls[0].args == {"x": "attachment://b"}
    assert report.dropped["text stored apart that the log does not have"] == 1


def test_not_a_number_as_an_argument_is_a_text_that_no_number_rule_takes() -> None:
    sample = b'{"id":"a","epoch":1,"events":[{"event":"tool","function":"f","arguments":{"x":NaN,"y":"NaN"}}]}'

    (episode,) = read(LOG % sample)

    assert episode.tool_calls[0].args == {"x": "NaN", "y": "NaN"}


def test_the_report_of_hostile_names_stays_small() -> None:
    members = b",".join(b'"member%d":1' % number for number in range(500))
    report = ImportReport()

    list(InspectImporter().read(MemorySource(LOG % (b'{"id":"a","epoch":1,%s}' % members)), report))

    assert len(report.dropped) < 70
    assert sum(report.dropped.values()) == 500


@pytest.mark.parametrize(
    "head",
    [
        b'{"tool":"a","args":{}}', b'{"type":"episode_start"}', b"[]", b"{}", b"", b"PK\x03\x04", b"\x00PK\x03\x04",
        b'{"version":3,"results":[]}', b'{"jsonrpc":"2.0","id":1}', b'{"evalId":"e","results":{"version":3}}',
    ],
)  # fmt: skip
def test_what_is_no_log_is_not_claimed(head: bytes) -> None:
    assert InspectImporter().sniff(head) == 0


# -- any value in the place of any other -----------------------------------------------------------------------------

ODD: list[Any] = [
    None, True, 0, -1, 2**70, 1e300, "", " ", "x", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "tool", [], {},
    [1], [{}], {"name": "f"}, [{"type": "tool_use", "name": "f"}], '[{"function":{"name":1}}]', "attachment://x",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


def test_any_value_in_any_place_gives_episodes_or_an_input_error() -> None:
    text = (LOGS / "office.json").read_bytes().replace(b"NaN", b"null")
    paths = list(places(json.loads(text)))
    chance = random.Random(5)
    refused = 0

    rounds = 3000 if os.environ.get("ASSAY_NIGHTLY") else 120
    for _ in range(rounds):
        document = json.loads(text)
        *path, last = chance.choice(paths)
        holder = document
        for key in path:
            holder = holder[key]
        holder[last] = chance.choice(ODD)
        try:
            episodes = read(json.dumps(document).encode())
        except InputError:
            refused += 1
        else:
            write_episodes(episodes, io.BytesIO())

    assert refused < rounds * 0.8
