"""The strict converter: what people write, and what is wrong with it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Literal

import attrs
import pytest

from assay_core.convert import Problem, StructureError, key_names, nearest, structure, unstructure
from assay_core.model import JsonObject, JsonValue


@attrs.frozen(kw_only=True)
class Leaf:
    size: int = 0
    share: float = 0.0
    flag: bool = False
    word: Literal["left", "right"] = "left"


@attrs.frozen(kw_only=True)
class Tree:
    name: str
    leaves: tuple[Leaf, ...] = ()
    raw: JsonObject | None = None  # this module imports JsonValue, too; the next class's module may not
    text: str = attrs.field(default="", metadata={"names": ("label",)})
    version: int | None = attrs.field(default=None, metadata={"names": ("treeVersion",), "only_names": True})


def problems(value: JsonValue) -> list[Problem]:
    with pytest.raises(StructureError) as caught:
        structure(value, Tree)
    return list(caught.value.problems)


def test_a_value_is_built_and_free_keys_are_left_out() -> None:
    written: JsonObject = {"name": "n", "leaves": [{"size": 1, "share": 1}], "raw": {"a": [1]}, "x-note": "free"}

    assert structure(written, Tree) == Tree(name="n", leaves=(Leaf(size=1, share=1.0),), raw={"a": [1]})


def test_further_spellings_are_taken_and_null_is_none() -> None:
    assert structure({"name": "n", "label": "l", "treeVersion": 2, "raw": None}, Tree) == Tree(
        name="n", text="l", version=2
    )
    assert set(key_names(Tree)) == {"name", "leaves", "raw", "text", "label", "treeVersion"}


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ([], (), "expected a mapping"),
        ({}, (), "missing key 'name'"),
        ({"name": 1}, ("name",), "expected a string, found the number 1"),
        ({"name": "n", "version": 1}, ("version",), "unknown key"),
        ({"name": "n", "leaves": {}}, ("leaves",), "expected a list"),
        ({"name": "n", "leaves": [1]}, ("leaves", 0), "expected a mapping"),
        ({"name": "n", "leaves": [{"size": True}]}, ("leaves", 0, "size"), "expected a whole number"),
        ({"name": "n", "leaves": [{"size": 1.0}]}, ("leaves", 0, "size"), "expected a whole number"),
        ({"name": "n", "leaves": [{}, {"flag": "yes"}]}, ("leaves", 1, "flag"), "expected true or false"),
        ({"name": "n", "leaves": [{"share": "1"}]}, ("leaves", 0, "share"), "expected a number"),
        ({"name": "n", "leaves": [{"word": "lefd"}]}, ("leaves", 0, "word"), "did you mean 'left'?"),
        ({"name": "n", "raw": [1]}, ("raw",), "expected a mapping"),
        ({"name": "n", "text": "a", "label": "b"}, ("label",), "says again"),
    ],
)
def test_a_mistake_has_its_path(value: JsonValue, path: tuple[str | int, ...], words: str) -> None:
    (problem,) = problems(value)

    assert problem.path == path
    assert words in problem.message


def test_an_unknown_key_names_the_nearest() -> None:
    (problem,) = problems({"name": "n", "leafes": []})

    assert (problem.key, problem.suggestion) == ("leafes", "leaves")


def test_every_mistake_is_told() -> None:
    assert len(problems({"nam": "n", "leaves": [{"size": "x", "sice": 1}, 3]})) == 5


def test_a_class_with_json_types_needs_no_import_of_their_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`JsonObject` refers to `JsonValue` by name, which the module of a plugin need not import."""
    (tmp_path / "options_of_a_plugin.py").write_text(
        "from __future__ import annotations\nimport attrs\nfrom assay_core.model import JsonObject\n"
        "@attrs.frozen\nclass Options:\n    schema: JsonObject | None = None\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    kind = import_module("options_of_a_plugin").Options

    assert structure({"schema": {"a": 1}}, kind) == kind({"a": 1})


def test_a_wrong_class_is_not_the_users_mistake() -> None:
    @attrs.frozen
    class Wrong:
        field: NoSuchType  # type: ignore[name-defined]  # noqa: F821 - the point of the test

    with pytest.raises(TypeError, match="NoSuchType"):
        structure({"field": 1}, Wrong)


def test_nearest_is_near_or_nothing() -> None:
    assert nearest("setings", ["settings", "tests"]) == "settings"
    assert nearest("zzz", ["settings", "tests"]) is None


def test_unstructure_keeps_everything() -> None:
    tree = Tree(name="n", leaves=(Leaf(size=1),), raw={"a": None})

    assert unstructure(tree) == {
        "name": "n",
        "leaves": [{"size": 1, "share": 0.0, "flag": False, "word": "left"}],
        "raw": {"a": None},
        "text": "",
        "version": None,
    }
