"""The quick look must never clear what the close look finds."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Sequence
from urllib.parse import quote

import pytest
from assay_check_secrets.budget import Budget, TooMuchWork
from assay_check_secrets.encodings import from_base64, from_url_encoding
from assay_check_secrets.inspection import inspect
from assay_check_secrets.kinds import KINDS, Kind
from assay_check_secrets.scanner import Scanner

from assay_core.model import JsonValue

PLENTY = 10**9


def some_credential(rng: random.Random) -> str:
    alphabet = string.ascii_letters + string.digits
    body = "".join(rng.choices(alphabet, k=60))
    upper = "".join(rng.choices(string.ascii_uppercase + string.digits, k=16))
    return rng.choice(
        [
            "gh" + "p_" + body[:36],
            "AK" + "IA" + upper,
            "-----BEGIN EC " + "PRIVATE KEY-----",
            "https://u" + body[:5] + ":" + body[5:12] + "@h.example",
            "xo" + "xp-" + body[:12],
        ]
    )


def disguise(text: str, rng: random.Random) -> str:
    for _ in range(rng.randrange(4)):
        data = text.encode()
        text = rng.choice(
            [
                text,
                base64.b64encode(data).decode(),
                base64.urlsafe_b64encode(data).decode().rstrip("="),
                base64.encodebytes(data).decode(),
                quote(text, safe=""),
                "see " + text,
            ]
        )
    return text


def some_value(rng: random.Random, depth: int = 0) -> JsonValue:
    words = ["read", "a path/like/this.txt", "100 %", "ünïcode ☃", "x" * 30, "", "tab\there", 'quote"d', "back\\slash"]
    leaf: Sequence[JsonValue] = [rng.choice(words), rng.randrange(10**9), None, True, 1.5]
    if depth == 0 or rng.random() < 0.4:
        if rng.random() < 0.5:
            return [some_value(rng, depth + 1) for _ in range(rng.randrange(4))]
        return {rng.choice(words): some_value(rng, depth + 1) for _ in range(rng.randrange(4))}
    if rng.random() < 0.2:
        return disguise(rng.choice(words) + some_credential(rng), rng)
    if rng.random() < 0.1:
        return {disguise(some_credential(rng), rng): rng.choice(leaf)}
    return rng.choice(leaf)


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_look_clears_nothing_that_the_close_look_finds(seed: int) -> None:
    rng = random.Random(seed)
    kinds: list[Kind] = rng.choice([["aws", "github", "private_key"], sorted(KINDS), ["basic_auth"], ["slack", "aws"]])
    scanner = Scanner(kinds)
    found = cleared = 0

    for _ in range(200):
        value = some_value(rng)
        hits = list(inspect(value, scanner, Budget(PLENTY)))
        for ascii_only in (True, False):
            clears = scanner.clears(json.dumps(value, ensure_ascii=ascii_only))
            assert not (clears and hits), value
            cleared += clears
        found += bool(hits)

    assert found > 0
    assert cleared > 0


def test_three_layers_of_encoding_are_taken_off_and_no_more() -> None:
    scanner = Scanner(["aws"])
    text = "AK" + "IA" + "Z7Q2" * 4
    for layers in range(1, 6):
        text = base64.b64encode(text.encode()).decode()
        assert bool(scanner.find(text, Budget(PLENTY))) == (layers <= 3)


def test_the_budget_ends_a_search() -> None:
    scanner = Scanner(["aws"])

    with pytest.raises(TooMuchWork):
        scanner.find("a" * 200, Budget(199))


def test_the_budget_is_spent_before_anything_is_decoded() -> None:
    for decode in (lambda: from_base64("A" * 200, 24, Budget(599)), lambda: from_url_encoding("%41" * 10, Budget(29))):
        with pytest.raises(TooMuchWork):
            decode()


def test_decoding_leaves_rubbish_harmless() -> None:
    budget = Budget(PLENTY)

    assert from_url_encoding("100 % sure %zz %41", budget) == "100 % sure %zz A"
    assert from_url_encoding("no sign", budget) == "no sign"
    assert from_base64("short", 24, budget) == ""
    assert set(from_base64("\xff/8+" * 30 + "A" * 25, 24, budget)) <= {" ", "\n", *map(chr, range(0x20, 0x7F))}


def test_many_allowed_credentials_in_one_text_hide_no_other() -> None:
    literal = "AK" + "IA" + "Z7Q2" * 4
    scanner = Scanner(["aws"], [literal])
    text = f"{literal} " * 20_000

    assert scanner.find(text, Budget(PLENTY)) == ()
    assert len(scanner.find(f"{text}{literal}7", Budget(PLENTY))) == 1
