"""The nearest known answers, the novelty of arguments, and the neighbours beneath them."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from typing import Any

import pytest
from assay_metric_embedding.neighbours import Neighbours
from assay_metric_embedding.vectors import pack

from assay_core.errors import AssayError, InputError, UsageError
from assay_core.model import Outcome
from assay_core.testing import make_call, make_episode

pytest.importorskip("assay_importer_jsonl", reason="references are read by assay-importer-jsonl, not installed here")

HAS_HNSWLIB = importlib.util.find_spec("hnswlib") is not None
Prepare = Callable[..., Any]


@pytest.fixture
def good(write_trace: Callable[..., str]) -> str:
    return write_trace(
        "good.jsonl",
        {"prompt": "a", "response": "Refunds take five working days."},
        {"prompt": "b", "response": "Your parcel is on its way."},
        {"prompt": "c", "response": "Refunds take five working days."},
    )


@pytest.mark.parametrize(
    ("response", "outcome"),
    [("Refunds take five working days!", Outcome.HELD), ("I cannot help with that.", Outcome.VIOLATED)],
)
def test_a_response_is_held_by_the_nearest_known_good_one(
    prepare: Prepare, good: str, response: str, outcome: Outcome
) -> None:
    check = prepare("nearest_known_good", references=[good], embedder="hashing")

    (result,) = check.measure([make_episode(response=response)])

    assert result.outcome is outcome
    assert result.details["references"] == 2, "the same text counts once"
    assert [each["line"] for each in result.details["nearest"]] in ([1, 2], [2, 1])
    assert (result.findings[0].code if result.findings else "") == (
        "" if outcome is Outcome.HELD else "E_SIMILARITY_LOW"
    )


def test_a_response_like_a_known_bad_one_is_violated_and_the_bad_one_is_named(prepare: Prepare, good: str) -> None:
    check = prepare("nearest_known_bad", references=[good], embedder="hashing")

    bad, fine = check.measure(
        [make_episode(response="Your parcel is on its way!"), make_episode(response="No such order exists.")]
    )

    assert bad.outcome is Outcome.VIOLATED
    assert bad.findings[0].code == "E_SIMILARITY_HIGH"
    assert "good.jsonl:2" in bad.findings[0].message
    assert fine.outcome is Outcome.HELD
    assert fine.score > bad.score


def test_references_are_embedded_once_and_only_when_something_is_measured(
    prepare: Prepare, good: str, counting: Any
) -> None:
    check = prepare("nearest_known_good", references=[good], services={"embedder": "counting"}, min_score=0.1)
    assert counting.asked == []

    check.measure([make_episode(response="one"), make_episode(response="two")])

    assert sorted(counting.asked) == sorted(
        ["Refunds take five working days.", "Your parcel is on its way.", "one", "two"]
    )


@pytest.mark.parametrize("name", ["nearest_known_good", "nearest_known_bad"])
def test_an_episode_without_a_response_is_violated(prepare: Prepare, good: str, name: str) -> None:
    check = prepare(name, references=[good], embedder="hashing")

    (result,) = check.measure([make_episode(response=None)])

    assert result.findings[0].code == "E_RESPONSE_MISSING"


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("nearest_known_good", {"references": []}, "E_CFG_VACUOUS"),
        ("nearest_known_good", {"references": ["none.jsonl"]}, "E_PATH_NOT_FOUND"),
        ("nearest_known_good", {"min_score": -1.0}, "E_CFG_VACUOUS"),
        ("nearest_known_good", {"references": ["silent.jsonl"]}, "E_CFG_VACUOUS"),
        ("nearest_known_bad", {"max_score": 1.0}, "E_CFG_VACUOUS"),
        ("nearest_known_bad", {"max_score": -1.5}, "E_CFG_PARSE"),
        ("novelty_of_arguments", {"max_novelty": 1.0}, "E_CFG_VACUOUS"),
        ("novelty_of_arguments", {"max_novelty": -0.1}, "E_CFG_PARSE"),
        ("novelty_of_arguments", {"tools": []}, "E_CFG_VACUOUS"),
        ("novelty_of_arguments", {"tools": ["no_such_tool"]}, "E_CFG_VACUOUS"),
    ],
)
def test_a_check_that_could_never_fail_or_compare_is_refused(
    prepare: Prepare, good: str, write_trace: Any, name: str, options: Any, code: str
) -> None:
    write_trace("silent.jsonl", {"prompt": "a", "response": " "})

    with pytest.raises(InputError) as caught:
        prepare(name, **{"references": [good], "embedder": "hashing", **options})

    assert caught.value.code == code
    assert caught.value.place is not None


def test_an_importer_that_is_not_there_is_named(prepare: Prepare, good: str) -> None:
    with pytest.raises(UsageError) as caught:
        prepare("nearest_known_good", references=[good], embedder="hashing", format="no-such-format")

    assert caught.value.code == "E_PLUGIN_MISSING"


@pytest.fixture
def calls(write_trace: Callable[..., str]) -> str:
    return write_trace(
        "calls.jsonl",
        {"tool": "search", "args": {"query": "refund policy", "limit": 10}},
        {"tool": "search", "args": {"query": "delivery times", "limit": 10}},
        {"tool": "read", "args": {}},
    )


def test_arguments_seen_before_are_not_novel_however_they_are_written(prepare: Prepare, calls: str) -> None:
    check = prepare("novelty_of_arguments", references=[calls], max_novelty=0.0)

    (result,) = check.measure([make_episode(make_call("search", {"limit": 10, "query": "refund policy"}))])

    assert (result.outcome, result.details["novelty"], result.score) == (Outcome.HELD, 0.0, 1.0)


def test_arguments_unlike_any_and_tools_never_seen_are_findings_at_their_calls(prepare: Prepare, calls: str) -> None:
    check = prepare("novelty_of_arguments", references=[calls])
    episode = make_episode(
        make_call("search", {"query": "refund policies", "limit": 10}),
        make_call("search", {"query": "'; DROP TABLE users; --", "path": "/etc/passwd"}, line=9),
        make_call("delete", {"id": 1}),
    )

    (result,) = check.measure([episode])

    assert [(each.code, each.tool, each.call_index) for each in result.findings] == [
        ("E_ARGUMENTS_NOVEL", "search", 1),
        ("E_ARGUMENTS_NOVEL", "delete", 2),
    ]
    assert result.findings[0].source is not None
    assert result.findings[0].source.line == 9
    assert (result.score, result.details["novelty"]) == (0.0, 1.0)


def test_calls_of_other_tools_are_not_looked_at(prepare: Prepare, calls: str) -> None:
    check = prepare("novelty_of_arguments", references=[calls], tools=["sea*"])

    (result,) = check.measure([make_episode(make_call("delete", {"id": 1}))])

    assert result.outcome is Outcome.NOT_APPLICABLE
    assert not result.deferred


@pytest.mark.parametrize("raw", [b'{"a": 1e400}', b'{"a": "\\ud800"}', b"[1, 2]", b"null"])
def test_arguments_without_a_canonical_form_are_compared_as_written(prepare: Prepare, calls: str, raw: bytes) -> None:
    check = prepare("novelty_of_arguments", references=[calls])

    (result,) = (
        check.measure([make_episode(make_call("search", line=1).__replace__(args_json=raw))])
        if hasattr(make_call("search"), "__replace__")
        else check.measure([_with_raw(raw)])
    )

    assert result.outcome is Outcome.VIOLATED


def _with_raw(raw: bytes) -> Any:
    import msgspec

    return make_episode(msgspec.structs.replace(make_call("search"), args_json=raw))


def vectors(count: int, dims: int = 16, seed: int = 1) -> list[bytes]:
    chance = random.Random(seed)
    return [pack([chance.gauss(0, 1) for _ in range(dims)]) for _ in range(count)]


def test_neighbours_are_those_of_a_plain_search() -> None:
    from assay_metric_embedding.vectors import cosine, unpack

    rows = vectors(300)
    found = Neighbours(rows)

    for query in vectors(20, seed=2):
        scores = [(-round(cosine(unpack(row), unpack(query)), 7), at) for at, row in enumerate(rows)]
        assert [each.at for each in found.nearest(query, 10)] == [at for _, at in sorted(scores)[:10]]


def test_ties_go_to_the_first_row_and_the_same_question_has_the_same_answer() -> None:
    one, two, three = vectors(3)
    found = Neighbours([two, one, three, one, one, two])

    first = found.nearest(one, 3)

    assert [each.at for each in first] == [1, 3, 4]
    assert found.nearest(one, 3) == first == Neighbours([two, one, three, one, one, two]).nearest(one, 3)
    assert found.nearest(one, 99)[:3] == first
    assert [each.at for each in found.nearest(one)] == [1]


@pytest.mark.parametrize("rows", [[], [pack([1.0]), pack([1.0, 2.0])], [pack([0.0, 0.0])]])
def test_rows_that_cannot_be_compared_are_refused(rows: list[bytes]) -> None:
    with pytest.raises(AssayError) as caught:
        Neighbours(rows)

    assert caught.value.code == "E_EMBEDDING_INVALID"


@pytest.mark.parametrize("query", [pack([1.0]), pack([0.0, 0.0])])
def test_a_vector_that_cannot_be_compared_is_refused(query: bytes) -> None:
    with pytest.raises(AssayError) as caught:
        Neighbours([pack([1.0, 2.0])]).nearest(query)

    assert caught.value.code == "E_EMBEDDING_INVALID"


@pytest.mark.skipif(HAS_HNSWLIB, reason="hnswlib is installed here")
def test_an_index_that_is_demanded_and_not_installed_is_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        Neighbours(vectors(3), index="hnsw")

    assert caught.value.code == "E_PLUGIN_MISSING"
    assert Neighbours(vectors(3)).is_exact


@pytest.mark.skipif(not HAS_HNSWLIB, reason="the extra [hnsw], hnswlib, is not installed: it needs a C++ compiler")
class TestIndex:
    def test_it_finds_at_least_99_of_100_and_always_the_same(self) -> None:
        rows, queries = vectors(2000, 32), vectors(50, 32, seed=9)
        exact, index, again = Neighbours(rows), Neighbours(rows, index="hnsw"), Neighbours(rows, index="hnsw")

        hits = sum(
            len({each.at for each in exact.nearest(query, 10)} & {each.at for each in index.nearest(query, 10)})
            for query in queries
        )

        assert not index.is_exact
        assert hits >= 495
        assert [index.nearest(query, 10) for query in queries] == [again.nearest(query, 10) for query in queries]

    def test_scores_are_those_of_the_exact_search(self) -> None:
        rows = vectors(500)

        assert Neighbours(rows, index="hnsw").nearest(rows[7])[0] == Neighbours(rows).nearest(rows[7])[0]

    def test_it_is_built_only_where_it_pays(self) -> None:
        from assay_metric_embedding.neighbours import BREAK_EVEN, _wants_index

        assert [_wants_index("auto", count) for count in (BREAK_EVEN - 1, BREAK_EVEN)] == [False, True]
        assert not _wants_index("exact", BREAK_EVEN)
