"""Whatever the text: a value of JSON, or an error at a place."""

from __future__ import annotations

import io
import json
import warnings

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from assay_core.documents import parse_document
from assay_core.errors import AssayError

PIECES = st.sampled_from(
    ["a", "b: ", "- ", "? ", ": ", "{", "}", "[", "]", ",", "\n", "\n  ", "\n    ", "&x ", "*x", "!!str ", "!<", "!e!",
     "|", "|+2\n", ">-\n", "'", '"', "\\u00", "\\x4", "\\U00110000", "%YAML 1.2\n", "---\n", "...", "\t", "#c\n", " ",
     "<<: ", "@", "%TAG ! x\n", "~", "1e5", "0x", "é", "😀", "\r", "\0", "=", "\u2028", "\ud800"]
)  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff\u2028\u2029"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=15,
)


def read(data: str | bytes) -> tuple[object, AssayError | None]:
    try:
        return parse_document(data, "f").value, None
    except AssayError as error:
        return None, error


@given(st.lists(PIECES, max_size=14).map("".join))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_json_value_or_an_error_at_a_place(text: str) -> None:
    value, error = read(text)

    if error is None:
        json.dumps(value, allow_nan=False)
    else:
        assert error.place is not None
        assert 0 < error.place.line <= len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        assert error.place.column > 0


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_json_value_or_an_error(data: bytes) -> None:
    value, error = read(data)

    if error is None:
        json.dumps(value, allow_nan=False)
    else:
        assert error.place is not None


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_what_ruamel_writes_means_the_same_here(value: object) -> None:
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ruamel.yaml on long floats
        yaml = YAML(typ="safe", pure=True)
        yaml.dump(value, stream)
        try:
            assume(YAML(typ="safe", pure=True).load(stream.getvalue()) == value)  # it has faults of its own
        except YAMLError:
            assume(False)

    assert parse_document(stream.getvalue(), "f").value == value
