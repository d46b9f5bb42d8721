"""Rewrites a suite in the current form, and checks that its text says what it should, comments included."""

from __future__ import annotations

from collections import Counter

import attrs

from assay_core.config.rewriting.changes import Change, Inline, find_changes
from assay_core.config.rewriting.files import Files
from assay_core.config.rewriting.text import changed_text
from assay_core.config.rewriting.values import changed_value, legacy_changes
from assay_core.documents import Document, parse_document
from assay_core.errors import AssayError, InputError
from assay_core.model.json_value import JsonValue
from assay_core.policy.rewriting.layout import comments_of

__all__ = ["Rewritten", "rewrite_suite"]

_MARK = "\ufeff"


@attrs.frozen(kw_only=True)
class Rewritten:
    """A suite in its old and in its current form."""

    before: Document
    after: Document
    text: str  # of `after`, with the byte order mark that the file had
    changes: tuple[Change, ...]

    @property
    def legacy(self) -> Document:
        """The old form as the Rust project reads it: `$ref` followed, paths found where it found them."""
        changes = legacy_changes(self.changes)
        return attrs.evolve(self.before, value=changed_value(self.before.value, changes)) if changes else self.before

    @property
    def resolved(self) -> JsonValue:
        """The old form with everything in it that stood elsewhere, but without any other change."""
        inlined = [each for each in self.changes if isinstance(each, Inline)]
        return changed_value(self.legacy.value, inlined)


def rewrite_suite(data: bytes, before: Document, files: Files) -> Rewritten:
    """Rewrite a suite.

    Args:
        data: The file's content.
        before: What it says.
        files: What it may name.

    Raises:
        InputError: E_CFG_REF; E_MIGRATION_LOSSY if its text cannot be changed without
            losing a comment or changing what it says.
    """
    text = data.decode("utf-8")
    mark, text = (_MARK, text[1:]) if text.startswith(_MARK) else ("", text)
    changes = find_changes(before, files)
    kept = tuple(each for each in changes if not isinstance(each, Inline))  # a file of its own is no old form
    for attempt in dict.fromkeys((changes, kept)):
        if after := _attempted(text, before, attempt, files):
            return Rewritten(before=before, after=after[1], text=mark + after[0], changes=attempt)
    raise InputError(
        code="E_MIGRATION_LOSSY",
        message="this file cannot be rewritten by machine without losing a comment or changing what it says",
        remedy=f"change it by hand: {'; '.join(f'line {each.place.line}: {each}' for each in kept[:5])}",
        place=changes[0].place,
    )


def _attempted(text: str, before: Document, changes: tuple[Change, ...], files: Files) -> tuple[str, Document] | None:
    """Return the changed text and what it says, if that is what it should say and nothing old is left."""
    from ruamel.yaml.error import YAMLError

    try:
        changed = changed_text(text, changes)
        new = changed.text
        after = parse_document(new, before.file) if changes else before
        lost = Counter(comments_of(text)) - Counter(comments_of(new)) if "#" in changed.removed else Counter()
        left = [each for each in find_changes(after, files) if not isinstance(each, Inline)]
    except (AssayError, YAMLError, ValueError, RecursionError):
        return None
    if lost or left or _used(after.value) != _used(changed_value(before.value, changes)):
        return None
    return new, after


def _used(value: JsonValue) -> JsonValue:
    """Return a suite without its free keys: an anchor there may change with what its aliases mean elsewhere."""
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if not key.startswith(("x-", "_")) and key != "definitions"}
