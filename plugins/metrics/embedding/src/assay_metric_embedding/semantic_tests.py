"""The tests of a suite that compare a response with a reference text, without the plugins that its other tests need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import attrs

from assay_core.convert import StructureError, structure
from assay_core.documents import Document, read_document
from assay_core.errors import InputError
from assay_core.model import Episode, JsonValue
from assay_metric_embedding.similarity import SimilarityOptions

__all__ = ["SemanticTests"]

_TYPE = "semantic_similarity_to"


@attrs.frozen(kw_only=True)
class _Test:
    reference: str
    prompt: str | None = None
    episode: str | None = None
    match_all: bool = False

    def is_about(self, episode: Episode) -> bool:
        if self.match_all:
            return True
        if self.prompt is not None:
            return episode.prompt == self.prompt
        return episode.id == self.episode


@attrs.frozen
class SemanticTests:
    """Every `semantic_similarity_to` of a suite."""

    tests: tuple[_Test, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read them.

        Raises:
            InputError: what reading a document raises; E_CFG_PARSE; E_NO_CHECKS where the suite has none.
        """
        document = read_document(path)
        value = document.value
        tests = value.get("tests") if isinstance(value, Mapping) else None
        found: list[_Test] = []
        for index, test in enumerate(tests if isinstance(tests, list) else ()):
            if isinstance(test, Mapping):
                found.extend(_of_test(test, index, document))
        if not found:
            message = f"no test of this suite is of type {_TYPE}, so that nothing needs vectors"
            raise InputError(code="E_NO_CHECKS", message=message, place=document.place())
        return cls(tuple(found))

    def references(self, episode: Episode) -> tuple[str, ...]:
        """Return the texts that this episode's response is compared with, each once, in the order of the suite."""
        return tuple(dict.fromkeys(test.reference for test in self.tests if test.is_about(episode)))


def _of_test(test: Mapping[str, JsonValue], index: int, document: Document) -> Iterator[_Test]:
    expected = test.get("expected")
    for each in expected if isinstance(expected, list) else [expected]:
        if not isinstance(each, Mapping) or each.get("type") != _TYPE:
            continue
        place = document.place(("tests", index, "expected"))
        try:
            options = structure({key: item for key, item in each.items() if key != "type"}, SimilarityOptions)
        except StructureError as error:
            raise InputError(code="E_CFG_PARSE", message=f"{_TYPE}: {error}", place=place) from None
        yield _selected(test.get("input"), options.semantic_similarity_to)


def _selected(value: JsonValue, reference: str) -> _Test:
    if isinstance(value, str):
        return _Test(reference=reference, prompt=value)
    given = value if isinstance(value, Mapping) else {}
    prompt, episode = given.get("prompt"), given.get("episode")
    return _Test(
        reference=reference,
        prompt=prompt if isinstance(prompt, str) else None,
        episode=episode if isinstance(episode, str) else None,
        match_all=given.get("match") == "all",
    )
