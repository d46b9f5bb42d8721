"""Which plugins are installed, read from their metadata alone: nothing is imported and nothing is kept on disk."""

# Light on purpose: see record.py.
from __future__ import annotations

import os
import sys

from assay_core import API_VERSION
from assay_core.plugins.first_party import first_party_distributions, offered_by
from assay_core.plugins.metadata import (
    DistributionText,
    Entry,
    Headers,
    admits_api,
    parse_entry_points,
    parse_headers,
    read_path_entry,
)
from assay_core.plugins.record import GROUPS, PluginRecord, normalise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from assay_core.errors import AssayError
    from assay_core.model import PluginRules

__all__ = ["Catalogue"]

_scanned: dict[tuple[str, ...], Catalogue] = {}


class Catalogue:
    """Every plugin record, sorted by group, name, distribution. Immutable."""

    __slots__ = ("_records",)

    def __init__(self, records: Iterable[PluginRecord]) -> None:
        ordered = sorted(records, key=lambda each: (each.group, each.name, each.dist, each.location))
        self._records = tuple(_with_collisions(ordered))

    @classmethod
    def scan(cls, paths: Sequence[str] | None = None) -> Catalogue:
        """Read the metadata on the path entries (`sys.path`), once per process for the same entries.

        With `ASSAY_PLUGINS=none` in the environment every plugin found is denied.

        Raises:
            UsageError: E_INVALID_ARGS when `ASSAY_PLUGINS` holds another word.
        """
        switch = os.environ.get("ASSAY_PLUGINS", "")
        entries = tuple(sys.path if paths is None else paths)
        key = (switch, *entries)
        if key not in _scanned:
            if switch not in ("", "none"):
                raise _switch_error(switch)
            records = _read(entries)
            if switch == "none":
                records = [each.put_in_state("denied", "ASSAY_PLUGINS=none is set") for each in records]
            _scanned[key] = cls(records)
        return _scanned[key]

    @property
    def all(self) -> tuple[PluginRecord, ...]:
        """Every record."""
        return self._records

    def records(self, group: str) -> tuple[PluginRecord, ...]:
        """Return the records of one group, sorted by name, then distribution."""
        return tuple([each for each in self._records if each.group == group])

    def under(self, rules: PluginRules) -> Catalogue:
        """Return the catalogue in which what the rules forbid is denied. Rules only ever narrow."""
        return Catalogue([_ruled(each, rules) for each in self._records])

    def find(self, group: str, name: str) -> PluginRecord:
        """Return the one usable record for a name, or `name@dist`.

        Raises:
            UsageError: E_PLUGIN_MISSING, E_PLUGIN_AMBIGUOUS (naming all that offer it), E_PLUGIN_DENIED.
            PluginFault: E_PLUGIN_INCOMPATIBLE, E_PLUGIN_BROKEN.
        """
        plain, at, dist = name.rpartition("@")
        if not at:
            plain = name
        named = [each for each in self._records if each.group == group and each.name == plain]
        if at:
            named = [each for each in named if each.dist == normalise(dist)]
        usable = [each for each in named if each.state in ("ready", "colliding")]
        if len(usable) == 1 and (at or usable[0].state == "ready"):
            return usable[0]
        raise _refusal(self, group, plain, dist if at else "", named)


def _read(entries: tuple[str, ...]) -> list[PluginRecord]:
    """Read every distribution; of one that stands on several entries, the first counts, as for imports."""
    records: list[PluginRecord] = []
    where: dict[str, str] = {}
    trusted = first_party_distributions()
    for entry in dict.fromkeys(entries):
        here: dict[str, DistributionText] = {}
        for text in read_path_entry(entry):
            dist = normalise(text.folder.removesuffix(".dist-info").rpartition("-")[0] or text.folder)
            if dist in here:
                records = [each for each in records if each.dist != dist]
                records.append(_unreadable(text, dist, f"{here[dist].folder} and {text.folder} are both in {entry}"))
            elif dist not in where:
                here[dist] = text
                where[dist] = entry
                records.extend(_records_of(text, dist, trusted))
    return records


def _records_of(text: DistributionText, dist: str, trusted: frozenset[str]) -> Iterable[PluginRecord]:
    if text.oversized:
        yield _unreadable(text, dist, "entry_points.txt is larger than 1 MiB")
        return
    headers = parse_headers(text.metadata or b"")
    problem = _headers_problem(text, headers, dist)
    for entry in parse_entry_points(text.entry_points):
        broken = problem or entry.problem or _rule_problem(entry, dist, trusted)
        incompatible = (
            ""
            if broken or admits_api(headers.requires_core, API_VERSION)
            else (f"it needs assay-core {headers.requires_core}; this core offers the plugin API {API_VERSION}")
        )
        yield PluginRecord(
            group=entry.group,
            name=entry.name,
            dist=dist,
            version=headers.version,
            summary=headers.summary,
            requires_core=headers.requires_core,
            state="broken" if broken else "incompatible" if incompatible else "ready",
            target=entry.target,
            reason=broken or incompatible,
            location=text.location,
        )


