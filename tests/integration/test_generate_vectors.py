"""What the Rust project's learning mode makes of its own recordings, and what ours does: the same targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay_core.analysis.learning import Knobs
from assay_core.analysis.learning.draft import Draft, draft_of, policy_of
from assay_core.analysis.learning.event_lines import read_events
from assay_core.analysis.learning.profile import read_profile
from assay_core.documents import read_document
from assay_core.policy import load_policy
from assay_core.trace import FileSource
from tests.vectors import vectors_dir

GOLDEN = "upstream/crates/assay-cli/tests/golden"
THEIRS = {"allow_destinations": "allow", "deny_destinations": "deny"}


def membership(policy: Any) -> dict[str, dict[str, list[str]]]:
    """Section to list to targets, whoever wrote the policy; empty lists left out."""
    found: dict[str, dict[str, list[str]]] = {}
    for section in ("files", "network", "processes"):
        lists = {
            THEIRS.get(key, key): sorted(_target(entry) for entry in entries)
            for key, entries in (policy.get(section) or {}).items()
            if entries
        }
        if lists:
            found[section] = lists
    return found


def _target(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    return next(str(entry[key]) for key in ("pattern", "path", "address") if key in entry)


def drafted(folder: Path, **knobs: Any) -> Draft:
    found = read_events(FileSource(folder / "input.jsonl"))
    assert found is not None
    return draft_of(found.learner, Knobs(**knobs), title="Test Policy")


@pytest.mark.parametrize("name", ["dedup", "empty", "entropy", "many_network", "passthrough"])
def test_golden_recordings_give_the_targets_of_the_golden_policies(name: str) -> None:
    folder = vectors_dir() / GOLDEN / name
    expected: Any = read_document(folder / "expected.yaml").value

    draft = drafted(folder, heuristics=name == "entropy")

    policy = policy_of(draft)
    assert membership(policy) == membership(expected)
    assert load_policy(policy).name == "Test Policy"


def test_the_golden_reasons_are_word_for_word_the_same() -> None:
    folder = vectors_dir() / GOLDEN / "entropy"
    expected: Any = read_document(folder / "expected.yaml").value

    policy: Any = policy_of(drafted(folder, heuristics=True))

    theirs = {key: value for key, value in expected["files"]["needs_review"][0].items() if key != "pattern"}
    ours = {key: value for key, value in policy["files"]["needs_review"][0].items() if key != "path"}
    assert ours == theirs


def test_the_golden_profile_gives_the_golden_policy(tmp_path: Path) -> None:
    folder = vectors_dir() / GOLDEN / "profile" / "profile"
    text = (folder / "expected_profile.yaml").read_text(encoding="utf-8")
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    expected: Any = read_document(folder / "expected_policy.yaml").value
    profile = read_profile(path)

    policy = policy_of(draft_of(profile.counts(), Knobs(), title="t", runs=profile.total_runs))

    assert membership(policy) == membership(expected)


def test_a_profile_that_the_rust_project_wrote_loads() -> None:
    profile = read_profile(vectors_dir() / "upstream" / "demo" / "fixtures" / "profile.yaml")

    assert (profile.total_runs, profile.knows("demo-run-1")) == (1, True)
    assert profile.digests == ["9399e50e05d442be638914939e0babd66b0478beab83fe158b22e0e3f5ea0340"]
