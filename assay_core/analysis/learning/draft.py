"""A policy before it is written: every rule with what speaks for it and what a person should think about."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import attrs

from assay_core.analysis.learning.knobs import Knobs
from assay_core.analysis.learning.learner import Learner
from assay_core.analysis.learning.resources import SECTION_OF, Placing, Section, classify, stable_placing, unusable
from assay_core.analysis.learning.schema_size import fitted
from assay_core.analysis.learning.statistics import wilson_lower
from assay_core.analysis.learning.tools import tool_notes
from assay_core.config.starter.learnt import CLIMBS, CLIMBS_SCHEMA
from assay_core.model import JsonObject, JsonValue

__all__ = ["Draft", "DraftEntry", "Kind", "draft_of", "policy_of"]

Kind: TypeAlias = Literal["tool", "schema", "sequence", "limit", "files", "network", "processes"]
TOTAL = "max_tool_calls_total"
_SECTIONS: tuple[Section, ...] = tuple(SECTION_OF.values())
_TARGET_KEY = {"files": "path", "network": "address", "processes": "path"}


@attrs.frozen(kw_only=True)
class DraftEntry:
    """One rule. `tool:NAME`, `files:/a/path`, … is its name in a review file."""

    kind: Kind
    subject: str
    placing: Placing = "allow"
    value: JsonValue = None  # what the policy says; for tools and targets the text itself, or `{path, rights}`
    support: str = ""  # what was seen
    confidence: float | None = None  # Wilson's lower bound of the share that was seen
    notes: tuple[str, ...] = ()
    count: int = 0
    risk: str = ""
    stability: float | None = None
    runs_seen: int | None = None
    decision: str = ""  # of a review

    @property
    def name(self) -> str:
        """Its name in a review file."""
        return f"{self.kind}:{self.subject}"


@attrs.frozen(kw_only=True)
class Draft:
    """Everything that was learnt."""

    title: str
    sources: tuple[str, ...] = ()  # what it was learnt from, for people
    entries: tuple[DraftEntry, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()  # (what, why) of what cannot stand in a policy
    closed: bool = False  # nothing at all was seen, so nothing at all is allowed

    def of(self, kind: Kind, *placings: Placing) -> list[DraftEntry]:
        """Return the entries of a kind, of these placings if any are given."""
        return [each for each in self.entries if each.kind == kind and (not placings or each.placing in placings)]

    @property
    def under_review(self) -> list[DraftEntry]:
        """The entries that a person should decide about."""
        return [each for each in self.entries if each.placing == "needs_review"]


def draft_of(
    learner: Learner,
    knobs: Knobs,
    *,
    title: str,
    sources: Iterable[str] = (),
    runs: int | None = None,
    tool_runs: Mapping[str, int] | None = None,
    only: Collection[str] | None = None,
) -> Draft:
    """Return what a learner knows as a draft of a policy.

    Args:
        learner: What was seen.
        knobs: How far to go beyond it.
        title: The policy's name.
        sources: What it was learnt from.
        runs: How many runs a profile holds; None for recordings, of which everything is allowed.
        tool_runs: Tool to the runs of the profile that called it.
        only: Leave out the rules of all other tools.
    """
    left_out = [(f"the tool {tool!a}", why) for tool, why in learner.unnamed.items()]
    left_out += [
        (f"{times} call{'s' * (times != 1)} of {tool!a}", "recorded as denied; --include-denied learns from such calls")
        for tool, times in sorted(learner.denied.items())
    ]
    entries: list[DraftEntry] = []
    if learner.tools:
        entries += _tools(learner, knobs, runs, tool_runs or {}, only)
    for section in _SECTIONS:
        for entry, why in _resources(learner, knobs, section, runs):
            if why:
                left_out.append((f"{section} {entry.subject[:200]!a}", why))
            else:
                entries.append(entry)
    seen_anything = learner.tools or any(learner.resources.values())
    return Draft(
        title=title, sources=tuple(sources), entries=tuple(entries), left_out=tuple(left_out), closed=not seen_anything
    )


def policy_of(draft: Draft) -> JsonObject:
    """Return the policy itself, without remarks."""
    policy: dict[str, JsonValue] = {"version": "2.0", "name": draft.title}
    tools = [each.value for each in draft.of("tool", "allow")]
    governs_tools = draft.closed or any(each.kind in ("tool", "limit") for each in draft.entries)
    if governs_tools:
        policy["tools"] = {"allow": tools}
    schemas = {each.subject: each.value for each in draft.of("schema", "allow")}
    if schemas:
        shared: JsonObject = {"$defs": {"climbs": CLIMBS_SCHEMA}} if CLIMBS in json.dumps(schemas) else {}
        policy["schemas"] = {**shared, **schemas}
    if sequences := [each.value for each in draft.of("sequence", "allow")]:
        policy["sequences"] = sequences
    if limits := {each.subject: each.value for each in draft.of("limit", "allow")}:
        policy["limits"] = limits
    if governs_tools:
        word = "deny" if all(tool in schemas for tool in tools) else "warn"
        policy["enforcement"] = {"unconstrained_tools": word}
    for section in _SECTIONS:
        if lists := _lists(draft, section):
            policy[section] = lists
    return policy


def review_entry(entry: DraftEntry) -> JsonObject:
    """Return what stands under `needs_review` for an entry."""
    found: dict[str, JsonValue] = {_TARGET_KEY[entry.kind]: entry.subject, "count": entry.count}
    if entry.stability is not None:
        found |= {"stability": entry.stability, "runs_seen": entry.runs_seen}
    if entry.risk:
        found["risk"] = entry.risk
    if entry.notes:
        found["reasons"] = list(entry.notes)
    return found


def _tools(
    learner: Learner, knobs: Knobs, runs: int | None, tool_runs: Mapping[str, int], only: Collection[str] | None
) -> Iterator[DraftEntry]:
    listed = [tool for tool in learner.listed if only is None or tool in only]
    usable: list[str] = []
    schemas: dict[str, JsonObject] = {}
    placings: dict[str, Placing] = {}
    for tool in listed:
        facts = learner.tools[tool]
        of, seen = (learner.episodes, facts.episodes) if runs is None else (runs, min(tool_runs.get(tool, 0), runs))
        word = "episode" if runs is None else "run"
        support = f"{_count(facts.calls, 'call')} in {seen} of {_count(of, word)}"
        notes = tuple(tool_notes(tool, facts))
        placing: Placing = "allow"
        if runs is not None:
            placing, reasons = stable_placing(seen, runs, knobs)
            notes = (*reasons, *notes)
        yield DraftEntry(
            kind="tool", subject=tool, value=tool, placing=placing, notes=notes, count=facts.calls,
            support=f"{support}{f', first at {facts.first}' if facts.first else ''}",
            confidence=wilson_lower(min(seen, of), of, knobs.wilson_z),
        )  # fmt: skip
        schema = learner.schema(tool, knobs)
        if placing == "allow":
            usable.append(tool)
        if placing in ("allow", "needs_review") and schema is not None:
            schemas[tool], placings[tool] = schema, placing
    for tool, (schema, note) in fitted(schemas).items():
        yield _schema(tool, schema, learner.tools[tool].calls, placings[tool], knobs, note)
    if knobs.generalise != "loose":
        first = set(learner.listed if runs is None else usable)  # what is not allowed itself can never come first
        yield from _sequences(learner, knobs, usable, first)
    most = learner.orders.most_calls()
    limit = {"strict": most, "balanced": max(20, 2 * most), "loose": max(100, 10 * most)}[knobs.generalise]
    support = f"at most {_count(most, 'call')} in one episode, of {_count(learner.episodes, 'episode')}"
    yield DraftEntry(kind="limit", subject=TOTAL, value=max(limit, 1), support=support)


def _schema(tool: str, schema: JsonObject, calls: int, placing: Placing, knobs: Knobs, note: str) -> DraftEntry:
    return DraftEntry(
        kind="schema", subject=tool, value=schema, placing=placing, count=calls, support=f"held in {calls} of {calls}",
        confidence=wilson_lower(calls, calls, knobs.wilson_z), notes=(note,) if note else (),
    )  # fmt: skip


def _sequences(learner: Learner, knobs: Knobs, usable: Collection[str], first: Collection[str]) -> Iterator[DraftEntry]:
    known = sorted(learner.listed)  # the count of candidates does not depend on which rules are asked for
    for rule in learner.orders.befores(known, knobs.min_support):
        if rule.then not in usable or rule.first not in first:
            continue
        value: JsonObject = {"type": "before", "first": rule.first, "then": rule.then}
        yield DraftEntry(
            kind="sequence", subject=f"before:{rule.first}->{rule.then}", value=value, count=rule.episodes,
            support=f"held in {rule.episodes} of {_count(rule.episodes, 'episode')} with {rule.then}",
            confidence=wilson_lower(rule.episodes, rule.episodes, knobs.wilson_z),
        )  # fmt: skip
    for limit in learner.orders.max_calls(known, knobs.min_support):
        if limit.tool not in usable:
            continue
        yield DraftEntry(
            kind="sequence", subject=f"max_calls:{limit.tool}", count=limit.episodes,
            value={"type": "max_calls", "tool": limit.tool, "max": limit.max},
            support=f"held in {limit.episodes} of {_count(limit.episodes, 'episode')}, reached in {limit.reached}",
            confidence=wilson_lower(limit.episodes, limit.episodes, knobs.wilson_z),
        )  # fmt: skip


def _resources(learner: Learner, knobs: Knobs, section: Section, runs: int | None) -> Iterator[tuple[DraftEntry, str]]:
    for found in classify(section, learner.resources[section], knobs, runs=runs):
        value: JsonValue = {"path": found.target, "rights": found.rights} if found.rights else found.target
        shown = f"seen {found.count} times" if found.count != 1 else "seen once"
        entry = DraftEntry(
            kind=section, subject=found.target, value=value, placing=found.placing, count=found.count, risk=found.risk,
            notes=found.reasons, stability=found.stability, runs_seen=found.runs_seen,
            support=shown if runs is None else f"{shown}, in {found.runs_seen} of {_count(runs, 'run')}",
            confidence=None if runs is None else wilson_lower(found.runs_seen or 0, runs, knobs.wilson_z),
        )  # fmt: skip
        yield entry, unusable(section, found.target)


def _lists(draft: Draft, section: Section) -> dict[str, JsonValue]:
    entries = [each for each in draft.of(section) if each.placing != "skip"]
    if not entries and not (draft.closed or draft.of(section)):
        return {}
    lists: dict[str, JsonValue] = {"allow": [each.value for each in entries if each.placing == "allow"]}
    if review := [review_entry(each) for each in entries if each.placing == "needs_review"]:
        lists["needs_review"] = review
    if deny := [each.value for each in entries if each.placing == "deny"]:
        lists["deny"] = deny
    return lists


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
