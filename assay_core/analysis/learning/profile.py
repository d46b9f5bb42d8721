"""The profile file: what many runs saw, folded into one. The format is that of the Rust project."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from assay_core.analysis.learning.learner import MAX_TARGETS, Learner
from assay_core.analysis.learning.profile_tools import KEY, tools_of, tools_state
from assay_core.analysis.learning.resources import ResourceCount, Section
from assay_core.config.starter.yaml_text import scalar
from assay_core.documents import Document, read_document
from assay_core.errors import InputError, UsageError
from assay_core.model import JsonObject, JsonValue

__all__ = ["Profile", "ProfileEntry", "Updated", "read_profile"]

Updated: TypeAlias = Literal["updated", "known"]
SECTIONS: tuple[Section, ...] = ("files", "network", "processes")
_CODE = "E_PROFILE_INVALID"
_MAX_RUN_IDS = 200
_MAX_DIGESTS = 5_000
_MAX_COUNT = 2**64 - 1
_MAX_KEY = 1_000  # characters of a YAML key, written
_KNOWN = (
    "version", "name", "created_at", "updated_at", "scope", "total_runs", "run_ids", "run_id_digests", "entries",
    "sandbox_degradations", KEY,
)  # fmt: skip
_TIMES = ("first_seen", "last_seen", "runs_seen", "hits_total")


@attrs.define
class ProfileEntry:
    """One file, destination or process."""

    first_seen: int = 0  # 0: not known
    last_seen: int = 0
    runs_seen: int = 0
    hits_total: int = 0

    def see(self, hits: int, at: int) -> None:
        """Take note of a run that saw it so often."""
        self.runs_seen += 1
        self.hits_total = min(self.hits_total + hits, _MAX_COUNT)
        if at:
            self.first_seen = min(self.first_seen, at) if self.first_seen else at
            self.last_seen = max(self.last_seen, at)


@attrs.define(kw_only=True)
class Profile:
    """A whole profile."""

    name: str
    created_at: str
    updated_at: str
    scope: str | None = None
    total_runs: int = 0
    run_ids: list[str] = attrs.field(factory=list)  # of the last runs, newest last
    digests: list[str] = attrs.field(factory=list)  # SHA-256 of the ids of many more
    entries: dict[Section, dict[str, ProfileEntry]] = attrs.field(factory=lambda: {section: {} for section in SECTIONS})
    learner: Learner = attrs.field(factory=Learner)  # of the tool calls
    tool_runs: dict[str, int] = attrs.field(factory=dict)
    left_out: list[str] = attrs.field(factory=list)  # of the runs folded in since it was read; not written
    further: JsonObject = attrs.field(factory=dict)  # members that this release does not know, kept as they are

    def knows(self, run_id: str) -> bool:
        """Tell whether a run of this id is in the profile already."""
        return run_id in self.run_ids or _digest(run_id) in self.digests

    def lock(self, scope: str | None, *, force: bool) -> None:
        """Take up the scope of the first run; later runs have to be of the same.

        Raises:
            UsageError: E_PROFILE_SCOPE.
        """
        if scope is not None and self.scope is not None and scope != self.scope and not force:
            raise UsageError(
                code="E_PROFILE_SCOPE",
                message=f"the profile is of the scope {self.scope!r}, and this run of {scope!r}",
                remedy="update the profile of that scope, or give --force",
            )
        if self.scope is None or (force and scope is not None):
            self.scope = scope

    def update(self, run: Learner, run_id: str, *, now: datetime) -> Updated:
        """Fold a run in; a run that is known already changes nothing."""
        if self.knows(run_id):
            return "known"
        at = int(run.latest)
        self._leave_out(run)
        for section, counts in run.resources.items():
            known = self.entries[section]
            for target, count in counts.items():
                if target not in known and len(known) >= MAX_TARGETS:
                    raise InputError(
                        code="E_DOCUMENT_LIMIT", message=f"the profile would hold more than {MAX_TARGETS} {section}",
                        remedy="keep a profile for one agent",
                    )  # fmt: skip
                known.setdefault(target, ProfileEntry()).see(count.hits, at)
        for tool in run.tools:
            self.tool_runs[tool] = self.tool_runs.get(tool, 0) + 1
        run.resources = {section: {} for section in SECTIONS}
        self.learner.merge(run)
        self.total_runs += 1
        self._remember(run_id)
        self.updated_at = _stamp(now)
        return "updated"

    def merge(self, other: Profile, *, now: datetime) -> None:
        """Fold another profile in.

        Raises:
            UsageError: E_PROFILE_SCOPE, and E_INVALID_ARGS where both hold the same run.
        """
        self.lock(other.scope, force=False)
        if shared := sorted(
            {*self.digests, *map(_digest, self.run_ids)} & {*other.digests, *map(_digest, other.run_ids)}
        ):
            raise UsageError(
                code="E_INVALID_ARGS",
                message=f"the profiles {self.name!r} and {other.name!r} share {len(shared)} of their runs, which would "
                "count twice",
                remedy="merge profiles of different runs",
            )
        for section in SECTIONS:
            for target, theirs in other.entries[section].items():
                mine = self.entries[section].setdefault(target, ProfileEntry())
                stamps = [each for each in (mine.first_seen, theirs.first_seen) if each]
                mine.first_seen = min(stamps, default=0)
                mine.last_seen = max(mine.last_seen, theirs.last_seen)
                mine.runs_seen += theirs.runs_seen
                mine.hits_total = min(mine.hits_total + theirs.hits_total, _MAX_COUNT)
        for tool, runs in other.tool_runs.items():
            self.tool_runs[tool] = self.tool_runs.get(tool, 0) + runs
        self.learner.merge(other.learner)
        self.total_runs += other.total_runs
        self.run_ids = [*self.run_ids, *other.run_ids][-_MAX_RUN_IDS:]
        self.digests = [*self.digests, *other.digests][-_MAX_DIGESTS:]
        self.created_at = min(self.created_at, other.created_at)
        self.updated_at = _stamp(now)

    def counts(self) -> Learner:
        """Return everything as a learner, for a draft."""
        learner = Learner(self.name)
        learner.merge(self.learner)
        learner.resources = {
            section: {
                target: ResourceCount(hits=each.hits_total, runs=each.runs_seen)
                for target, each in self.entries[section].items()
            }
            for section in SECTIONS
        }
        return learner

    def document(self) -> JsonObject:
        """Return the file's content."""
        document: dict[str, JsonValue] = {
            "version": "1.0", "name": self.name, "created_at": self.created_at, "updated_at": self.updated_at,
        }  # fmt: skip
        if self.scope is not None:
            document["scope"] = self.scope
        document |= {"total_runs": self.total_runs, "run_ids": list(self.run_ids), "run_id_digests": list(self.digests)}
        document["entries"] = {
            section: {target: attrs.asdict(each) for target, each in sorted(self.entries[section].items())}
            for section in SECTIONS
        }
        document |= self.further
        if self.learner.tools:
            document[KEY] = tools_state(self.learner, self.tool_runs)
        return document

    @classmethod
    def new(cls, name: str, scope: str | None, *, now: datetime) -> Profile:
        """Return a profile of no runs."""
        return cls(name=name, scope=scope, created_at=_stamp(now), updated_at=_stamp(now))

    def _leave_out(self, run: Learner) -> None:
        """Take out of a run what cannot be a key of the file, and say so in `left_out`."""
        for section, counts in run.resources.items():
            for target in [each for each in counts if len(scalar(each)) > _MAX_KEY]:
                del counts[target]
                self.left_out.append(f"{section} {target[:80]!a}…")
        for tool in [each for each in run.tools if len(scalar(each)) > _MAX_KEY]:
            run.forget(tool)
            self.left_out.append(f"the tool {tool[:80]!a}…")

    def _remember(self, run_id: str) -> None:
        self.run_ids = [*self.run_ids, run_id][-_MAX_RUN_IDS:]
        self.digests = [*self.digests, _digest(run_id)][-_MAX_DIGESTS:]


