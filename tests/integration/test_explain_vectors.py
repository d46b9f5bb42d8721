"""The policies of the vectors: explain says what judge says, and every patch lets its call through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay_core.analysis.repair.denials import Denials, collect
from assay_core.analysis.repair.from_denials import propose
from assay_core.analysis.repair.patch import patched_text
from assay_core.analysis.repair.situation import DeniedCall
from assay_core.analysis.trace_explanation import explain_trace
from assay_core.documents import EditableDocument
from assay_core.errors import AssayError
from assay_core.model import Episode, ToolCall
from assay_core.policy import Policy, load_policy
from tests.vectors import vectors_dir

FOLDERS = ("demo", "examples", "tests/fixtures", "scripts/ci/fixtures", "crates/assay-cli/packs")
ARGUMENTS: tuple[dict[str, Any], ...] = (
    {},
    {"path": "/etc/passwd"},
    {"percent": 99},
    {"command": "rm -rf /"},
    {"code": "1", "more": True},
)


def loaded(path: Path) -> Policy | None:
    try:
        return load_policy(path)
    except AssayError:
        return None


def policies() -> list[tuple[Path, Policy]]:
    root = vectors_dir() / "upstream"
    paths = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.yaml"))
    known = {policy.digest: (path, policy) for path in paths if (policy := loaded(path)) is not None}
    return list(known.values())


def episode_for(policy: Policy) -> Episode:
    named = sorted({*policy.form.schemas, *(rule.name for rule in policy.form.tools.deny)})[:4]
    tools = [name.replace("*", "x").replace("?", "x") for name in named] + ["unheard_of"]
    calls = [(tool, args) for tool in tools for args in ARGUMENTS[: 5 if tool != "unheard_of" else 1]]
    return Episode(
        id="e", events=tuple(ToolCall.of(tool, args, index=index) for index, (tool, args) in enumerate(calls))
    )


def test_explain_agrees_with_judge_and_its_patches_hold_on_the_policies_of_the_vectors(tmp_path: Path) -> None:
    checked = 0
    for path, policy in policies():
        episode = episode_for(policy)
        verdict = policy.judge(episode)

        told = explain_trace(policy, [episode])

        assert told.blocked == verdict.denied, path
        assert told.unmet == len({each for each in verdict.closing if each.severity == "deny"}), path
        denials = Denials(policy)
        collect(denials, episode)
        for key, proposal in propose(denials, path, [episode]).items():
            situation = denials.found[key]
            assert bool(proposal.patch) != bool(proposal.reason), path
            if proposal.patch is None or not isinstance(situation, DeniedCall):
                continue
            target = tmp_path / "policy.yaml"
            target.write_text(patched_text(EditableDocument.read(path), [proposal.patch]), encoding="utf-8")
            after = load_policy(target).judge(episode)
            denied = {each.call_index for each in after.decisions if each.decision.verdict == "deny"}
            assert situation.index not in denied, (path, proposal.patch)
            checked += 1
    if not checked:
        pytest.fail("no policy of the vectors denied anything")
