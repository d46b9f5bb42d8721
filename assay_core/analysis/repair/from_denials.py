"""From what a policy denies in a trace to patches that would let it through, and what else each would let through."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import msgspec

from assay_core.analysis.repair.denials import Denials, collect
from assay_core.analysis.repair.ids import patch_id
from assay_core.analysis.repair.patch import Edit, Patch
from assay_core.analysis.repair.policy_edits import NoEdit, edits_for
from assay_core.analysis.repair.policy_file import PolicyFile
from assay_core.analysis.repair.situation import DeniedCall, Situation
from assay_core.errors import PolicyError
from assay_core.model import Episode, ToolCall
from assay_core.policy import Policy, PolicyForm

if TYPE_CHECKING:
    from assay_core.plugins.drivers import Drivers

__all__ = ["Proposal", "propose", "propose_policy_patches"]

_MAX_COMPARED = 500_000  # calls that are decided again to see what else patches change
_MAX_LISTED = 20  # recorded calls that a patch names
_MAX_TITLE = 60  # characters of a name in a title
_WORDS: Mapping[str, tuple[str, str]] = {
    "E_TOOL_NOT_ALLOWED": ("allow_tool", "allow {tool}"),
    "E_TOOL_CONFUSABLE": ("allow_tool", "spell out {tool} in the list of allowed tools"),
    "E_TOOL_DENIED": ("undeny", "no longer deny {tool} by {rule}"),
    "E_ARG_SCHEMA": ("widen_schema", "widen the schema of {tool} to take these arguments"),
    "E_TOOL_UNCONSTRAINED": ("add_schema", "give {tool} a schema that has the form of this call"),
    "E_RATE_LIMIT": ("raise_limit", "raise the limit {rule} as far as this call needs"),
    "E_TOOL_DRIFT": ("renew_pin", "pin {tool} as it was announced"),
    "E_SEQUENCE_VIOLATION": ("relax_rule", "relax or drop the rule {rule}"),
}


@attrs.frozen(kw_only=True)
class Proposal:
    """What would let one denied call through, or settle one unmet rule."""

    patch: Patch | None = None
    reason: str = ""  # why there is no patch
    also_denies: tuple[str, ...] = ()  # recorded calls that are let through today and that it would deny


def propose_policy_patches(
    policy: Policy, policy_path: Path, episodes: Iterable[Episode], drivers: Drivers | None = None
) -> tuple[Patch, ...]:
    """Return a patch for each kind of denial in a trace, in the order in which they were met.

    Each patch fits the policy as it is now. Two of them may change the same line: apply one, then propose again.
    What has no automatic edit has no patch; `propose` says why.

    Args:
        policy: The policy as it was loaded.
        policy_path: Its file, which patches are for.
        episodes: Read twice; what can be read only once is kept in memory.
        drivers: The drivers of the run, where check plugins are used.

    Raises:
        PolicyError: the file cannot be read, or is no longer the policy that was loaded.
    """
    kept = tuple(episodes) if isinstance(episodes, Iterator) else episodes
    denials = Denials(policy)
    for episode in kept:
        collect(denials, episode)
    patches = (each.patch for each in propose(denials, policy_path, kept, drivers).values())
    return tuple({patch.id: patch for patch in patches if patch is not None}.values())


def propose(
    denials: Denials, policy_path: Path, episodes: Iterable[Episode], drivers: Drivers | None = None
) -> dict[str, Proposal]:
    """Return what would settle each situation, by its key; see `propose_policy_patches`."""
    if not denials.found:
        return {}
    file = PolicyFile.read(policy_path, drivers)
    base = file.load(file.value)
    if base is None or base.digest != denials.policy.digest:
        raise PolicyError(code="E_PATCH_FAILED", message=f"{str(policy_path)!r} is no longer the policy that decided")
    edits = {key: edits_for(file, base, situation) for key, situation in denials.found.items()}
    effects: dict[str, _Effect] = {}
    for key, found in edits.items():
        changed = None if isinstance(found, NoEdit) else file.rewritten(found)
        if changed is not None:
            effects[key] = _Effect(changed, _concerned(base.form, changed.form), denials.found[key])
    if effects:
        _compare_all(base, tuple(effects.values()), episodes)
    return {key: _proposal(file.path, denials.found[key], found, effects.get(key)) for key, found in edits.items()}


@attrs.define
class _Effect:
    """What a patch changes in the decisions of a trace."""

    policy: Policy
    tools: frozenset[str] | None  # whose calls it can change; None: any
    situation: Situation
    allows: list[str] = attrs.field(factory=list)
    denies: list[str] = attrs.field(factory=list)
    more: dict[str, int] = attrs.field(factory=lambda: {"allows": 0, "denies": 0})
    is_partial: bool = False  # the trace was too long to be decided to its end

    def note(self, kind: str, text: str) -> None:
        listed = self.allows if kind == "allows" else self.denies
        if len(listed) < _MAX_LISTED:
            listed.append(text)
        else:
            self.more[kind] += 1

    def told(self, kind: str) -> tuple[str, ...]:
        listed = self.allows if kind == "allows" else self.denies
        more = self.more[kind]
        told = (*listed, f"and {more} more calls") if more else tuple(listed)
        return (*told, "perhaps more: the trace is too long to be decided to its end") if self.is_partial else told


def _compare_all(base: Policy, effects: Sequence[_Effect], episodes: Iterable[Episode]) -> None:
    """Decide the trace by each changed policy, as far as the budget goes."""
    left = _MAX_COMPARED
    for episode in episodes:
        verdict = base.judge(episode)
        before = {each.call_index for each in verdict.decisions if each.decision.verdict == "deny"}
        if not before:
            continue  # where nothing is denied, no patch changes anything
        calls = episode.tool_calls
        tools = {calls[index].tool for index in before}
        concerned = [each for each in effects if each.tools is None or each.tools & tools]
        if not concerned:
            continue
        share = min(len(calls), left // len(concerned))
        for effect in concerned:
            _compare(effect, episode, calls[:share], before)
            effect.is_partial = effect.is_partial or share < len(calls)
        left -= share * len(concerned)


def _compare(effect: _Effect, episode: Episode, calls: Sequence[ToolCall], denied: set[int]) -> None:
    """Note what a changed policy decides otherwise of the first calls of an episode."""
    if not calls:
        return
    part = msgspec.structs.replace(episode, events=tuple(calls), complete=False)
    changed = effect.policy.judge(part).decisions
    after = {each.call_index for each in changed if each.decision.verdict == "deny"}
    before = {index for index in denied if index < len(calls)}
    for kind, indexes in (("allows", before - after), ("denies", after - before)):
        for index in sorted(indexes):
            if not _is_target(effect.situation, episode, index):
                effect.note(kind, f"{episode.id}[{index}] {calls[index].tool}")


def _is_target(situation: Situation, episode: Episode, index: int) -> bool:
    return isinstance(situation, DeniedCall) and situation.index == index and situation.episode.id == episode.id


def _concerned(before: PolicyForm, after: PolicyForm) -> frozenset[str] | None:
    """Return the tools whose calls a change can concern, None where that cannot be told from the schemas alone."""
    tools = {*before.schemas, *after.schemas}
    changed = {tool for tool in tools if before.schemas.get(tool) != after.schemas.get(tool)}
    return frozenset(changed) if _rest(before) == _rest(after) else None


def _rest(form: PolicyForm) -> PolicyForm:
    return attrs.evolve(form, schemas={}, schema_places={}, origin_places={})


def _proposal(path: Path, situation: Situation, edits: tuple[Edit, ...] | NoEdit, effect: _Effect | None) -> Proposal:
    if isinstance(edits, NoEdit) or effect is None:
        return Proposal(reason=edits.reason if isinstance(edits, NoEdit) else "")
    kind, title, why, subject = _words(situation)
    patch = Patch(
        id=_id(kind, subject, edits),
        title=title,
        risk="high",
        file=path,
        edits=edits,
        why=why,
        also_allows=effect.told("allows"),
    )
    return Proposal(patch=patch, also_denies=effect.told("denies"))


def _words(situation: Situation) -> tuple[str, str, str, str]:
    """Return the kind of a patch, its title, why, and what it is about."""
    episode = situation.episode.id
    if not isinstance(situation, DeniedCall):
        rule = getattr(situation, "rule", "")
        why = f"{rule} is unmet at the end of episode {episode}"
        return "relax_rule", f"relax or drop the rule {rule[:_MAX_TITLE]}", why, rule
    broken = [each for each in situation.decision.violations if each.severity == "deny"]
    tool = situation.call.tool
    why = f"call [{situation.index}] of episode {episode} is denied: {broken[0].code} {broken[0].rule}"
    codes = dict.fromkeys(each.code for each in broken)
    if len(codes) > 1:
        return "allow_call", f"allow this call of {tool[:_MAX_TITLE]} ({', '.join(codes)})", why, tool
    kind, title = _WORDS[broken[0].code]
    return kind, title.format(tool=tool[:_MAX_TITLE], rule=broken[0].rule[:_MAX_TITLE]), why, tool


def _id(kind: str, subject: str, edits: tuple[Edit, ...]) -> str:
    """Return the id: what the patch is about, and but for a listed name a mark of the very edits."""
    if kind == "allow_tool" and [edit.value for edit in edits] == [subject]:
        return patch_id(kind, subject)
    told = json.dumps([edit.document() for edit in edits], sort_keys=True)
    return patch_id(kind, subject, hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:8])
