from __future__ import annotations

import pytest

from assay_core.commandline.markdown import cell, code


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("read_file", "`read_file`"),
        ("", "—"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        (" a ", "`  a  `"),
        ("<!-- assay -->", "`<! -- assay -->`"),
        ("line\nbreak\x1b[31m\u202e", "`line\\nbreak\\x1b[31m\\u202e`"),
    ],
)
def test_text_is_a_code_span_whatever_is_in_it(text: str, shown: str) -> None:
    assert code(text) == shown


def test_a_cell_does_not_end_at_a_bar() -> None:
    assert cell("a|b") == "`a\\|b`"


def test_a_long_text_is_cut_and_says_so() -> None:
    assert code("x" * 1_000, 40) == "`" + "x" * 20 + "… [1,000 characters]`"
