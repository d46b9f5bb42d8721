"""Patches for denials: the call is allowed afterwards, each edit is needed, and what else they allow is told."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import attrs
import pytest

from assay_core.analysis.repair.denials import Denials, collect
from assay_core.analysis.repair.from_denials import Proposal, propose, propose_policy_patches
from assay_core.analysis.repair.patch import Patch, patched_text
from assay_core.analysis.repair.situation import DeniedCall
from assay_core.documents import EditableDocument
from assay_core.errors import AssayError
from assay_core.model import Decision, Episode, ToolCall, ToolDefinition
from assay_core.policy import Policy, load_policy
from tests.reference import generate


def written(tmp_path: Path, policy: dict[str, Any]) -> Path:
    import json

    path = tmp_path / "policy.yaml"
    path.write_text(json.dumps(policy), encoding="utf-8")
    return path


def episode_of(case: dict[str, Any], name: str = "e") -> Episode:
    calls = []
    for index, each in enumerate(case["calls"]):
        fields = {key: each[key] for key in ("outcome", "ts_ms", "server") if key in each}
        calls.append(ToolCall.of(each["tool"], each.get("args"), index=index, **fields))
    definitions = None
    if case["definitions"] is not None:
        import msgspec

        definitions = tuple(
            ToolDefinition(
                name=each["name"],
                description=each.get("description"),
                input_schema_json=msgspec.json.encode(each["inputSchema"]) if "inputSchema" in each else None,
                server=each.get("server"),
            )
            for each in case["definitions"]
        )
    return Episode(id=name, events=tuple(calls), complete=case["complete"], tool_definitions=definitions)


def denials_of(policy: Policy, *episodes: Episode) -> Denials:
    denials = Denials(policy)
    for episode in episodes:
        collect(denials, episode)
    return denials


def patched(patch: Patch, **changes: Any) -> Policy | None:
    """Return the policy that the patched file is; None where the edits do not fit or it does not load."""
    try:
        text = patched_text(EditableDocument.read(patch.file), [attrs.evolve(patch, **changes)])
        target = patch.file.with_name("patched.yaml")
        target.write_text(text, encoding="utf-8")
        return load_policy(target)
    except AssayError:
        return None


def decisions(policy: Policy, episode: Episode) -> list[Decision]:
    session = policy.session()
    if episode.tool_definitions is not None:
        session.learn(None, episode.tool_definitions)
    found = []
    for call in episode.tool_calls:
        found.append(policy.decide(call, session))
        session.commit(call, found[-1])
    return found


def is_settled(policy: Policy | None, situation: Any) -> bool:
    if policy is None:
        return False
    if isinstance(situation, DeniedCall):
        return decisions(policy, situation.episode)[situation.index].verdict != "deny"
    unmet = {each.rule for each in policy.judge(situation.episode).closing if each.severity == "deny"}
    return not unmet - situation.others


@pytest.mark.parametrize("seed", range(60))
def test_a_patch_allows_its_call_and_every_edit_of_it_is_needed(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    path = written(tmp_path, generate.policy(rng))
    policy = load_policy(path)
    episodes = [episode_of(generate.episode(rng), f"e{number}") for number in range(2)]
    denials = denials_of(policy, *episodes)

    for key, proposal in propose(denials, path, episodes).items():
        situation = denials.found[key]
        assert (proposal.patch is None) == bool(proposal.reason)
        if proposal.patch is None:
            continue
        assert is_settled(patched(proposal.patch), situation), proposal.patch
        for place in range(len(proposal.patch.edits)):
            fewer = proposal.patch.edits[:place] + proposal.patch.edits[place + 1 :]
            assert not is_settled(patched(proposal.patch, edits=fewer), situation), (place, proposal.patch)


@pytest.mark.parametrize("seed", range(60, 100))
def test_also_allows_names_exactly_the_other_calls_that_are_newly_allowed(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    path = written(tmp_path, generate.policy(rng))
    policy = load_policy(path)
    episodes = [episode_of(generate.episode(rng), f"e{number}") for number in range(3)]
    denials = denials_of(policy, *episodes)
    before = {each.id: decisions(policy, each) for each in episodes}

    for key, proposal in propose(denials, path, episodes).items():
        if proposal.patch is None:
            continue
        changed = patched(proposal.patch)
        assert changed is not None
        allows, denies = set(), set()
        for episode in episodes:
            pairs = zip(before[episode.id], decisions(changed, episode), strict=True)
            for index, (old, new) in enumerate(pairs):
                name = f"{episode.id}[{index}] {episode.tool_calls[index].tool}"
                if old.verdict == "deny" != new.verdict:
                    allows.add(name)
                elif new.verdict == "deny" != old.verdict:
                    denies.add(name)
        situation = denials.found[key]
        if isinstance(situation, DeniedCall):
            allows.discard(f"{situation.episode.id}[{situation.index}] {situation.call.tool}")
        assert set(proposal.patch.also_allows) == allows
        assert set(proposal.also_denies) == denies
