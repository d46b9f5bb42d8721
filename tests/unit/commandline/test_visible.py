"""Hostile text in the sinks of people."""

from __future__ import annotations

import pytest

from assay_core.commandline import excerpt, sanitise


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain [red]text[/]", "plain [red]text[/]"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc\x00", "a\\nb\\r\\tc\\x00"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\x9b31m", "\\x9b31m"),
        ("lone \ud800", "lone \\ud800"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("filler \u3164 \ufe0e", "filler \\u3164 \\ufe0e"),
        ("no\u00a0break\u2028", "no\\xa0break\\u2028"),
        ("Grüße, 你好 ⚠️", "Grüße, 你好 ⚠️"),
        ("", ""),
    ],
)
def test_sanitise_shows_what_cannot_be_seen(hostile: str, shown: str) -> None:
    assert sanitise(hostile) == shown


def test_sanitise_leaves_nothing_unprintable_in_any_plane() -> None:
    everything = "".join(map(chr, (*range(0x3000), *range(0xD800, 0x10000), *range(0xE0000, 0xE0200))))

    assert sanitise(everything).isprintable()


def test_excerpt_keeps_short_text_and_counts_what_it_cuts() -> None:
    assert excerpt("short", 10) == "short"

    cut = excerpt("x" * 1_000_000, 60)

    assert len(cut) == 60
    assert cut.endswith("… [1,000,000 characters]")


def test_excerpt_stays_within_its_limit_when_escapes_lengthen_the_text() -> None:
    cut = excerpt("\u202e" * 50, 60)

    assert len(cut) <= 60
    assert cut.startswith("\\u202e")
    assert cut.endswith("… [50 characters]")
