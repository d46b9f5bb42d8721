"""Review files: what a person decided about each learnt rule, and how that changes the draft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from assay_core.analysis.learning.draft import TOTAL, Draft, DraftEntry
from assay_core.analysis.learning.resources import unusable
from assay_core.analysis.learning.tools import obstacle
from assay_core.config.starter.yaml_text import comment, flow, scalar
from assay_core.convert import nearest
from assay_core.documents import Document, read_document
from assay_core.errors import AssayError, InputError
from assay_core.model import JsonValue
from assay_core.policy.reading.written import raise_all

__all__ = ["apply_review", "review_template"]

Decision: TypeAlias = Literal["approve", "reject", "edit", "pending"]
_DECISIONS = ("approve", "reject", "edit", "pending")
_KEYS = ("entry", "decision", "value", "note")
_RESOURCES = ("files", "network", "processes")


@attrs.frozen
class _Row:
    """One row of a review file."""

    entry: str
    decision: Decision
    value: JsonValue
    place: int  # in the list


def review_template(draft: Draft) -> str:
    """Return a review file with every rule of the draft, nothing decided, those under review first."""
    lines = [
        "# Decide about each rule, then: assay generate … --review THIS-FILE",
        "# approve: allow what is under review; keep any other rule as it is. reject: leave the rule out.",
        "# edit: put `value:` in its place. pending: as learnt, the same as no row. Unknown rules are errors.",
        "version: 1",
        "decisions:",
    ]
    ordered = sorted(draft.entries, key=lambda each: each.placing != "needs_review")
    rows = [each for each in ordered if each.placing != "skip"]
    for entry in rows:
        lines.append(f"  - entry: {scalar(entry.name)}")
        lines.append("    decision: pending")
        lines.append(f"    # {entry.placing}: {comment(entry.support[:200])}")
        lines += [f"    # ! {comment(note[:200])}" for note in entry.notes]
        if entry.kind not in ("tool", *_RESOURCES):
            lines.append(f"    # value: {comment(flow(entry.value))[:400]}")
    if not rows:
        lines[-1] = "decisions: []"
    return "\n".join(lines) + "\n"


def apply_review(draft: Draft, path: Path) -> Draft:
    """Return the draft as a review file wants it.

    Raises:
        InputError: E_REVIEW_INVALID, at its place, with every other mistake in `others`: a row about a rule that was
            not learnt or that another row decided, an unknown word, a value that cannot stand in a policy;
            E_PATH_NOT_FOUND, E_DOCUMENT_LIMIT.
    """
    document = read_document(path, code="E_REVIEW_INVALID", error=InputError)
    reader = _Reader(document, {each.name: each for each in draft.entries})
    rows = reader.rows()
    decided = {row.entry: changed for row in rows if (changed := reader.decided(row)) is not None}
    raise_all(reader.errors)
    entries = [decided.get(each.name, each) for each in draft.entries]
    gone = {each.subject for each in entries if each.kind == "tool" and each.placing != "allow"}
    shown = [_follow(each, gone) for each in entries]
    return attrs.evolve(draft, entries=tuple(each for each in shown if each is not None))


class _Reader:
    def __init__(self, document: Document, known: Mapping[str, DraftEntry]) -> None:
        self.errors: list[AssayError] = []
        self._document = document
        self._known = known

    def rows(self) -> list[_Row]:
        """Return the rows that make sense."""
        root = self._document.value
        if not isinstance(root, Mapping):
            self._wrong((), "a review file is a mapping with `version: 1` and `decisions:`")
            return []
        for key in root:
            if key not in ("version", "decisions") and not key.startswith("x-"):
                self._wrong((key,), f"unknown key {key!r}{_hint(key, ('version', 'decisions'))}", key=True)
        if root.get("version") != 1 or isinstance(root.get("version"), bool):
            self._wrong(("version",) if "version" in root else (), "a review file says `version: 1`")
        listed = root.get("decisions")
        if not isinstance(listed, list):
            self._wrong(("decisions",) if "decisions" in root else (), "`decisions` is a list of rows")
            return []
        found = [row for place, each in enumerate(listed) if (row := self._row(each, place)) is not None]
        seen: dict[str, int] = {}
        for row in found:
            if row.entry in seen:
                self._wrong(("decisions", row.place), f"two rows decide {row.entry!r}")
            seen[row.entry] = row.place
        return found

    def decided(self, row: _Row) -> DraftEntry | None:
        """Return the entry as the row wants it; None where the row is wrong or decides nothing."""
        entry = self._known[row.entry]
        if row.decision == "pending":
            return None
        if row.decision == "reject":
            return attrs.evolve(entry, placing="skip", decision="rejected")
        if row.decision == "approve":
            placing = "allow" if entry.placing in ("needs_review", "skip") else entry.placing
            return attrs.evolve(entry, placing=placing, decision="approved")
        if why := _refused(entry, row.value):
            self._wrong(("decisions", row.place, "value"), f"the value of {row.entry!r} is no good: {why}")
            return None
        return attrs.evolve(entry, placing="allow", value=row.value, decision="edited")

    def _row(self, row: JsonValue, place: int) -> _Row | None:
        path = ("decisions", place)
        if not isinstance(row, Mapping):
            self._wrong(path, "a row is a mapping with `entry` and `decision`")
            return None
        before = len(self.errors)
        for key in row:
            if key not in _KEYS and not key.startswith("x-"):
                self._wrong((*path, key), f"unknown key {key!r}{_hint(key, _KEYS)}", key=True)
        name, decision = row.get("entry"), row.get("decision")
        if not isinstance(name, str):
            self._wrong(path, "a row needs `entry`, the name of a rule")
        elif name not in self._known:
            self._wrong((*path, "entry"), f"no rule {name!r} was learnt{_hint(name, self._known)}")
        if "decision" not in row and len(self.errors) > before:
            return None  # misspelt, most likely, and said already
        if decision not in _DECISIONS:
            where = (*path, "decision") if "decision" in row else path
            self._wrong(where, f"`decision` is one of {', '.join(_DECISIONS)}")
        elif (decision == "edit") != ("value" in row):
            self._wrong(path, "`edit` needs `value`, and nothing else takes it")
        if len(self.errors) > before:
            return None
        return _Row(str(name), decision, row.get("value"), place)  # type: ignore[arg-type]  # one of the four words

    def _wrong(self, path: tuple[str | int, ...], message: str, *, key: bool = False) -> None:
        self.errors.append(
            InputError(code="E_REVIEW_INVALID", message=message, place=self._document.place(path, key=key))
        )


def _refused(entry: DraftEntry, value: JsonValue) -> str:
    """Return why a value cannot take the place of what was learnt, "" if it can."""
    from assay_core.policy import load_policy

    if entry.kind == "tool":
        return "a tool is named by a text" if not isinstance(value, str) else obstacle(value.replace("*", "x"))
    if entry.kind in _RESOURCES:
        return _refused_target(entry, value)
    trial: dict[str, JsonValue] = {"version": "2.0"}
    if entry.kind == "schema":
        if not isinstance(value, Mapping):
            return "a schema is a mapping"
        trial["schemas"] = {"$defs": {"climbs": {"type": "string"}}, entry.subject: value}
    elif entry.kind == "sequence":
        trial["sequences"] = [value]
    else:
        trial["limits"] = {TOTAL: value}
    try:
        load_policy(trial)
    except AssayError as error:
        return error.message
    return ""


def _refused_target(entry: DraftEntry, value: JsonValue) -> str:
    from assay_core.policy import load_policy

    if isinstance(value, str) and value == entry.subject:
        return unusable(entry.kind, value)  # type: ignore[arg-type]  # a section, as the caller looked
    try:
        load_policy({"version": "2.0", entry.kind: {"allow": [value]}})
    except AssayError as error:
        return error.message
    return ""


def _follow(entry: DraftEntry, gone: set[str]) -> DraftEntry | None:
    """Leave out the rules of tools that are not allowed; take up the schema of one that is allowed now."""
    if entry.kind == "schema":
        if entry.subject in gone:
            return None
        return attrs.evolve(entry, placing="allow") if entry.placing == "needs_review" else entry
    if entry.kind == "sequence" and isinstance(entry.value, Mapping) and entry.decision != "edited":
        return None if gone & {entry.value.get(key) for key in ("first", "then", "tool")} else entry
    return entry


def _hint(word: str, known: Iterable[str]) -> str:
    guess = nearest(word[:200], list(islice(known, 2_000)))
    return f"; did you mean {guess!r}?" if guess else ""
