"""Texts that may be secrets are told from those that are not."""

from __future__ import annotations

import pytest

from assay_core.analysis.learning.sensitive import bits_per_byte, holds_credential, is_private_name, may_be_secret


@pytest.mark.parametrize(
    "text",
    ["AKIAIOSFODNN7EXAMPLE", "x ghp_0123456789abcdefABCD y", "Authorization: Bearer abc", "password=hunter2",
     "postgres://u:p@h/db", "-----BEGIN RSA PRIVATE KEY-----", "sk_live_0123456789", "api_key: 'x'"],
)  # fmt: skip
def test_known_kinds_of_credentials_are_found(text: str) -> None:
    assert holds_credential(text)
    assert may_be_secret(text)


@pytest.mark.parametrize(
    "text",
    ["9f86d081884c7d659a2feaa0c55ad015", "Tr0ub4dor&3", "4111111111111111", "dGhpcyBpcyBhIHRlc3QgMTIzNDU2Nzg5",
     "/srv/9f86d081884c7d659a2f/x", "550e8400-e29b-41d4-a716-446655440000"],
)  # fmt: skip
def test_random_words_may_be_secrets(text: str) -> None:
    assert may_be_secret(text)


@pytest.mark.parametrize(
    "text",
    ["open", "customer_support_ticket", "/srv/data/report-2026.json", "2026-11-22T10:00:00Z", "https://api.example.com/v1",
     "hello world", "", "ORDER-12345", "read_file", "a" * 5000],
)  # fmt: skip
def test_ordinary_texts_are_none(text: str) -> None:
    assert not may_be_secret(text)


@pytest.mark.parametrize("name", ["password", "apiKey", "API_KEY", "auth_token", "client-secret", "sessionId", "pin"])
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_private_name(name)


@pytest.mark.parametrize("name", ["path", "monkey", "spinner", "author", "passenger", "keyboard", "query"])
def test_names_that_only_hold_such_words_are_not(name: str) -> None:
    assert not is_private_name(name)


def test_entropy_is_counted_in_bits_per_byte() -> None:
    assert bits_per_byte("") == 0
    assert bits_per_byte("aaaa") == 0
    assert bits_per_byte("abcd") == 2
    assert bits_per_byte("éé") == pytest.approx(0.5)  # two characters, four bytes
