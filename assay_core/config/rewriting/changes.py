"""What of a suite has an old form: a list of changes, each at its path, before anything is rewritten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import attrs

from assay_core.config.expectations import LEGACY_FORMS
from assay_core.config.rewriting.files import Files, Referred
from assay_core.documents import Document
from assay_core.errors import InputError, Place
from assay_core.model.json_value import JsonValue

__all__ = ["AddType", "Change", "Inline", "MovePath", "Path", "Promote", "Replace", "SetVersion", "find_changes"]

Path: TypeAlias = tuple[str | int, ...]

# Expected types whose option names a file, and the option; the same of assertions.
_PATH_OPTIONS = {
    "args_valid": "policy",
    "sequence_valid": "policy",
    "tool_blocklist": "policy",
    "json_schema": "schema_file",
}


@attrs.frozen(kw_only=True)
class _Change:
    path: Path  # of the mapping that changes
    place: Place  # of what changes, in the old file


@attrs.frozen(kw_only=True)
class SetVersion(_Change):
    """The suite states the current version, under its current key."""

    key: str | None  # the key that is there
    stated: JsonValue = None

    def __str__(self) -> str:
        """Say it in a few words."""
        if self.key is None or self.stated == 0:
            return "states configVersion: 1"
        return "`version` becomes `configVersion`"


@attrs.frozen(kw_only=True)
class AddType(_Change):
    """An untagged expectation gets its type."""

    type: str

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"`type: {self.type}` is written out"


@attrs.frozen(kw_only=True)
class Promote(_Change):
    """One text becomes a list of one."""

    key: str

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"`{self.key}` becomes a list"


@attrs.frozen(kw_only=True)
class Replace(_Change):
    """A `$ref` becomes what its file says."""

    referred: Referred
    inner: tuple[Change, ...]  # what has an old form in that file

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"`$ref` becomes the content of {self.referred.name}"


@attrs.frozen(kw_only=True)
class Inline(_Change):
    """A list that a file of its own holds stands in the suite; the file stays."""

    key: str  # sequence or rules
    referred: Referred

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"`{self.key}` holds the list of {self.referred.name}"


@attrs.frozen(kw_only=True)
class MovePath(_Change):
    """A path that was written from another folder starts at the suite."""

    key: str
    to: str

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"`{self.key}` is relative to the suite"


Change: TypeAlias = SetVersion | AddType | Promote | Replace | Inline | MovePath


def find_changes(document: Document, files: Files) -> tuple[Change, ...]:
    """Return what has an old form, in the order of the file. What is wrong altogether is left to the loader.

    Raises:
        InputError: E_CFG_REF for a `$ref` that cannot be followed, with all others.
    """
    value = document.value
    if not isinstance(value, Mapping):
        return ()
    errors: list[InputError] = []
    finder = _Finder(document, files, errors)
    found = [*finder.root(value)]
    if errors:
        first, *rest = errors
        first.others = tuple(rest)
        raise first
    return tuple(found)


class _Finder:
    """Looks at one document."""

    def __init__(self, document: Document, files: Files, errors: list[InputError], *, inside: bool = False) -> None:
        self._document = document
        self._files = files
        self._errors = errors
        self._inside = inside  # a file that a `$ref` names

    def root(self, value: Mapping[str, JsonValue]) -> Iterator[Change]:
        yield from self._version(value)
        yield from self._moved(value, (), "policy")
        tests = value.get("tests")
        for index, test in enumerate(tests if isinstance(tests, list) else ()):
            if not isinstance(test, Mapping):
                continue
            path = ("tests", index)
            expected = test.get("expected")
            if isinstance(expected, Mapping):
                yield from self.expectation(expected, (*path, "expected"))
            for at, each in enumerate(expected if isinstance(expected, list) else ()):
                if isinstance(each, Mapping):
                    yield from self.expectation(each, (*path, "expected", at))
            assertions = test.get("assertions")
            for at, each in enumerate(assertions if isinstance(assertions, list) else ()):
                if isinstance(each, Mapping) and each.get("type") in _PATH_OPTIONS:
                    yield from self._moved(each, (*path, "assertions", at), "policy")

    def expectation(self, value: Mapping[str, JsonValue], path: Path) -> Iterator[Change]:
        """Yield the changes of one expectation."""
        name = value.get("type")
        if "$ref" in value or name == "$ref":
            yield from self._ref(value, path)
            return
        if "type" not in value:
            forms = [key for key in value if key in LEGACY_FORMS]
            if len(forms) != 1:
                return  # the loader refuses it
            form = forms[0]
            yield AddType(path=path, place=self._document.place((*path, form), key=True), type=LEGACY_FORMS[form])
            if form.startswith("must_") and isinstance(value[form], str):
                yield Promote(path=path, place=self._document.place((*path, form)), key=form)
            return
        if isinstance(name, str) and name in _PATH_OPTIONS:
            yield from self._moved(value, path, _PATH_OPTIONS[name])
        if name == "sequence_valid" and not {"sequence", "rules"} & value.keys():
            yield from self._listed(value.get("policy"), path)

    def _version(self, value: Mapping[str, JsonValue]) -> Iterator[Change]:
        keys = [key for key in value if key in ("configVersion", "version")]
        if not keys:
            yield SetVersion(path=(), place=self._document.place(()), key=None)
        elif len(keys) == 1 and (keys != ["configVersion"] or value[keys[0]] != 1):  # the loader refuses both
            place = self._document.place((keys[0],), key=True)
            yield SetVersion(path=(), place=place, key=keys[0], stated=value[keys[0]])

    def _moved(self, value: Mapping[str, JsonValue], path: Path, key: str) -> Iterator[Change]:
        named = value.get(key)
        if isinstance(named, str) and (to := self._files.moved(named)):
            yield MovePath(path=path, place=self._document.place((*path, key)), key=key, to=to)

    def _listed(self, named: JsonValue, path: Path) -> Iterator[Change]:
        if not isinstance(named, str) or (referred := self._files.listed(self._files.moved(named) or named)) is None:
            return
        value = referred.document.value
        plain = isinstance(value, list) and all(isinstance(each, str) for each in value)
        place = self._document.place((*path, "policy"), key=True)
        yield Inline(path=path, place=place, key="sequence" if plain else "rules", referred=referred)

    def _ref(self, value: Mapping[str, JsonValue], path: Path) -> Iterator[Change]:
        place = self._document.place(path)
        key = "$ref" if "$ref" in value else "path"
        allowed = {"$ref"} if key == "$ref" else {"type", "path"}
        named = value.get(key)
        if self._inside:
            self._refuse("a file that a `$ref` names is a `$ref` itself", place)
        elif not isinstance(named, str) or not named:
            self._refuse("`$ref` names no file", place)
        elif further := sorted(key for key in value.keys() - allowed if not key.startswith("x-")):
            self._refuse(f"{further[0]!r} stands beside a `$ref`, so it is unclear which of them counts", place)
        else:
            yield from self._followed(named, path, place)

    def _followed(self, named: str, path: Path, place: Place) -> Iterator[Change]:
        try:
            referred = self._files.referred(named)
        except InputError as error:
            if error.place is None:
                error.place = place
            self._errors.append(error)
            return
        content = referred.document.value
        if not isinstance(content, Mapping) or not ({"type"} | LEGACY_FORMS.keys()) & content.keys():
            self._refuse(f"{referred.name} holds no expectation: it has neither `type` nor an old form of one", place)
            return
        inner = _Finder(referred.document, self._files.beside(referred.path), self._errors, inside=True)
        yield Replace(path=path, place=place, referred=referred, inner=tuple(inner.expectation(content, ())))

    def _refuse(self, message: str, place: Place) -> None:
        remedy = "write the expectation itself, with its `type`"
        self._errors.append(InputError(code="E_CFG_REF", message=message, remedy=remedy, place=place))
