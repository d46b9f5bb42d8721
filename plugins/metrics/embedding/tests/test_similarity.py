"""`semantic_similarity_to`: recorded vectors first, then the embedder, then an error that says what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from assay_metric_embedding.vectors import cosine, sha256_hex

from assay_core.errors import AssayError, InputError
from assay_core.model import Episode, JsonValue, MetricResult, Outcome
from assay_core.testing import make_episode

Prepare = Callable[..., Any]


def episode(embeddings: JsonValue = None, *, namespace: str = "assay", **fields: Any) -> Episode:
    import msgspec

    extra = {} if embeddings is None else {"meta": {namespace: {"embeddings": embeddings}}}
    return make_episode(extra_json=msgspec.json.encode(extra), **fields)


def judge(prepare: Prepare, given: Episode, **options: Any) -> MetricResult:
    check = prepare("semantic_similarity_to", **{"text": "Done.", **options})
    (result,) = check.measure([given])
    return result


def test_recorded_vectors_are_compared_without_any_embedder(prepare: Prepare) -> None:
    result = judge(prepare, episode({"response": [3, 0], "reference": [2, 1.5], "model": "m"}), min_score=0.5)

    assert result.outcome is Outcome.HELD
    assert result.score == pytest.approx(0.8)
    assert result.details == {
        "score": pytest.approx(0.8),
        "min_score": 0.5,
        "epsilon": 1e-6,
        "dims": 2,
        "model": "m",
        "source_response": "trace",
        "source_reference": "trace",
    }


@pytest.mark.parametrize(("bound", "outcome"), [(0.8000009, Outcome.HELD), (0.800002, Outcome.VIOLATED)])
def test_the_bound_has_a_tolerance_of_a_millionth(prepare: Prepare, bound: float, outcome: Outcome) -> None:
    result = judge(prepare, episode({"response": [1, 0], "reference": [0.8, 0.6]}), min_score=bound)

    assert result.outcome is outcome


def test_a_low_similarity_is_a_finding_with_the_score(prepare: Prepare) -> None:
    result = judge(prepare, episode({"response": [1, 0], "reference": [-1, 0]}))

    assert (result.outcome, result.score) == (Outcome.VIOLATED, 0.0)
    assert result.findings[0].code == "E_SIMILARITY_LOW"
    assert result.details["score"] == -1.0
    assert result.details["min_score"] == 0.80


@pytest.mark.parametrize(
    "embeddings",
    [
        {"response": [1, 0], "reference": [1, 0, 0]},
        {"response": [], "reference": []},
        {"response": [0, 0], "reference": [1, 0]},
        {"response": [1, "0"], "reference": [1, 0]},
        {"response": [True, False], "reference": [1, 0]},
        {"response": "AAAA", "reference": [1, 0]},
        {"response": [10**400, 1], "reference": [1, 0]},
    ],
)
def test_vectors_that_cannot_be_compared_are_configuration_errors_with_the_line(
    prepare: Prepare, embeddings: JsonValue
) -> None:
    with pytest.raises(InputError) as caught:
        judge(prepare, episode(embeddings))

    assert (caught.value.code, caught.value.exit_code) == ("E_EMBEDDING_INVALID", 2)
    assert caught.value.place is not None
    assert caught.value.place.line == 1


def test_huge_and_tiny_numbers_neither_overflow_nor_vanish() -> None:
    assert cosine([1e308, 1e308], [1e308, 1e308]) == pytest.approx(1.0)
    assert cosine([5e-324, 0.0], [1.0, 0.0]) == 1.0


@pytest.mark.parametrize("namespace", ["assay", "verdict"])
def test_both_names_of_the_format_are_read(prepare: Prepare, namespace: str) -> None:
    result = judge(prepare, episode({"response": [1], "reference": [1]}, namespace=namespace))

    assert result.outcome is Outcome.HELD


@pytest.mark.parametrize(
    "embeddings",
    [
        None,
        {"response": [1, 0]},
        {"reference": [1, 0]},
        {"response": [1], "reference": [1], "response_sha256": "0" * 64},
        {"response": [1], "reference": [1], "reference_sha256": "0" * 64},
        "none",
    ],
)
def test_without_vectors_for_these_texts_and_without_an_embedder_it_is_a_configuration_error(
    prepare: Prepare, embeddings: JsonValue
) -> None:
    with pytest.raises(InputError) as caught:
        judge(prepare, episode(embeddings))

    assert (caught.value.code, caught.value.exit_code) == ("E_EMBEDDER_MISSING", 2)
    assert "--embedder" in caught.value.remedy


def test_a_further_reference_has_a_vector_of_its_own(prepare: Prepare) -> None:
    embeddings: JsonValue = {
        "response": [1, 0],
        "response_sha256": sha256_hex("Done."),
        "reference": [0, 1],
        "reference_sha256": sha256_hex("another text"),
        "further_references": {sha256_hex("Done."): [1, 0]},
    }

    assert judge(prepare, episode(embeddings)).details["score"] == 1.0


def test_an_embedder_is_asked_once_for_each_text(prepare: Prepare, counting: Any) -> None:
    check = prepare("semantic_similarity_to", services={"embedder": "counting"}, text="banana")

    first, second = check.measure([episode(response="banana"), episode(response="banana")])

    assert counting.asked == ["banana"]
    assert (first.details["source_response"], second.details["source_response"]) == ("live", "cache")
    assert (first.details["model"], first.details["dims"]) == ("counting", 3)
    assert check.blocking


def test_refresh_embeds_anew_what_is_cached(prepare: Prepare, counting: Any) -> None:
    services: dict[str, JsonValue] = {"embedder": "counting"}
    prepare("semantic_similarity_to", services=services, text="a").measure([episode(response="b")])
    again = prepare("semantic_similarity_to", services={**services, "refresh_embeddings": True}, text="a")

    again.measure([episode(response="b"), episode(response="b")])

    assert counting.asked == ["b", "a", "b", "a"]


def test_a_cache_that_returns_rubbish_is_not_believed(prepare: Prepare, counting: Any, context: Any) -> None:
    for rubbish in (b"", b"abc", b"\x00\x00\xc0\x7f" * 3, b"\x00" * 8):
        context.cache.put(f"emb|counting|{sha256_hex('Done.')}", rubbish)
        check = prepare("semantic_similarity_to", services={"embedder": "counting"}, text="Done.")

        assert check.measure([episode()])[0].outcome is Outcome.HELD


@pytest.mark.parametrize(
    ("services", "lent", "code"),
    [
        ({"embedder": "counting", "replay_strict": True}, {}, "E_REPLAY_STRICT_MISSING"),
        ({"embedder": "counting"}, {"offline": True}, "E_NEEDS_NETWORK"),
        ({"embedder": "none"}, {}, "E_EMBEDDER_MISSING"),
    ],
)
def test_what_the_run_does_not_allow_is_refused_before_anybody_is_asked(
    prepare: Prepare, counting: Any, services: Any, lent: Any, code: str
) -> None:
    check = prepare("semantic_similarity_to", services=services, lent=lent, text="x")

    with pytest.raises(AssayError) as caught:
        check.measure([episode()])

    assert (caught.value.code, caught.value.exit_code) == (code, 2)
    assert counting.asked == []


@pytest.mark.parametrize("services", [{}, {"embedder": "counting"}])
def test_validate_leaves_to_run_what_would_ask_a_model(prepare: Prepare, counting: Any, services: Any) -> None:
    check = prepare("semantic_similarity_to", services=services, lent={"defers": True}, text="x")

    asked, recorded = check.measure([episode(), episode({"response": [1], "reference": [1]})])

    assert (asked.outcome, asked.deferred) == (Outcome.NOT_APPLICABLE, True)
    assert (recorded.outcome, recorded.deferred) == (Outcome.HELD, False)
    assert counting.asked == []


def test_hashing_is_allowed_everywhere(prepare: Prepare) -> None:
    services = {"embedder": "hashing", "replay_strict": True}
    check = prepare("semantic_similarity_to", services=services, lent={"offline": True, "defers": True}, text="Done.")

    assert check.measure([episode()])[0].outcome is Outcome.HELD
    assert not check.blocking


@pytest.mark.parametrize("response", [None, "", " \n"])
def test_an_episode_without_a_response_is_violated(prepare: Prepare, response: str | None) -> None:
    result = judge(prepare, episode(response=response))

    assert result.findings[0].code == "E_RESPONSE_MISSING"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"min_score": -1.0}, "E_CFG_VACUOUS"),
        ({"threshold": 1.01}, "E_CFG_PARSE"),
        ({"text": " "}, "E_CFG_PARSE"),
    ],
)
def test_bounds_that_hold_always_or_never_are_refused(prepare: Prepare, options: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        judge(prepare, episode(), **options)

    assert caught.value.code == code
    assert caught.value.place is not None


def test_recorded_vectors_need_neither_numpy_nor_http() -> None:
    script = (
        "import sys\n"
        "from assay_metric_embedding.similarity import SemanticSimilarity\n"
        "from assay_metric_embedding.vectors import cosine\n"
        "assert cosine([1.0], [2.0]) == 1.0\n"
        "print(sorted({'numpy', 'http.client', 'ssl', 'wordllama'} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("rows", [[], [b"\x00" * 12, b"\x00" * 12], [b"\x00" * 8], [b"abc"], ["text"]])
def test_an_embedder_that_breaks_its_contract_is_named(prepare: Prepare, counting: Any, rows: Any) -> None:
    counting.embed = lambda texts: rows
    check = prepare("semantic_similarity_to", services={"embedder": "counting"}, text="Done.")

    with pytest.raises(AssayError) as caught:
        check.measure([episode()])

    assert caught.value.code in ("E_PLUGIN_FAULT", "E_EMBEDDING_INVALID")
