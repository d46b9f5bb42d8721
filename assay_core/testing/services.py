"""The contracts of embedders and judges, as tests to inherit."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from assay_core.contracts import Embedder, Judge
from assay_core.errors import ServiceError
from assay_core.model import JsonValue
from assay_core.testing.contract import PluginContract
from assay_core.testing.hostile import HOSTILE_TEXTS

__all__ = ["EmbedderContract", "JudgeContract", "ServiceContract"]

_TRANSIENT = frozenset({"E_RATE_LIMIT", "E_PROVIDER_5XX", "E_TIMEOUT", "E_NETWORK_ERROR"})
_TEXTS = ("A refund takes five days.", "no", "", "a refund takes five days", "the weather " * 50)
_PROMPT = "Does it hold? Answer with JSON."


class ServiceContract(PluginContract):
    """What holds for drivers that may stand for a service far away. Inherit one of its two children."""

    known_needs: ClassVar[frozenset[str]] = frozenset({"network", "model"})

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        """The keys that the driver under test was given; those of a test, never real ones."""
        return ()

    def test_id_names_the_model_in_plain_characters(self, driver: Embedder | Judge) -> None:
        """The id is part of cache keys and stands in reports."""
        assert driver.id
        assert all("!" <= each <= "~" for each in driver.id), f"{driver.id!r} holds white space or odd characters"
        assert "|" not in driver.id, "the parts of cache keys are divided by it"

    def test_needs_are_known(self, driver: Embedder | Judge) -> None:
        """What `--deny network` and `--replay-strict` look at."""
        assert isinstance(driver.needs, frozenset)
        assert driver.needs <= self.known_needs, f"unknown: {sorted(driver.needs - self.known_needs)}"

    def test_no_key_is_kept_or_shown(self, driver: Embedder | Judge, secrets: Sequence[str]) -> None:
        """Not in the id, not in what the driver shows of itself; a key is read when it is needed."""
        shown = f"{driver.id} {driver!r} {driver!s}"
        assert not [each for each in secrets if each and each in shown]


class EmbedderContract(ServiceContract):
    """Supply the fixture `embedder`; for one that needs the network, a server of the test behind it.

    Such a one also supplies `unavailable`: an embedder like it, whose service answers nothing of use.
    """

    group: ClassVar[str] = "assay.embedders"
    driver_fixture: ClassVar[str] = "embedder"

    @pytest.fixture
    def embedder(self) -> Embedder:
        """The embedder under test."""
        raise NotImplementedError("write a fixture `embedder` that returns your embedder")

    @pytest.fixture
    def unavailable(self) -> Embedder | None:
        """One whose service is not to be had; None for an embedder that needs no network."""
        return None

    def test_there_is_one_row_of_finite_numbers_per_text(self, embedder: Embedder) -> None:
        """Little-endian float32, all of one length."""
        rows = list(embedder.embed(_TEXTS))

        assert len(rows) == len(_TEXTS)
        assert {type(row) for row in rows} == {bytes}
        (size,) = {len(row) for row in rows}
        assert size > 0
        assert size % 4 == 0
        assert embedder.dims in (0, size // 4)
        assert all(math.isfinite(each) for row in rows for each in struct.unpack(f"<{size // 4}f", row))

    def test_no_text_makes_no_row(self, embedder: Embedder) -> None:
        """An empty batch is no error."""
        assert list(embedder.embed([])) == []

    def test_a_vector_depends_on_its_text_alone(self, embedder: Embedder) -> None:
        """Neither on the other texts of the batch nor on their order; else cached and fresh runs would differ."""
        rows = list(embedder.embed(_TEXTS))

        assert list(embedder.embed(_TEXTS[::-1])) == rows[::-1]
        assert [embedder.embed([text])[0] for text in _TEXTS] == rows

    def test_any_text_is_embedded(self, embedder: Embedder) -> None:
        """Empty, long, with lone surrogates and control characters."""
        rows = list(embedder.embed(HOSTILE_TEXTS))

        assert len(rows) == len(HOSTILE_TEXTS)

    def test_threads_may_share_it(self, embedder: Embedder) -> None:
        """Checks wait in a pool."""
        (alone,) = embedder.embed([_TEXTS[0]])
        with ThreadPoolExecutor(4) as pool:
            rows = list(pool.map(lambda _: embedder.embed([_TEXTS[0]])[0], range(8)))

        assert set(rows) == {alone}

    def test_a_service_that_is_not_there_is_exit_3(
        self, embedder: Embedder, unavailable: Embedder | None, secrets: Sequence[str]
    ) -> None:
        """With a reason code that says so, and without the key."""
        if unavailable is None:
            assert "network" not in embedder.needs, "write the fixture `unavailable`"
            return
        with pytest.raises(ServiceError) as caught:
            unavailable.embed([_TEXTS[0]])
        _check(caught.value, "E_EMBEDDER_UNAVAILABLE", secrets)


class JudgeContract(ServiceContract):
    """Supply the fixtures `judge`, with a server of the test behind it that answers, and `unavailable`."""

    group: ClassVar[str] = "assay.judges"
    driver_fixture: ClassVar[str] = "judge"
    timeout_s: ClassVar[float] = 20.0

    @pytest.fixture
    def judge(self) -> Judge:
        """The judge under test."""
        raise NotImplementedError("write a fixture `judge` that returns your judge")

    @pytest.fixture
    def unavailable(self) -> Judge | None:
        """One whose service is not to be had; None for a judge that needs no network."""
        return None

    def test_the_answer_is_text(self, judge: Judge) -> None:
        """What it means is the caller's business."""
        assert isinstance(judge.ask(_PROMPT, _schema(), 7, timeout_s=self.timeout_s), str)

    @pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
    def test_every_seed_is_taken(self, judge: Judge, seed: int) -> None:
        """63 bits, the largest included."""
        assert isinstance(judge.ask(_PROMPT, _schema(), seed, timeout_s=self.timeout_s), str)

    def test_any_prompt_is_asked(self, judge: Judge) -> None:
        """The candidate's text is part of it."""
        for text in HOSTILE_TEXTS:
            assert isinstance(judge.ask(_PROMPT + text, _schema(), 7, timeout_s=self.timeout_s), str)

    def test_the_schema_is_left_as_it_is(self, judge: Judge) -> None:
        """It is the caller's."""
        schema = _schema()

        judge.ask(_PROMPT, schema, 7, timeout_s=self.timeout_s)

        assert schema == _schema()

    def test_threads_may_share_it(self, judge: Judge) -> None:
        """Checks wait in a pool."""
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda n: judge.ask(_PROMPT, _schema(), n, timeout_s=self.timeout_s), range(8)))

        assert {type(each) for each in answers} == {str}

    def test_a_service_that_is_not_there_is_exit_3(
        self, judge: Judge, unavailable: Judge | None, secrets: Sequence[str]
    ) -> None:
        """With a reason code that says so, within the time, and without the key."""
        if unavailable is None:
            assert "network" not in judge.needs, "write the fixture `unavailable`"
            return
        with pytest.raises(ServiceError) as caught:
            unavailable.ask(_PROMPT, _schema(), 7, timeout_s=1.0)
        _check(caught.value, "E_JUDGE_UNAVAILABLE", secrets)


def _schema() -> JsonValue:
    return {"type": "object", "required": ["passed"], "properties": {"passed": {"type": "boolean"}}}


def _check(error: ServiceError, unavailable: str, secrets: Sequence[str]) -> None:
    assert error.code in _TRANSIENT | {unavailable}
    assert not [each for each in secrets if each and each in f"{error} {error.message} {error.remedy}"]
