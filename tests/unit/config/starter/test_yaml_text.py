"""Values of a trace written as YAML are read back as they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assay_core.config.starter.yaml_text import block, comment, scalar
from assay_core.documents import parse_document

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(TEXT)
def test_scalar_is_read_back_as_the_same_text(text: str) -> None:
    assert parse_document(f"a: {scalar(text)}\n", "x").value == {"a": text}


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_block_is_read_back_as_the_same_mapping(value: dict[str, object]) -> None:
    text = "".join(f"{line}\n" for line in block(value)) or "{}\n"  # type: ignore[arg-type]  # JSON by construction

    assert parse_document(text, "x").value == value


@given(TEXT)
def test_comment_stays_on_its_line(text: str) -> None:
    assert parse_document(f"# {comment(text)}\na: 1\n", "x").value == {"a": 1}
