"""The embedder `openai` against a real server that misbehaves in every way that was thought of."""

from __future__ import annotations

import time
import traceback
from typing import Any

import pytest
from assay_metric_embedding.openai import OpenAIEmbedder, OpenAIOptions
from assay_metric_embedding.vectors import unpack

from assay_core.errors import AssayError, ServiceError, UsageError
from assay_core.plugins.drivers import load

KEY = "sk-secret-of-this-test"


def embedder(**options: object) -> OpenAIEmbedder:
    return OpenAIEmbedder(OpenAIOptions(**{"backoff_s": 0.01, "timeout_s": 0.4, "attempts": 2, **options}))  # type: ignore[arg-type]  # options by name


def test_rows_come_back_in_the_order_of_the_texts(service: Any) -> None:
    rows = embedder(timeout_s=10.0).embed(["banana", "no", ""])

    assert [unpack(row) for row in rows] == [(6.0, 3.0, 1.0), (2.0, 0.0, 1.0), (0.0, 0.0, 1.0)]


def test_texts_go_in_batches_with_the_model_and_the_key(service: Any) -> None:
    made = embedder(model="m-1", batch=2, timeout_s=10.0)

    made.embed(["a", "b", "c"])

    assert [body["input"] for _, body in service.requests] == [["a", "b"], ["c"]]
    assert {(body["model"], head["Authorization"]) for head, body in service.requests} == {("m-1", f"Bearer {KEY}")}
    assert made.dims == 3
    assert made.id.startswith("m-1@127.0.0.1:")


@pytest.mark.parametrize(
    ("word", "code", "requests"),
    [
        ("429", "E_RATE_LIMIT", 2),
        ("busy", "E_RATE_LIMIT", 2),
        ("500", "E_PROVIDER_5XX", 2),
        ("503", "E_PROVIDER_5XX", 2),
        ("408", "E_TIMEOUT", 2),
        ("silent", "E_TIMEOUT", 2),
        ("drip", "E_TIMEOUT", 2),
        ("drip_head", "E_TIMEOUT", 2),
        ("hang_up", "E_NETWORK_ERROR", 2),
        ("short", "E_NETWORK_ERROR", 2),
        ("noise", "E_EMBEDDER_UNAVAILABLE", 2),
        ("no_json", "E_EMBEDDER_UNAVAILABLE", 2),
        ("other_json", "E_EMBEDDER_UNAVAILABLE", 2),
        ("too_few", "E_EMBEDDER_UNAVAILABLE", 2),
        ("uneven", "E_EMBEDDER_UNAVAILABLE", 2),
        ("empty", "E_EMBEDDER_UNAVAILABLE", 2),
        ("not_a_number", "E_EMBEDDER_UNAVAILABLE", 2),
        ("too_large", "E_EMBEDDER_UNAVAILABLE", 2),
        ("400", "E_EMBEDDER_UNAVAILABLE", 1),
        ("401", "E_EMBEDDER_UNAVAILABLE", 1),
        ("404", "E_EMBEDDER_UNAVAILABLE", 1),
        ("redirect", "E_EMBEDDER_UNAVAILABLE", 1),
    ],
)
def test_a_service_that_misbehaves_is_an_error_of_the_service_after_bounded_attempts(
    service: Any, word: str, code: str, requests: int
) -> None:
    service.script = [word]

    with pytest.raises(ServiceError) as caught:
        embedder().embed(["one", "two"])

    assert (caught.value.code, caught.value.exit_code, len(service.requests)) == (code, 3, requests)


@pytest.mark.parametrize("word", ["401", "429", "500", "no_json", "noise", "silent", "redirect"])
def test_no_error_shows_the_key(service: Any, word: str) -> None:
    service.script = [word]

    with pytest.raises(AssayError) as caught:
        embedder(timeout_s=0.2).embed(["one"])

    assert KEY not in "".join(traceback.format_exception(caught.value)) + caught.value.remedy


def test_a_service_that_recovers_is_no_error(service: Any) -> None:
    service.script = ["503", "429", "ok"]

    rows = embedder(attempts=3, timeout_s=10.0).embed(["a"])

    assert len(rows) == 1
    assert len(service.requests) == 3


def test_a_service_that_drips_is_cut_off_in_time(service: Any) -> None:
    service.script = ["drip"]
    started = time.monotonic()

    with pytest.raises(ServiceError):
        embedder(attempts=1).embed(["one"])

    assert time.monotonic() - started < 8, "the whole answer has a deadline, not each byte of it"


def test_nobody_at_the_address_is_a_network_error(service: Any, closed_url: str) -> None:
    with pytest.raises(ServiceError) as caught:
        embedder(base_url=closed_url).embed(["one"])

    assert caught.value.code == "E_NETWORK_ERROR"


@pytest.mark.parametrize("key", ["", "sk-\r\nHost: evil", "sk-gehe\u00efm"])
def test_a_key_that_is_missing_or_none_is_an_error_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    with pytest.raises(UsageError) as caught:
        embedder().embed(["one"])

    assert (caught.value.code, caught.value.exit_code) == ("E_CREDENTIAL_MISSING", 2)
    assert not key or key not in str(caught.value)


def test_a_server_on_this_machine_needs_no_key(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")

    embedder(timeout_s=10.0).embed(["one"])

    assert "Authorization" not in service.requests[0][0]


def test_the_key_does_not_travel_unencrypted_to_another_machine(service: Any) -> None:
    with pytest.raises(UsageError) as caught:
        embedder(base_url="http://models.example/v1").embed(["one"])

    assert caught.value.code == "E_INVALID_ARGS"
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "https://user:password@example.org/v1",
        "https://example.org/v1?key=x",
        "https://example.org:port/",
        "https:///v1",
        "https://example.org/a b",
        "nonsense",
    ],
)
def test_an_address_that_would_give_the_key_away_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        embedder(base_url=url)

    assert caught.value.code == "E_INVALID_ARGS"
    assert "password" not in caught.value.message or "user name" in caught.value.message


@pytest.mark.parametrize("options", [{"attempts": 0}, {"batch": 0}, {"timeout_s": 0.0}, {"backoff_s": -1.0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        load("assay.embedders", "openai", options)

    assert caught.value.code == "E_INVALID_ARGS"
