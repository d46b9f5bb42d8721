"""A policy's file as a value that can be changed and loaded again, and where in it each rule stands."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from assay_core.analysis.repair.patch import Edit, Patch, apply_edits, patched_text
from assay_core.documents import EditableDocument, parse_document, read_document
from assay_core.errors import AssayError, PolicyError
from assay_core.model import JsonObject, JsonValue
from assay_core.policy import Policy, load_policy, parse_sequence_rules
from assay_core.policy.deciding.identity import sequence_identity
from assay_core.policy.load import file_kind

if TYPE_CHECKING:
    from assay_core.plugins.drivers import Drivers

__all__ = ["Draft", "PolicyFile", "entry_identity", "list_entries", "rule_identity", "section"]

Draft: TypeAlias = "dict[str, Any]"  # the file's value, to be changed


@attrs.frozen(kw_only=True)
class PolicyFile:
    """A policy as it is written."""

    path: Path
    value: JsonObject
    kind: str  # one of `assay_core.policy.reading.forms.FileKind`
    drivers: Drivers | None = None

    @classmethod
    def read(cls, path: Path, drivers: Drivers | None = None) -> PolicyFile:
        """Read the file.

        Raises:
            PolicyError: as loading it does.
        """
        document = read_document(path, code="E_POLICY_PARSE", error=PolicyError)
        kind = file_kind(document)
        value = document.value if isinstance(document.value, Mapping) else {}
        return cls(path=path, value=value, kind=kind, drivers=drivers)

    def draft(self) -> Draft:
        """Return a copy to be changed; what YAML aliases share is shared in it, too."""
        return copy.deepcopy(dict(self.value))

    def load(self, value: JsonObject) -> Policy | None:
        """Return the policy that a changed value is, None where it is none."""
        try:
            return load_policy(value, base_dir=self.path.parent, drivers=self.drivers)
        except AssayError:
            return None

    def edited(self, edits: Iterable[Edit]) -> Policy | None:
        """Return the policy after some edits, None where they do not fit or no policy is left."""
        document = EditableDocument(self.path, "", self.draft())
        try:
            apply_edits(document, _unnamed(self.path, edits))
        except AssayError:
            return None
        return self.load(document.data)

    def rewritten(self, edits: Iterable[Edit]) -> Policy | None:
        """Return the policy that the file's text becomes, comments and all; None where it cannot be written so."""
        try:
            text = patched_text(EditableDocument.read(self.path), [_unnamed(self.path, edits)])
            value = parse_document(text, str(self.path), code="E_POLICY_PARSE", error=PolicyError).value
        except AssayError:
            return None
        return self.load(value) if isinstance(value, Mapping) else None


def _unnamed(path: Path, edits: Iterable[Edit]) -> Patch:
    return Patch(id="draft", title="", risk="high", file=path, edits=tuple(edits))


def list_entries(draft: Draft, *paths: tuple[str, ...]) -> Iterator[tuple[list[Any], int, JsonValue]]:
    """Yield every entry of the lists at some paths: the list, its place in it, and itself."""
    for path in paths:
        found = section(draft, *path)
        if isinstance(found, list):
            for place, entry in enumerate(found):
                yield found, place, entry


def section(draft: Draft, *path: str) -> Any:
    """Return what stands at a path, None where nothing does."""
    here: Any = draft
    for step in path:
        here = here.get(step) if isinstance(here, dict) else None
    return here


def entry_identity(entry: JsonValue, name: str, word: str, *, exact: bool) -> str:
    """Return the identity of an entry of a list under `tools`, as the policy gives it."""
    if isinstance(entry, Mapping):
        if entry.get("id"):
            return str(entry["id"])
        exact = exact or (word == "tool" and entry.get("exact") is True)
        entry = entry.get(word)
    text = str(entry)
    literal = exact and word == "tool" and ("*" in text or "?" in text)
    return f"{name}:{'=' if literal else ''}{text}"


def rule_identity(entry: JsonValue, *, exact: bool) -> str:
    """Return the identity of an entry of `sequences`."""
    try:
        return sequence_identity(parse_sequence_rules([entry], exact=exact)[0])
    except (AssayError, IndexError):
        return ""
