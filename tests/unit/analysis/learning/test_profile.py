"""Profiles: runs fold in once, scopes are locked, rings are bounded, files load again as they were written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay_core.analysis.learning import Knobs, Learner
from assay_core.analysis.learning.draft import draft_of, policy_of
from assay_core.analysis.learning.profile import Profile, read_profile
from assay_core.analysis.learning.profile_text import profile_yaml
from assay_core.errors import InputError, UsageError
from assay_core.model import Episode, JsonValue, ResourceEvent, ToolCall
from assay_core.policy import load_policy

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def run(*targets: str, tools: tuple[tuple[str, JsonValue], ...] = (), at: float | None = 5.0) -> Learner:
    learner = Learner("t")
    if tools:
        events = tuple(ToolCall.of(tool, args, index=index) for index, (tool, args) in enumerate(tools))
        learner.add(Episode(id="e", events=events))
    for target in targets:
        learner.add_resource(ResourceEvent(kind="file", target=target, ts_ms=at))
    return learner


def saved(profile: Profile, path: Path) -> Profile:
    text = json.dumps(profile.document()) if path.suffix == ".json" else profile_yaml(profile.document())
    path.write_text(text, encoding="utf-8")
    return read_profile(path)


def test_a_run_counts_once_in_runs_and_its_hits_add_up() -> None:
    profile = Profile.new("p", None, now=NOW)

    assert profile.update(run("/a", "/a", "/b"), "r1", now=NOW) == "updated"
    assert profile.update(run("/a", at=9.0), "r2", now=NOW) == "updated"
    assert profile.update(run("/a"), "r1", now=NOW) == "known"

    entry = profile.entries["files"]["/a"]
    assert (entry.runs_seen, entry.hits_total, entry.first_seen, entry.last_seen) == (2, 3, 5, 9)
    assert profile.total_runs == 2


def test_an_unknown_time_is_zero_and_stays_out_of_the_bounds() -> None:
    profile = Profile.new("p", None, now=NOW)
    profile.update(run("/a", at=None), "r1", now=NOW)
    profile.update(run("/a", at=7.0), "r2", now=NOW)

    entry = profile.entries["files"]["/a"]

    assert (entry.first_seen, entry.last_seen) == (7, 7)


def test_old_run_ids_are_known_by_their_digest() -> None:
    profile = Profile.new("p", None, now=NOW)
    for number in range(205):
        profile.update(run("/a"), f"r{number}", now=NOW)

    assert len(profile.run_ids) == 200
    assert len(profile.digests) == 205
    assert profile.knows("r0")
    assert "r0" not in profile.run_ids


@pytest.mark.parametrize("name", ["p.yaml", "p.json"])
def test_a_profile_loads_as_it_was_written(tmp_path: Path, name: str) -> None:
    profile = Profile.new("né: #x", "s\u202e", now=NOW)
    profile.lock("s\u202e", force=False)
    tools: tuple[tuple[str, JsonValue], ...] = (
        ("login", {}), ("re\x1bad", {"n": 1.5, "when": "2026-11-22", "tags": ["a", "b"], "in": {"k": None}}),
        ("x", [1]),
    )  # fmt: skip
    for number in range(3):
        profile.update(run("/a b", "/é", "/q'\"", tools=tools), f"r{number}", now=NOW)

    again = saved(profile, tmp_path / name)

    assert again.document() == profile.document()


def test_members_that_others_wrote_survive(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "version: '1.0'\nname: n\ncreated_at: c\nupdated_at: u\ntotal_runs: 0\nrun_ids: []\nrun_id_digests: []\n"
        "entries: {files: {}, network: {}, processes: {}}\nsandbox_degradations: [{kind: x, count: 2}]\nnew_thing: 5\n"
    )

    document = saved(read_profile(path), tmp_path / "q.yaml").document()

    assert document["sandbox_degradations"] == [{"kind": "x", "count": 2}]
    assert document["new_thing"] == 5


def test_tool_calls_of_many_runs_become_a_policy(tmp_path: Path) -> None:
    profile = Profile.new("p", None, now=NOW)
    for number in range(15):
        profile.update(run(tools=(("login", {}), ("read", {"path": f"/srv/{number}"}))), f"r{number}", now=NOW)
    profile.update(run(tools=(("wipe", {}),)), "odd", now=NOW)
    profile = saved(profile, tmp_path / "p.yaml")

    draft = draft_of(profile.counts(), Knobs(), title="t", runs=profile.total_runs, tool_runs=profile.tool_runs)

    policy = load_policy(policy_of(draft))
    assert policy_of(draft)["tools"] == {"allow": ["login", "read"]}
    assert [(each.name, each.placing) for each in draft.entries if each.subject == "wipe"] == [("tool:wipe", "skip")]
    calls = (ToolCall.of("login", {}), ToolCall.of("read", {"path": "/srv/99"}, index=1))
    assert policy.judge(Episode(id="e", events=calls)).denied == 0
    assert policy.judge(Episode(id="e", events=calls[1:])).denied == 1  # before:login->read


def test_the_first_scope_locks_a_profile() -> None:
    profile = Profile.new("p", None, now=NOW)
    profile.lock("ci", force=False)

    with pytest.raises(UsageError) as caught:
        profile.lock("laptop", force=False)

    assert caught.value.code == "E_PROFILE_SCOPE"
    profile.lock("laptop", force=True)
    assert profile.scope == "laptop"


def test_merged_profiles_add_up_and_share_no_run() -> None:
    one, other = Profile.new("a", None, now=NOW), Profile.new("b", None, now=NOW)
    one.update(run("/a", tools=(("t", {}),)), "r1", now=NOW)
    other.update(run("/a", "/b", tools=(("t", {"x": 1}),)), "r2", now=NOW)

    one.merge(other, now=NOW)

    assert (one.total_runs, one.entries["files"]["/a"].runs_seen, one.tool_runs) == (2, 2, {"t": 2})
    with pytest.raises(UsageError) as caught:
        one.merge(other, now=NOW)
    assert caught.value.code == "E_INVALID_ARGS"


def test_names_too_long_to_be_keys_are_left_out_and_told() -> None:
    profile = Profile.new("p", None, now=NOW)

    profile.update(run("/" + "é\x00" * 600, "/ok", tools=(("t" * 3000, {}), ("u", {}))), "r", now=NOW)

    assert list(profile.entries["files"]) == ["/ok"]
    assert list(profile.learner.tools) == ["u"]
    assert len(profile.left_out) == 2


HEAD = "version: '1.0'\nname: n\ncreated_at: c\nupdated_at: u\ntotal_runs: 1\nrun_ids: []\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "a: b",
        "version: '2.0'\nentries: {}\n",
        HEAD + "entries: []\n",
        HEAD + "entries: {files: [1]}\n",
        HEAD + "entries: {files: {/a: 3}}\n",
        HEAD + "entries: {files: {/a: {runs_seen: -1}}}\n",
        HEAD + "entries: {files: {/a: {runs_seen: 1.5}}}\n",
        HEAD + "entries: {}\nscope: 3\n",
        HEAD.replace("[]", "[1]") + "entries: {}\n",
        HEAD + "entries: {}\nx-assay-tools: {version: 9}\n",
        HEAD + "entries: {}\nx-assay-tools: [1]\n",
        HEAD + "entries: {}\nentries: {}\n",
        "\tx",
    ],
)
def test_files_that_are_no_profiles_are_refused_at_their_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)

    with pytest.raises(InputError) as caught:
        read_profile(path)

    assert caught.value.code == "E_PROFILE_INVALID"
    assert caught.value.place is not None
