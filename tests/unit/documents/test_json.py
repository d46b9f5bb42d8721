"""Strict JSON for small files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_core.documents import parse_json
from assay_core.errors import InputError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_what_json_writes_is_read_back(value: object, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    assert parse_json(text.encode(), "f.json") == value


@pytest.mark.parametrize(
    ("data", "line", "column", "words"),
    [
        (b'{"a": 1,\n "a": 2}', 2, 2, "stands twice"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', 1, 16, "stands twice"),
        (b"[NaN]", 1, 2, "expected a value"),
        (b"[Infinity]", 1, 2, "expected a value"),
        (b"[1,]", 1, 4, "expected a value"),
        (b'{"a": 1,}', 1, 9, "expected a key"),
        (b"[01]", 1, 3, "expected ','"),
        (b"[1] 2", 1, 5, "text follows"),
        (b"", 1, 1, "the end of the text"),
        (b"[1", 1, 3, "the end of the text"),
        (b'["\\ud800"]', 1, 2, "surrogate"),
        (b'["a\nb"]', 1, 4, "control character"),
        (b'["\\x"]', 1, 3, "escape"),
        (b"\xef\xbb\xbf{}", 1, 1, "expected a value"),
        (b'{"a": "\xff"}', 1, 8, "not UTF-8"),
        (b"[1e400]", 1, 2, "beyond"),
        (b"[" + b"1" * 2000 + b"]", 1, 2, "2000 digits"),
        (b"{'a': 1}", 1, 2, "expected a key"),
        (b"[1] // c", 1, 5, "text follows"),
    ],
)
def test_what_is_not_strict_json_is_refused_at_its_place(data: bytes, line: int, column: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_json(data, "f.json")

    place = caught.value.place
    assert place is not None
    assert (caught.value.code, place.line, place.column) == ("E_CFG_PARSE", line, column)
    assert words in caught.value.message.lower() or words in caught.value.message


@pytest.mark.parametrize("data", [b"[" * 200_000, b"[" + b"1," * 1_000_001 + b"1]", b" " * (10 * 1024 * 1024 + 1)])
def test_the_limits_hold(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_json(data, "f.json")

    assert caught.value.code == "E_DOCUMENT_LIMIT"
