"""Values of a policy file together with where they stand, and the list of everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import attrs

from assay_core.convert import nearest
from assay_core.documents import Document
from assay_core.errors import AssayError, Place, PolicyError
from assay_core.model import JsonValue, PolicyNotice

__all__ = ["Problems", "Written", "dotted", "raise_all"]

ErrorKind = Callable[..., AssayError]  # a class of the error tree
Path = tuple[str | int, ...]


class Problems:
    """Everything found while one document is read: errors, and notices for its author."""

    def __init__(
        self,
        document: Document,
        *,
        code: str = "E_POLICY_PARSE",
        unknown_code: str = "",
        error: ErrorKind = PolicyError,
        fallback: Place | None = None,
    ) -> None:
        self.document = document
        self.errors: list[AssayError] = []
        self.notices: list[PolicyNotice] = []
        self.code = code
        self.unknown_code = unknown_code or code
        self._error = error
        self._fallback = fallback  # the place of everything, where the document knows no lines

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return where the value (or its key) at a path stands."""
        place = self.document.place(path, key=key)
        return self._fallback if self._fallback is not None and not place.line else place

    def add(self, message: str, place: Place, *, code: str = "", remedy: str = "") -> None:
        """Take note of an error and go on."""
        self.errors.append(self._error(code=code or self.code, message=message, remedy=remedy, place=place))

    def keep(self, error: AssayError, place: Place) -> None:
        """Take note of an error that somebody else raised, at `place` where it has none of its own."""
        if error.place is None or not error.place.line:
            error.place = place
        self.errors.append(error)

    def notice(self, code: str, message: str, place: Place | None) -> None:
        """Take note of something that is no error."""
        self.notices.append(PolicyNotice(code=code, message=message, place=place))

    def root(self) -> Written:
        """Return the whole document."""
        return Written(value=self.document.value, path=(), problems=self)

    def raise_any(self) -> None:
        """Raise the first error in the order of the file, with `others`, if there is any."""
        raise_all(self.errors)


def raise_all(errors: Sequence[AssayError]) -> None:
    """Raise the first of some errors in the order of the file, the rest in its `others`; nothing for none."""
    flat = [each for error in errors for each in (error, *error.others)]
    if not flat:
        return
    unique = {(str(each.place), each.code, each.message): each for each in flat}
    first, *rest = sorted(unique.values(), key=_where)
    first.others = tuple(rest)
    for each in rest:
        each.others = ()
    raise first


def _where(error: AssayError) -> tuple[int, int]:
    return (error.place.line, error.place.column) if error.place else (0, 0)


@attrs.frozen(kw_only=True, eq=False)
class Written:
    """One value as somebody wrote it.

    The readers below return the checked value, or None after taking note of what is wrong: one pass finds all.
    """

    value: JsonValue
    path: Path
    problems: Problems

    @property
    def place(self) -> Place:
        """Where the value stands."""
        return self.problems.place(self.path)

    @property
    def key_place(self) -> Place:
        """Where the key of the value stands."""
        return self.problems.place(self.path, key=True)

    def wrong(self, message: str, *, code: str = "", remedy: str = "", at_key: bool = False) -> None:
        """Take note that this value is wrong; the message gets the path of the value in front."""
        where = f"{dotted(self.path)}: " if self.path else ""
        self.problems.add(where + message, self.key_place if at_key else self.place, code=code, remedy=remedy)

    def expected(self, words: str) -> None:
        """Take note that the value has the wrong type."""
        self.wrong(f"expected {words}, found {shown(self.value)}")

    def child(self, step: str | int) -> Written:
        """Return what stands under a key or index that is there."""
        value = self.value[step]  # type: ignore[index]  # the caller looked
        return Written(value=value, path=(*self.path, step), problems=self.problems)

    def get(self, key: str) -> Written | None:
        """Return what stands under a key; None where it is absent or null."""
        if isinstance(self.value, Mapping) and self.value.get(key) is not None:
            return self.child(key)
        return None

    def members(self) -> dict[str, Written]:
        """Return the members of a mapping with any keys; null members and `x-*` are left out."""
        if not isinstance(self.value, Mapping):
            self.expected("a mapping")
            return {}
        return {key: self.child(key) for key, value in self.value.items() if value is not None and key[:2] != "x-"}

    def fields(self, known: Collection[str], *, required: Collection[str] = (), hint: str = "") -> dict[str, Written]:
        """Return the members of a mapping whose keys are fixed; unknown and missing keys are errors."""
        members = self.members()
        for key in [key for key in members if key not in known]:
            self.unknown(members.pop(key), key, known, hint)
        if isinstance(self.value, Mapping):
            for key in required:
                if key not in members:
                    self.wrong(f"missing key {key!r}")
        return members

    def unknown(self, member: Written, key: str, known: Collection[str], hint: str = "") -> None:
        """Take note of a key that does not exist here, with the nearest one that does."""
        guess = nearest(key, known)
        where = f" in `{dotted(self.path)}`" if self.path else ""
        message = f"unknown key {key!r}{where}" + (f"; did you mean {guess!r}?" if guess else "")
        remedy = f"write {guess!r}, or delete the key" if guess else hint or f"known here: {', '.join(sorted(known))}"
        self.problems.add(message, member.key_place, code=self.problems.unknown_code, remedy=remedy)

    def items(self) -> list[Written]:
        """Return the items of a list."""
        if not isinstance(self.value, (list, tuple)):
            self.expected("a list")
            return []
        return [self.child(index) for index in range(len(self.value))]

    def text(self, *, words: str = "a string") -> str | None:
        """Return a string that is not empty."""
        if not isinstance(self.value, str):
            self.expected(words)
            return None
        if not self.value:
            self.wrong("an empty string says nothing")
            return None
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return a list of strings."""
        return tuple(text for item in self.items() if (text := item.text()) is not None)

    def whole(self, *, least: int = 0) -> int | None:
        """Return a whole number that is not below `least`."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.expected("a whole number")
            return None
        if self.value < least:
            self.wrong(f"expected a whole number of at least {least}, found {self.value}")
            return None
        return self.value

    def flag(self) -> bool | None:
        """Return true or false."""
        if not isinstance(self.value, bool):
            self.expected("true or false")
            return None
        return self.value

    def choice(self, choices: Sequence[str]) -> str | None:
        """Return one of some words."""
        if isinstance(self.value, str) and self.value in choices:
            return self.value
        guess = nearest(self.value, choices) if isinstance(self.value, str) else None
        hint = f"; did you mean {guess!r}?" if guess else ""
        self.wrong(f"expected one of {', '.join(choices)}, found {shown(self.value)}{hint}")
        return None

    def regex(self) -> str | None:
        """Return a regular expression that the linear-time engine takes."""
        from assay_core.policy.matching.regex import linear_regex

        text = self.text(words="a regular expression")
        if text is None:
            return None
        try:
            linear_regex(text, place=self.place)
        except AssayError as error:
            self.problems.keep(error, self.place)
            return None
        return text


def shown(value: object) -> str:
    """Return a value the way an error quotes it."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (str, int, float)):
        kind = "the string" if isinstance(value, str) else "the number"
        return f"{kind} {value!r}" if len(repr(value)) <= 60 else kind.replace("the", "a", 1)
    return "a mapping" if isinstance(value, Mapping) else "a list"


def dotted(path: Path) -> str:
    """Return a path as people write it: `tools.allow[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
