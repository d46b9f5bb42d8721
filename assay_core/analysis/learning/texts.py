"""What the strings of one argument have in common."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

import attrs

from assay_core.analysis.learning.knobs import Knobs
from assay_core.analysis.learning.sensitive import holds_credential, may_be_secret
from assay_core.config.starter.learnt import CLIMBS
from assay_core.model import JsonObject, JsonValue

__all__ = ["TextFacts", "above", "literal", "text_list"]

MAX_TEXTS = 32  # distinct ones that are remembered
_MAX_TEXT = 100
_MAX_ORIGINS = 5
_MAX_ENUM = 8
_MAX_PREFIX = 200
_CLIMBS = re.compile(r"(^|[/\\])\.\.([/\\]|$)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,39}")
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]{1,9})?)?"
# Without anchors; the dialects of `re` and of the engine agree on every one.
FORMATS: Mapping[str, str] = {
    "uuid": "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    "date": _DATE,
    "date-time": f"{_DATE}[Tt ]{_TIME}([Zz]|[+-][0-9]{{2}}:?[0-9]{{2}})?",
    "email": r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s\x00-\x1f<>]{1,4000}",
    "integer in digits": "-?[0-9]{1,18}",
}
_FORMATS = {name: re.compile(pattern) for name, pattern in FORMATS.items()}


@attrs.define
class TextFacts:
    """Everything here only ever widens, whatever the order of the texts: what fits `check` changes nothing."""

    type_name: ClassVar[str] = "string"

    shortest: int = -1  # -1: none was seen
    longest: int = 0
    texts: set[str] | None = attrs.field(factory=set)  # None: too many, or one that may be a secret
    secret: bool = False
    form: str = ""  # "path", "url", "text"; "" before the first
    folder: str = ""  # of paths: the deepest folder above all of them
    origins: set[str] = attrs.field(factory=set)
    formats: set[str] = attrs.field(factory=lambda: set(FORMATS))
    prefix: str | None = None

    def add(self, text: str, *, private: bool = False) -> None:
        """Take note of a text; `private` says that its argument's name alone makes it a secret."""
        size = len(text)
        self.shortest = size if self.shortest < 0 else min(self.shortest, size)
        self.longest = max(self.longest, size)
        if private or (self.texts is not None and holds_credential(text)):
            self.hide()
        elif self.texts is not None:
            if may_be_secret(text):
                self.prefix = ""
                self._forget()
            elif size > _MAX_TEXT or (len(self.texts) >= MAX_TEXTS and text not in self.texts):
                self._forget()
            else:
                self.texts.add(text)
        if self.texts is None:
            self._round()
        if self.secret:
            return
        self._add_form(text)
        if self.formats:
            self.formats = {name for name in self.formats if _FORMATS[name].fullmatch(text)}
        if self.prefix != "":
            self.prefix = text[:_MAX_PREFIX] if self.prefix is None else _common(self.prefix, text)

    def merge(self, other: TextFacts) -> None:
        """Take note of everything that other facts know."""
        if other.shortest < 0:
            return
        self.shortest = other.shortest if self.shortest < 0 else min(self.shortest, other.shortest)
        self.longest = max(self.longest, other.longest)
        if self.secret or other.secret:
            self.hide()
        both = None if self.texts is None or other.texts is None else self.texts | other.texts
        self.texts = both
        if both is None or len(both) > MAX_TEXTS:
            self._forget()
        self._merge_form(other)
        self.formats &= other.formats
        if other.prefix is not None:
            self.prefix = other.prefix if self.prefix is None else _common(self.prefix, other.prefix)

    def hide(self) -> None:
        """Forget every text: one of them may be a secret."""
        self.secret = True
        self.form, self.folder, self.origins, self.formats, self.prefix = "text", "", set(), set(), ""
        self._forget()

    def check(self) -> JsonObject:
        """Return a schema of which every text that fits it would change nothing here."""
        if self.texts is not None:
            return {"enum": sorted(self.texts)}
        patterns = [FORMATS_ANCHORED[name] for name in sorted(self.formats)]
        if self.prefix:
            patterns.append(f"^{literal(self.prefix)}")
        schema: dict[str, JsonValue] = {"type": "string", "minLength": self.shortest, "maxLength": self.longest}
        rules: list[JsonValue] = [{"pattern": pattern} for pattern in patterns]
        if self.form == "path":
            rules += [{"pattern": f"^{literal(self.folder)}/."}, {"not": {"pattern": r"(^|/)\.\.(/|$)|\\|//|/$"}}]
        elif self.form == "url":
            rules.append({"pattern": self._origin_pattern()})
        if rules:
            schema["allOf"] = rules
        return schema

    def schema(self, knobs: Knobs, support: int) -> JsonObject:
        """Return what a policy may ask of such a text, without `type`."""
        if self.secret or knobs.generalise == "loose":
            return {}
        strict = knobs.generalise == "strict"
        if strict and self.texts:
            return {"enum": sorted(self.texts)}
        found: dict[str, JsonValue] = {}
        if self.form == "path":
            return {"pattern": f"^{literal(self.folder)}/", "not": {"$ref": CLIMBS}}
        if self.form == "url":
            return {"pattern": self._origin_pattern()}
        if self._is_enum(knobs, support):
            return {"enum": sorted(self.texts or ())}
        several = self.texts is None or len(self.texts) >= (2 if strict else 3)
        if self.formats and several:
            return {"pattern": FORMATS_ANCHORED[min(self.formats, key=list(FORMATS).index)]}
        if several and (prefix := self._shared_prefix()):
            found["pattern"] = f"^{literal(prefix)}"
        if strict:
            found |= {"minLength": self.shortest, "maxLength": self.longest}
        elif support >= knobs.min_support:
            found["maxLength"] = above(4 * max(self.longest, 16))
        return found

    def state(self) -> JsonObject:
        """Return the facts as JSON."""
        return {
            "shortest": self.shortest, "longest": self.longest, "secret": self.secret, "form": self.form,
            "texts": None if self.texts is None else sorted(self.texts), "folder": self.folder,
            "origins": sorted(self.origins), "formats": sorted(self.formats), "prefix": self.prefix,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, JsonValue]) -> TextFacts:
        """Return the facts that `state` gave.

        Raises:
            KeyError, TypeError, ValueError: it gave no such thing.
        """
        prefix = state["prefix"]
        facts = cls(
            shortest=int(state["shortest"]),  # type: ignore[arg-type]  # what is no number raises
            longest=int(state["longest"]),  # type: ignore[arg-type]  # likewise
            texts=None if state["texts"] is None else set(text_list(state["texts"])),
            secret=state["secret"] is True,
            form=str(state["form"]),
            folder=str(state["folder"]),
            origins=set(text_list(state["origins"])),
            formats=set(text_list(state["formats"])) & FORMATS.keys(),
            prefix=None if prefix is None else str(prefix),
        )
        if facts.form not in ("", "path", "url", "text") or (facts.texts and len(facts.texts) > MAX_TEXTS):
            raise ValueError("no facts about texts")
        known = [*(facts.texts or ()), facts.folder, facts.prefix or "", *facts.origins]
        if any(may_be_secret(each) for each in known):  # a hand that wrote one in does not get it into a policy
            facts.hide()
        return facts

    def _forget(self) -> None:
        self.texts = None
        self._round()

    def _round(self) -> None:
        """Round lengths outwards, so that texts of ever new lengths are soon nothing new."""
        self.shortest = 1 << (self.shortest.bit_length() - 1) if self.shortest > 1 else max(self.shortest, 0)
        self.longest = above(self.longest)

    def _add_form(self, text: str) -> None:
        if self.form == "text":
            return
        if (
            text.startswith("/")
            and len(text) > 1
            and text.isprintable()
            and not _CLIMBS.search(text)
            and "\\" not in text
        ):
            self._add_path(text)
        elif self.form != "path" and (origin := _origin(text)):
            self.form = "url"
            self.origins.add(origin)
            if len(self.origins) > _MAX_ORIGINS:
                self._settle()
        else:
            self._settle()

    def _add_path(self, text: str) -> None:
        above_it = posixpath.dirname(text.rstrip("/")) or "/"
        if self.form == "":
            self.form, self.folder = "path", above_it
        elif self.form == "path":
            self.folder = posixpath.commonpath((self.folder, above_it))
        else:
            self._settle()
        if self.folder in ("/", "//") or "//" in self.folder or may_be_secret(self.folder):
            self._settle()

    def _merge_form(self, other: TextFacts) -> None:
        if self.form in ("", other.form) and other.form:
            if self.form == "path":
                self.folder = posixpath.commonpath((self.folder, other.folder))
            elif other.form == "path":
                self.folder = other.folder
            self.form = other.form
            self.origins |= other.origins
        elif other.form:
            self._settle()
        if (self.form == "path" and self.folder in ("/", "//")) or len(self.origins) > _MAX_ORIGINS:
            self._settle()

    def _settle(self) -> None:
        """From now on these are texts of no common form."""
        self.form, self.folder, self.origins = "text", "", set()

    def _is_enum(self, knobs: Knobs, support: int) -> bool:
        texts = self.texts
        if not texts or len(texts) > _MAX_ENUM or support < max(knobs.min_support, 5 * len(texts)):
            return False
        return all(_NAME.fullmatch(text) for text in texts)

    def _shared_prefix(self) -> str:
        """Return the common prefix up to its last separator, "" where it says too little."""
        prefix = self.prefix or ""
        cut = max((prefix.rfind(sign) for sign in "/:._- "), default=-1) + 1
        prefix = prefix[:cut]
        usable = cut >= 3 and prefix.isascii() and prefix.isprintable() and not may_be_secret(prefix)
        return prefix if usable else ""

    def _origin_pattern(self) -> str:
        return f"^({'|'.join(literal(each) for each in sorted(self.origins))})(/|$)"


def literal(text: str) -> str:
    """Return a pattern that matches the text itself, in the dialect of JSON Schema."""
    return re.sub(r"([\\.^$|?*+()\[\]{}])", r"\\\1", text)


def above(number: int) -> int:
    """Return the smallest power of two that is not below a number."""
    return 1 << max(number - 1, 0).bit_length()


def text_list(value: JsonValue) -> list[str]:
    """Return a list of texts out of JSON.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError("not a list of texts")
    return [str(each) for each in value]


def _common(one: str, other: str) -> str:
    size = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        size += 1
    return one[:size]


def _origin(text: str) -> str:
    """Return `scheme://host:port` of a web address, "" for anything else."""
    if not text.startswith(("http://", "https://")):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    origin = f"{parts.scheme}://{parts.netloc}"
    sound = (
        parts.netloc and "@" not in origin and origin.isascii() and origin.isprintable() and len(origin) <= _MAX_TEXT
    )
    tail = text[len(origin) :]
    return origin if sound and text.startswith(origin) and tail[:1] in ("", "/") and not may_be_secret(origin) else ""


FORMATS_ANCHORED: Mapping[str, str] = {name: f"^{pattern}$" for name, pattern in FORMATS.items()}
