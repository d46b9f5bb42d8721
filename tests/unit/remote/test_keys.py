"""Keys taken out of what services say."""

from __future__ import annotations

import pytest

from assay_core.remote import without_keys


@pytest.mark.parametrize(
    "key", ["sk-abcdefghijkl", "ghp_0123456789abcdef", "AKIAIOSFODNN7EXAMPLE", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.abc"]
)
def test_keys_are_hidden(key: str) -> None:
    assert without_keys(f"the key '{key}' leaks") == "the key '[redacted]' leaks"
    assert without_keys(f"x{key}y zz", f"x{key}y") == "[redacted] zz"


def test_words_are_not_keys() -> None:
    text = "The sk-y is blue, a sentence-with-many-hyphens-and-no-digits stands, and 385 euros."

    assert without_keys(text) == text
