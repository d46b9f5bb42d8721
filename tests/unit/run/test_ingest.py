"""Which importer reads a trace, and what is said where none does."""

from __future__ import annotations

import codecs

import pytest

from assay_core.errors import InputError
from assay_core.model import PluginRules
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.run.ingest import choose_importer
from assay_core.testing.importers import MemorySource

LINE = '{"tool":"read_file","args":{"path":"/srv/a"}}\n'


@pytest.fixture(scope="module")
def drivers() -> Drivers:
    pytest.importorskip("assay_importer_jsonl")
    return Drivers(Catalogue.scan(), PluginRules())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (codecs.BOM_UTF8 + LINE.encode(), "begins with the byte order mark of UTF-8"),
        (LINE.encode("utf-16"), "begins with the byte order mark of UTF-16"),
        (codecs.BOM_UTF16_BE + LINE.encode("utf-16-be"), "begins with the byte order mark of UTF-16"),
        (LINE.encode("utf-32"), "begins with the byte order mark of UTF-32"),
        (LINE.encode("utf-16-le"), "has zero bytes where text should be"),
        (LINE.encode("utf-16-be"), "has zero bytes where text should be"),
    ],
)
def test_trace_in_another_encoding_is_an_error_that_says_so(drivers: Drivers, data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        choose_importer(drivers, MemorySource(data, "t.jsonl"), None)

    assert caught.value.code == "E_TRACE_FORMAT"
    assert "UTF-8 without a byte order mark" in (caught.value.remedy or "")


def test_trace_that_nobody_knows_is_an_error_with_the_candidates(drivers: Drivers) -> None:
    with pytest.raises(InputError, match=r"no installed importer knows the format of 't.txt'.*jsonl"):
        choose_importer(drivers, MemorySource(b"once upon a time\n", "t.txt"), None)


def test_plain_utf_8_is_read_by_the_importer_that_knows_it(drivers: Drivers) -> None:
    assert choose_importer(drivers, MemorySource(LINE.encode(), "t.jsonl"), None).record.name == "jsonl"