def _headers_problem(text: DistributionText, headers: Headers, dist: str) -> str:
    if text.metadata is None:
        return f"{text.folder} has no readable METADATA"
    if not headers.name or not headers.version:
        return f"METADATA of {text.folder} has no Name or no Version"
    if normalise(headers.name) != dist:
        return f"METADATA of {text.folder} is that of {headers.name!r}"
    return ""


def _rule_problem(entry: Entry, dist: str, trusted: frozenset[str]) -> str:
    if entry.group not in GROUPS:
        return f"assay has no plugin group {entry.group!r}; it has {', '.join(GROUPS)}"
    third_party = "." in entry.name and not entry.name.startswith("assert.")
    if dist in trusted and third_party:
        return f"names of assay's own plugins have no dot, {entry.name!r} has one"
    if dist not in trusted and not third_party:
        example = entry.name.removeprefix("assert.")
        return f"names of third-party plugins need a dotted prefix, such as {'acme.' + example!r}"
    return ""


def _unreadable(text: DistributionText, dist: str, reason: str) -> PluginRecord:
    return PluginRecord(group="", name="", dist=dist, state="broken", reason=reason, location=text.location)


def _with_collisions(records: list[PluginRecord]) -> Iterable[PluginRecord]:
    """Mark as colliding what could be loaded were it not for another distribution that claims the same name."""
    claims: dict[tuple[str, str], set[str]] = {}
    for each in records:
        if each.state in ("ready", "colliding", "incompatible"):
            claims.setdefault((each.group, each.name), set()).add(each.dist)
    for each in records:
        rivals = claims.get((each.group, each.name), set()) - {each.dist}
        if each.state in ("ready", "colliding"):
            reason = f"{each.name!r} is offered by {' and '.join(sorted({*rivals, each.dist}))}" if rivals else ""
            each = each if each.reason == reason else each.put_in_state("colliding" if rivals else "ready", reason)
        yield each


def _ruled(record: PluginRecord, rules: PluginRules) -> PluginRecord:
    if record.state == "denied":
        return record
    for word in rules.deny:
        if record.answers_to(word):
            return record.put_in_state("denied", f"plugins.deny holds {word!r}")
    if rules.allow is not None and not any(record.answers_to(word) for word in rules.allow):
        return record.put_in_state("denied", "plugins.allow does not hold it")
    return record


def _switch_error(switch: str) -> AssayError:
    from assay_core.errors import UsageError

    return UsageError(
        code="E_INVALID_ARGS",
        message=f"the environment variable ASSAY_PLUGINS is {switch!r}",
        remedy="set it to `none` to run without plugins, or unset it",
    )


def _refusal(catalogue: Catalogue, group: str, name: str, dist: str, named: list[PluginRecord]) -> AssayError:
    """Say why no record can be given."""
    from assay_core.errors import PluginFault, UsageError

    what = f"{_kind(group)} {name!r}" + (f" of {dist}" if dist else "")
    if not named:
        return _missing(catalogue, group, name, dist)
    if any(each.state == "colliding" for each in named):
        choices = [each.qualified_name for each in named if each.state in ("colliding", "incompatible")]
        return UsageError(
            code="E_PLUGIN_AMBIGUOUS",
            message=f"the {what} is offered by {' and '.join([each.distribution for each in named])}; none is loaded",
            remedy=f"write {' or '.join(choices)}, or uninstall one",
        )
    order = ("denied", "incompatible", "broken")
    first = min(named, key=lambda each: order.index(each.state))
    if first.state == "denied":
        remedy = "unset ASSAY_PLUGINS" if first.reason.startswith("ASSAY_PLUGINS") else ""
        message = f"the {what} of {first.distribution} is denied: {first.reason}"
        return UsageError(code="E_PLUGIN_DENIED", message=message, remedy=remedy)
    incompatible = first.state == "incompatible"
    return PluginFault(
        code="E_PLUGIN_INCOMPATIBLE" if incompatible else "E_PLUGIN_BROKEN",
        message=f"the {what} of {first.distribution} cannot be used: {first.reason}",
        distribution=first.distribution,
        stage=f"{_kind(group)} {name}: metadata",
    )


def _missing(catalogue: Catalogue, group: str, name: str, dist: str) -> AssayError:
    from assay_core.convert import nearest
    from assay_core.errors import UsageError

    what = f"{_kind(group)} {name!r}" + (f" of {dist}" if dist else "")
    owner = offered_by(group, name)
    known = [each.name for each in catalogue.records(group) if each.state == "ready"]
    if owner and (not dist or normalise(dist) == owner):
        remedy = f"pip install {owner}"
    elif dist:
        remedy = f"pip install {normalise(dist)}, or correct the name; `assay plugins list` shows what is installed"
    elif guess := nearest(name, known):
        remedy = f"did you mean {guess!r}? `assay plugins list` shows what is installed"
    else:
        remedy = "install the distribution that offers it; `assay plugins list` shows what is installed"
    return UsageError(code="E_PLUGIN_MISSING", message=f"no installed plugin offers the {what}", remedy=remedy)


def _kind(group: str) -> str:
    """Return the word people use for a member of the group: `assay.metrics` holds metrics."""
    return group.removeprefix("assay.").removesuffix("s") or "plugin"