def read_profile(path: Path) -> Profile:
    """Return the profile in a file, YAML or JSON.

    Raises:
        InputError: E_PROFILE_INVALID, at its place; E_PATH_NOT_FOUND, E_DOCUMENT_LIMIT.
    """
    document = read_document(path, code=_CODE, error=InputError)
    root = document.value
    if not isinstance(root, Mapping) or "entries" not in root:
        raise _wrong(document, (), "this is no profile: it has no `entries`")
    if root.get("version") not in ("1.0", 1.0):
        raise _wrong(document, ("version",), 'the version of a profile is "1.0"')
    learner, tool_runs = Learner(), dict[str, int]()
    if root.get(KEY) is not None:
        try:
            learner, tool_runs = tools_of(root[KEY])
        except (KeyError, TypeError, ValueError) as error:
            raise _wrong(document, (KEY,), f"what assay noted of tools here is damaged ({error})") from error
    scope = root.get("scope")
    return Profile(
        name=_text(document, "name", "default"),
        created_at=_text(document, "created_at", ""),
        updated_at=_text(document, "updated_at", ""),
        scope=scope if scope is None else _text(document, "scope", ""),
        total_runs=_whole(document, ("total_runs",), root.get("total_runs", 0)),
        run_ids=_texts(document, "run_ids")[-_MAX_RUN_IDS:],
        digests=_texts(document, "run_id_digests")[-_MAX_DIGESTS:],
        entries=_entries(document, root["entries"]),
        learner=learner,
        tool_runs=tool_runs,
        further={key: value for key, value in root.items() if key not in _KNOWN or key == "sandbox_degradations"},
    )


