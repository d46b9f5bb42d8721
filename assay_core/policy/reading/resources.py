"""From the file to the form: files, network, processes and env, also as `assay generate` once learnt them."""

from __future__ import annotations

from collections.abc import Mapping

from assay_core.policy.form import Origin, ResourceEntry, ResourceRules
from assay_core.policy.matching.resources import Effect, ResourceError, expand, read_target
from assay_core.policy.reading.tools import ORIGIN_KEYS, origin_of
from assay_core.policy.reading.written import Written

__all__ = ["LEARNT_ENTRY_KEYS", "LEARNT_LISTS", "resource_rules"]

# How a learnt file spells the lists and the entries.
LEARNT_LISTS = {"allow_destinations": "allow", "deny_destinations": "deny"}
LEARNT_ENTRY_KEYS = ("count", "stability", "runs_seen", "risk", "reasons")
_TARGET_KEY = {"files": "path", "network": "address", "processes": "path", "env": "name"}
_RIGHTS = "rwx"


def resource_rules(section: Written, name: str, values: Mapping[str, str], *, learnt: bool) -> ResourceRules:
    """Return one section.

    Args:
        section: The section.
        name: Its key: files, network, processes or env.
        values: What `${CWD}` and its like stand for.
        learnt: Whether the file is of the learnt shape, with its own spellings.
    """
    spellings: dict[str, Effect] = {"allow": "allow", "deny": "deny"}
    if name != "env":
        spellings["needs_review"] = "needs_review"
    if learnt and name == "network":
        spellings |= {"allow_destinations": "allow", "deny_destinations": "deny"}
    members = section.fields(tuple(spellings))
    lists: dict[Effect, tuple[ResourceEntry, ...]] = {}
    for key, entries in members.items():
        effect = spellings[key]
        found = [_entry(entry, name, effect, values, learnt) for entry in entries.items()]
        lists[effect] = lists.get(effect, ()) + tuple(each for each in found if each is not None)
    return ResourceRules(
        allow=lists.get("allow"), deny=lists.get("deny", ()), needs_review=lists.get("needs_review", ())
    )


def _entry(entry: Written, name: str, effect: Effect, values: Mapping[str, str], learnt: bool) -> ResourceEntry | None:
    target_key = "pattern" if learnt else _TARGET_KEY[name]
    rights, origin, written = _RIGHTS, Origin(place=entry.place), entry
    if isinstance(entry.value, Mapping):
        known = [target_key, *ORIGIN_KEYS]
        if name == "files":
            known.append("rights")
        if learnt or effect == "needs_review":
            known.extend(LEARNT_ENTRY_KEYS)
        members = entry.fields(known, required=(target_key,))
        if target_key not in members:
            return None
        written, origin = members[target_key], origin_of(entry, members)
        if "rights" in members:
            rights = _rights(members["rights"])
    target = written.text(words=f"a target or {{{target_key}: …}}")
    if target is None:
        return None
    try:
        expanded = target if target.startswith("re:") else expand(target, values)
        read_target(name, effect, expanded)
    except ResourceError as error:
        written.wrong(str(error), remedy=error.remedy)
        return None
    return ResourceEntry(target=target, expanded=expanded, rights=rights, origin=origin)


def _rights(entry: Written) -> str:
    text = entry.text()
    if text is None:
        return _RIGHTS
    if any(sign not in _RIGHTS for sign in text) or len(set(text)) != len(text):
        entry.wrong(f"expected some of the letters r, w and x, each once, found {text!r}")
        return _RIGHTS
    return "".join(sign for sign in _RIGHTS if sign in text)
