"""Patches for denials: the call is allowed afterwards, each edit is needed, and what else they allow is told."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

from assay_core.analysis.repair.denials import Denials, collect
from assay_core.analysis.repair.from_denials import propose, propose_policy_patches
from assay_core.analysis.repair.patch import Patch, patched_text
from assay_core.analysis.repair.situation import Budget, DeniedCall
from assay_core.documents import EditableDocument
from assay_core.errors import AssayError
from assay_core.model import Decision, Episode, ToolCall, ToolDefinition
from assay_core.policy import Policy, load_policy
from tests.reference import generate

NIGHTLY = os.environ.get("ASSAY_NIGHTLY") == "1"


def written(tmp_path: Path, policy: dict[str, Any]) -> Path:
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


@pytest.mark.parametrize("seed", range(400 if NIGHTLY else 6))
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


@pytest.mark.parametrize("seed", range(400, 800 if NIGHTLY else 404))
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


def proposed(tmp_path: Path, policy: dict[str, Any], *calls: ToolCall, **fields: Any) -> list[Any]:
    """Return the one proposal for each kind of denial, with its first one."""
    path = written(tmp_path, policy)
    episode = Episode(id="e", events=calls, **fields)
    return list(propose(denials_of(load_policy(path), episode), path, [episode]).values())


def call(tool: str, args: Any = None, **fields: Any) -> ToolCall:
    return ToolCall.of(tool, args, **fields)


def schema_of(**properties: Any) -> dict[str, Any]:
    return {"version": "2.0", "schemas": {"t": {"type": "object", "properties": properties}}}


@pytest.mark.parametrize(
    ("keyword", "value", "ops"),
    [
        ({"enum": ["a"]}, "b", [{"op": "add", "path": "/schemas/t/properties/x/enum/-", "value": "b"}]),
        ({"maximum": 5}, 7, [{"op": "replace", "path": "/schemas/t/properties/x/maximum", "value": 7}]),
        ({"maxLength": 1}, "abc", [{"op": "replace", "path": "/schemas/t/properties/x/maxLength", "value": 3}]),
        ({"type": "null"}, 1, [{"op": "replace", "path": "/schemas/t/properties/x/type", "value": ["null", "integer"]}]),  # noqa: E501 - one row of the table
        (
            {"pattern": "^/srv/"},
            "/etc/a.b",
            [{"op": "replace", "path": "/schemas/t/properties/x/pattern", "value": r"^/srv/|^/etc/a\.b$"}],
        ),
        (
            {"const": 1},
            2,
            [
                {"op": "move", "path": "/schemas/t/properties/x/enum", "from": "/schemas/t/properties/x/const"},
                {"op": "replace", "path": "/schemas/t/properties/x/enum", "value": [1, 2]},
            ],
        ),
        (
            {"not": {"const": 3}},
            3,
            [
                {
                    "op": "replace",
                    "path": "/schemas/t/properties/x",
                    "value": {"anyOf": [{"not": {"const": 3}}, {"const": 3}]},
                }
            ],
        ),
    ],
)  # fmt: skip
def test_a_schema_is_widened_by_the_least_for_each_keyword(
    keyword: dict[str, Any], value: Any, ops: list[Any], tmp_path: Path
) -> None:
    (proposal,) = proposed(tmp_path, schema_of(x=keyword), call("t", {"x": value}))

    assert [edit.document() for edit in proposal.patch.edits] == ops
    assert proposal.patch.id.startswith("widen_schema:t:")


def test_shared_definitions_are_left_alone(tmp_path: Path) -> None:
    policy = schema_of(x={"$ref": "#/$defs/p"})
    policy["schemas"]["$defs"] = {"p": {"type": "string", "pattern": "^/srv/"}}

    (proposal,) = proposed(tmp_path, policy, call("t", {"x": "/etc"}))

    assert [edit.path for edit in proposal.patch.edits] == ["/schemas/t/properties/x"]


def test_what_may_be_a_secret_is_written_into_no_policy(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    policy = schema_of(x={"pattern": "^/srv/"}, password={"enum": ["a"]})

    for args in ({"x": secret}, {"password": "hunter2"}):
        (proposal,) = proposed(tmp_path, policy, call("t", args))
        assert proposal.patch is None
        assert "edit the schema by hand" in proposal.reason


@pytest.mark.parametrize(
    ("policy", "calls", "ops"),
    [
        ({"tools": {"allow": ["a"]}}, [("b*", None)], [("add", "/tools/allow/-", {"tool": "b*", "exact": True})]),
        ({"allow": ["a"]}, [("b", None)], [("add", "/allow/-", "b")]),
        ({"tools": {"allow_classes": ["k"]}}, [("b", None)], [("add", "/tools/allow", ["b"])]),
        ({"tools": {"deny": ["x", "b*"]}}, [("bb", None)], [("remove", "/tools/deny/1", None)]),
        (
            {"tools": {"deny_classes": ["k"]}, "tool_classes": {"b": ["k", "l"]}},
            [("b", None)],
            [("remove", "/tool_classes/b/0", None)],
        ),
        (
            {
                "tools": {"deny_classes": ["k"], "approval_required_classes": ["k"]},
                "tool_classes": {"b": ["k"]},
            },
            [("b", None)],
            [("remove", "/tools/deny_classes/0", None)],
        ),
        ({"limits": {"max_tool_calls_total": 1}}, [("b", None)] * 2, [("replace", "/limits/max_tool_calls_total", 2)]),
        ({"limits": {"per_tool": {"b": 1}}}, [("b", None)] * 2, [("replace", "/limits/per_tool/b", 2)]),
        (
            {"limits": {"per_tool": {"b": {"max": 1, "per": "1s"}}}},
            [("b", 0.0), ("b", 10.0)],
            [("replace", "/limits/per_tool/b/max", 2)],
        ),
        (
            {"sequences": [{"type": "max_calls", "tool": "b", "max": 1}]},
            [("b", None)] * 2,
            [("replace", "/sequences/0/max", 2)],
        ),
        ({"sequences": [{"type": "blocklist", "pattern": "b"}]}, [("b", None)], [("remove", "/sequences/0", None)]),
        (
            {"sequences": [{"type": "after", "trigger": "a", "then": "b", "within": 1}]},
            [("a", None), ("c", None), ("c", None), ("b", None)],
            [("replace", "/sequences/0/within", 3)],
        ),
        ({"sequences": [{"type": "require", "tool": "z"}]}, [("b", None)], [("remove", "/sequences/0", None)]),
        (
            {"sequences": [{"type": "sequence", "tools": ["a", "b"], "strict": True}]},
            [("a", None), ("c", None), ("b", None)],
            [("replace", "/sequences/0/strict", False)],
        ),
    ],
)
def test_each_kind_of_rule_has_its_smallest_edit(
    policy: dict[str, Any], calls: list[Any], ops: list[Any], tmp_path: Path
) -> None:
    recorded = [call(tool, {}, index=index, ts_ms=when) for index, (tool, when) in enumerate(calls)]

    found = proposed(tmp_path, {"version": "2.0", **policy}, *recorded)

    assert [[(edit.op, edit.path, edit.value) for edit in each.patch.edits] for each in found] == [ops]


def test_a_tool_without_a_schema_gets_one_in_the_form_of_the_call(tmp_path: Path) -> None:
    policy = {"version": "2.0", "enforcement": {"unconstrained_tools": "deny"}}

    (proposal,) = proposed(tmp_path, policy, call("t", {"path": "/srv/x/y"}))

    (edit,) = proposal.patch.edits
    assert edit.path == "/schemas"
    assert edit.value["t"]["required"] == ["path"]
    assert "$ref" not in json.dumps(edit.value)


@pytest.mark.parametrize(
    ("policy", "recorded", "words"),
    [
        ({"tools": {"deny": ["z"]}}, call("d\u0435l", {}), "outside printable ASCII"),
        ({"tools": {"allow": ["z"]}}, call(" a", {}), "white space"),
        ({"constraints": {"t": {"x": "^a"}}}, call("t", {"x": "b"}), "assay policy migrate"),
    ],
)
def test_where_no_edit_will_do_it_is_said_why(
    policy: dict[str, Any], recorded: ToolCall, words: str, tmp_path: Path
) -> None:
    (proposal,) = proposed(tmp_path, {"version": "2.0", **policy}, recorded)

    assert proposal.patch is None
    assert words in proposal.reason


def test_hostile_names_make_ids_that_a_shell_takes(tmp_path: Path) -> None:
    policy = {"version": "2.0", "tools": {"allow": ["a"]}}

    for name in ("$(rm -rf ~)", "a b;c|d", "`x`", "x" * 900):
        (proposal,) = proposed(tmp_path, policy, call(name, {}))
        assert proposal.patch is not None
        assert all(each.isalnum() or each in "_./@+=:-" for each in proposal.patch.id)


def test_comments_and_shared_yaml_stay_right(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        'version: "2.0"\nschemas:\n  # why\n  a: &s {type: object, properties: {n: {maximum: 1}}}  # one\n  b: *s\n',
        encoding="utf-8",
    )
    episode = Episode(id="e", events=(call("a", {"n": 2}), call("b", {"n": 2}, index=1)))

    first, second = propose_policy_patches(load_policy(path), path, [episode])

    changed = patched(first)
    assert changed is not None
    assert [each.verdict for each in decisions(changed, episode)] == ["allow", "allow"]
    assert first.also_allows == ("e[1] b",)
    assert "# why" in path.with_name("patched.yaml").read_text(encoding="utf-8")
    assert second.also_allows == ("e[0] a",)


def test_a_file_that_has_changed_since_gets_no_patch(tmp_path: Path) -> None:
    path = written(tmp_path, {"version": "2.0", "tools": {"allow": ["a"]}})
    policy = load_policy(path)
    path.write_text('version: "2.0"\ntools: {allow: [b]}\n', encoding="utf-8")

    with pytest.raises(AssayError) as caught:
        propose_policy_patches(policy, path, iter([Episode(id="e", events=(call("z"),))]))

    assert caught.value.code == "E_PATCH_FAILED"


def test_what_a_check_plugin_finds_has_no_edit(tmp_path: Path) -> None:
    pytest.importorskip("assay_check_secrets", reason="assay-check-secrets is not installed")
    policy = {"version": "2.0", "secrets": {"block": ["aws"]}}

    (proposal,) = proposed(tmp_path, policy, call("t", {"x": "AKIA" + "ABCDEFGHIJKLMNOP"}))

    assert proposal.patch is None
    assert "check plugin" in proposal.reason


def test_a_drifted_pin_is_renewed_as_announced(tmp_path: Path) -> None:
    pin = {"server_id": "s", "tool_name": "t", "schema_hash": "0" * 64, "meta_hash": "0" * 64}
    definition = ToolDefinition(name="t", description="reads", input_schema_json=b"{}", server="s")

    (proposal,) = proposed(
        tmp_path, {"version": "2.0", "tool_pins": {"t": pin}}, call("t", {}), tool_definitions=(definition,)
    )

    assert [edit.path for edit in proposal.patch.edits] == ["/tool_pins/t/schema_hash", "/tool_pins/t/meta_hash"]


def test_a_repair_far_into_a_long_episode_is_said_not_to_be_worked_out(tmp_path: Path) -> None:
    path = written(tmp_path, {"version": "2.0", "limits": {"per_tool": {"b": 50}}})
    policy = load_policy(path)
    episode = Episode(id="e", events=tuple(call("b", {}, index=index) for index in range(60)))
    denials = Denials(policy, budget=Budget(100))
    collect(denials, episode)

    found = list(propose(denials, path, [episode]).values())

    assert {each.patch for each in found} == {None}
    assert all("not worked out: the trace is long" in each.reason for each in found)