def _entries(document: Document, value: JsonValue) -> dict[Section, dict[str, ProfileEntry]]:
    if not isinstance(value, Mapping):
        raise _wrong(document, ("entries",), "`entries` is a mapping of files, network and processes")
    found: dict[Section, dict[str, ProfileEntry]] = {section: {} for section in SECTIONS}
    for section in SECTIONS:
        listed = value.get(section)
        if listed is None:
            continue
        if not isinstance(listed, Mapping):
            raise _wrong(document, ("entries", section), f"`{section}` is a mapping of targets to counts")
        for target, counts in listed.items():
            path = ("entries", section, target)
            if not isinstance(counts, Mapping):
                raise _wrong(document, path, "an entry is a mapping with runs_seen and hits_total")
            numbers = {name: _whole(document, (*path, name), counts.get(name, 0)) for name in _TIMES}
            found[section][target] = ProfileEntry(**numbers)
    return found


def _text(document: Document, key: str, default: str) -> str:
    value = _members(document).get(key, default)
    if not isinstance(value, str):
        raise _wrong(document, (key,), f"`{key}` is a text")
    return value


def _texts(document: Document, key: str) -> list[str]:
    value = _members(document).get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _wrong(document, (key,), f"`{key}` is a list of texts")
    return [str(each) for each in value]


def _whole(document: Document, path: tuple[str, ...], value: JsonValue) -> int:
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else -1
    if not math.isfinite(number) or number != int(number) or not 0 <= number <= _MAX_COUNT:
        raise _wrong(document, path, f"`{path[-1]}` is a whole number, 0 or more")
    return int(number)


def _members(document: Document) -> Mapping[str, JsonValue]:
    return document.value if isinstance(document.value, Mapping) else {}


def _wrong(document: Document, path: tuple[str, ...], message: str) -> InputError:
    return InputError(code=_CODE, message=message, place=document.place(path))


def _digest(run_id: str) -> str:
    return hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()


def _stamp(now: datetime) -> str:
    return now.isoformat()
