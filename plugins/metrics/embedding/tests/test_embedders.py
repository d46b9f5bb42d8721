"""The embedders that work here: the same vector everywhere, near for near texts."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from typing import Any, cast

import pytest
from assay_metric_embedding.hashing import HashingEmbedder
from assay_metric_embedding.openai import OpenAIEmbedder, OpenAIOptions
from assay_metric_embedding.vectors import cosine, unpack

from assay_core.contracts import Embedder
from assay_core.errors import UsageError
from assay_core.plugins.drivers import load
from assay_core.testing import EmbedderContract

HAS_WORDLLAMA = importlib.util.find_spec("wordllama") is not None


def score(embedder: Embedder, a: str, b: str) -> float:
    first, second = embedder.embed([a, b])
    return cosine(unpack(first), unpack(second))


class TestHashingKeepsTheContract(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return HashingEmbedder()


class TestOpenAIKeepsTheContract(EmbedderContract):
    @pytest.fixture
    def embedder(self, service: Any) -> Embedder:
        return OpenAIEmbedder(OpenAIOptions(base_url=service.url))

    @pytest.fixture
    def unavailable(self, closed_url: str) -> Embedder:
        return OpenAIEmbedder(OpenAIOptions(base_url=closed_url, attempts=2, backoff_s=0.01))

    @pytest.fixture
    def secrets(self) -> list[str]:
        return ["sk-secret-of-this-test"]


@pytest.mark.skipif(not HAS_WORDLLAMA, reason="the extra [local], wordllama, is not installed")
class TestLocalKeepsTheContract(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return cast("Embedder", load("assay.embedders", "local"))


def test_hashing_gives_these_very_bytes_on_every_machine() -> None:
    (row,) = HashingEmbedder().embed(["Refunds take five working days. \u20ac385 \U0001f4b6"])

    assert len(row) == 4 * HashingEmbedder.dims
    assert hashlib.sha256(row).hexdigest() == "72aed7276bbd31ed462ea15f840ba7d1bbc58320e8e3414a119968d024bd994e"


def test_hashing_has_unit_length_and_sees_neither_case_nor_white_space() -> None:
    one, two, blank = HashingEmbedder().embed(["Refund  my\norder", "refund my ORDER ", " \t"])

    assert one == two
    assert sum(each * each for each in unpack(one)) == pytest.approx(1.0, abs=1e-6)
    assert not any(blank)


def test_hashing_finds_similar_spellings_nearer_than_others() -> None:
    near = score(HashingEmbedder(), "refund order 1234", "refund order 1235")
    far = score(HashingEmbedder(), "refund order 1234", "the weather is fine")

    assert near > 0.7
    assert far < 0.2


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "x" * 20_000, "\u202e\u200b"])
def test_hashing_takes_any_text(text: str) -> None:
    (row,) = HashingEmbedder().embed([text])

    assert any(row)


@pytest.mark.skipif(HAS_WORDLLAMA, reason="wordllama is installed here")
def test_local_names_the_extra_where_it_is_not_installed() -> None:
    with pytest.raises(UsageError) as caught:
        load("assay.embedders", "local")

    assert caught.value.code == "E_PLUGIN_MISSING"
    assert "assay-metric-embedding[local]" in caught.value.remedy


@pytest.mark.skipif(not HAS_WORDLLAMA, reason="the extra [local], wordllama, is not installed")
class TestLocal:
    def test_it_knows_what_words_mean(self) -> None:
        local = cast("Embedder", load("assay.embedders", "local"))

        near = score(local, "I want my money back", "please give me a refund")
        far = score(local, "I want my money back", "the capital of France is Paris")

        assert near > far + 0.2

    def test_a_vector_does_not_depend_on_its_neighbours(self) -> None:
        local = cast("Embedder", load("assay.embedders", "local"))

        together = local.embed(["a refund", "something much longer than that, really", " ", "\ud800 odd"])

        assert [local.embed([text])[0] for text in ("a refund", " ")] == [together[0], together[2]]
        assert {len(row) for row in together} == {4 * local.dims}

    def test_it_works_where_sockets_are_forbidden(self) -> None:
        script = (
            "import socket\n"
            "def no(*a, **k): raise SystemExit('a socket was opened')\n"
            "socket.socket.connect = socket.getaddrinfo = no\n"
            "from assay_metric_embedding.local import LocalEmbedder\n"
            "print(len(LocalEmbedder().embed(['a refund'])[0]))\n"
        )

        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)

        assert done.stdout.strip() == "1024", done.stderr
