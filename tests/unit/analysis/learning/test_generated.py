"""What is learnt loads, says the same as text and as mapping, allows what it was learnt from, and copies no secret."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_core.analysis.learning import Generalisation, Knobs, Learner
from assay_core.analysis.learning.draft import draft_of, policy_of
from assay_core.analysis.learning.policy_text import policy_json, policy_yaml
from assay_core.analysis.learning.tools import obstacle
from assay_core.documents import parse_document
from assay_core.model import Episode, JsonValue, ResourceEvent, ToolCall
from assay_core.policy import load_policy

SECRETS = (
    "AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdefABCDEF0123456789abcd", "sk-proj-abcdef0123456789ABCDEF",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.s5x", "Bearer 0f8fad5bd9cb469fa165", "correct-horse-battery-staple",
    "4111-1111-1111-1111", "xK9#mQ2$vL7p", "https://user:hunter2@db.example/x",
    "9f86d081884c7d659a2feaa0c55ad015",
)  # fmt: skip
LEVELS = ("strict", "balanced", "loose")

hostile = st.text(max_size=12) | st.sampled_from(
    ["x-y", "$defs", "*", "a?", "null", "true", "1.0", "a: b", "# c", "- d", "\x1b[31m", "\u202eevil", "<script>",
     "${CWD}",
     "read_file", "read\nfile", "'", '"', "a, b", "{", "%TAG", "!!python", "é", " lead", "trail ", "y", "~", ""]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | hostile
    | st.sampled_from(["/srv/a/b", "/srv/a/../b", "https://h.example/x", "2026-11-22", "a@b.example", *SECRETS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
arguments = st.none() | st.dictionaries(st.sampled_from(["path", "id", "q", "token"]) | hostile, values, max_size=4)
names = st.sampled_from(["read_file", "search", "delete_all"]) | hostile.filter(lambda text: text.strip() != "")
calls = st.tuples(names, arguments, st.sampled_from(["ok", "error", "unknown", "denied"]))
episodes = st.lists(st.lists(calls, max_size=6), min_size=1, max_size=6)

Seen = list[list[tuple[str, JsonValue, Literal["ok", "error", "unknown", "denied"]]]]


def recorded(runs: Seen) -> list[Episode]:
    return [
        Episode(
            id=f"e{number}",
            events=tuple(
                ToolCall.of(tool, args, index=index, outcome=outcome) for index, (tool, args, outcome) in enumerate(run)
            ),
        )
        for number, run in enumerate(runs)
    ]


def learnt(runs: list[Episode], **knobs: object) -> Learner:
    learner = Learner("t", **knobs)  # type: ignore[arg-type]  # include_denied
    for run in runs:
        learner.add(run)
    return learner


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=60, deadline=None)
@given(runs=episodes, support=st.integers(1, 4))
def test_policy_loads_and_allows_every_call_it_was_learnt_from(level: Generalisation, runs: Seen, support: int) -> None:
    episodes_of_it = recorded(runs)
    learner = learnt(episodes_of_it, include_denied=True)
    draft = draft_of(learner, Knobs(generalise=level, min_support=support), title="t")

    policy = load_policy(policy_of(draft))

    for episode in episodes_of_it if learner.tools else ():
        for decision in policy.judge(episode).decisions:
            call = episode.tool_calls[decision.call_index]
            assert decision.decision.verdict != "deny" or obstacle(call.tool), (call, decision)
    assert {f"the tool {tool!a}" for tool in learner.unnamed} <= {what for what, _ in draft.left_out}


@settings(max_examples=80, deadline=None)
@given(runs=episodes, title=hostile.filter(bool), level=st.sampled_from(LEVELS))
def test_text_says_exactly_what_the_mapping_says(runs: Seen, title: str, level: Generalisation) -> None:
    draft = draft_of(learnt(recorded(runs)), Knobs(generalise=level, min_support=2), title=title, sources=[title])

    text = policy_yaml(draft)

    assert parse_document(text, "p.yaml").value == policy_of(draft)
    assert all(line.isprintable() for line in text.split("\n"))
    assert {key: each for key, each in policy_json(draft).items() if key != "x-learnt"} == policy_of(draft)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("key", ["password", "apiKey", "auth_token"])
def test_no_secret_is_copied_into_a_policy(level: Generalisation, secret: str, key: str) -> None:
    args: dict[str, JsonValue] = {
        key: secret,
        "items": [{"client_secret": secret}],
        "map": {secret: 1} if len(secret) < 100 else {},
    }
    runs: Seen = [[("login", dict(args), "ok")] * 3, [("login", dict(args), "ok")] * 20]

    draft = draft_of(learnt(recorded(runs)), Knobs(generalise=level, min_support=1), title="t")

    for text in (policy_yaml(draft), json.dumps(policy_json(draft))):
        if secret != "correct-horse-battery-staple":  # as a name of a member nothing tells it from words
            assert secret not in text
        assert secret[: max(8, len(secret) // 2)] not in text.replace("correct-horse", "")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("secret", [each for each in SECRETS if not each.startswith("correct")])
def test_no_text_in_the_form_of_a_secret_is_copied_whatever_its_name(level: Generalisation, secret: str) -> None:
    runs: Seen = [[("note", {"text": text}, "ok")] for text in (secret, "plain", secret) * 8]
    runs += [[("log", {"path": f"/srv/{secret}/x", "url": f"https://h.example/{secret}"}, "ok")]] * 12

    draft = draft_of(learnt(recorded(runs)), Knobs(generalise=level, min_support=1), title="t")

    assert secret not in policy_yaml(draft)
    assert secret not in json.dumps(policy_json(draft))


def test_a_tool_that_was_only_denied_is_left_out_and_named() -> None:
    runs: Seen = [[("read", {}, "ok"), ("wipe", {}, "denied")]]

    draft = draft_of(learnt(recorded(runs)), Knobs(), title="t")

    assert policy_of(draft)["tools"] == {"allow": ["read"]}
    assert draft.left_out == (("1 call of 'wipe'", "recorded as denied; --include-denied learns from such calls"),)


def test_every_rule_says_what_speaks_for_it() -> None:
    runs: Seen = [[("login", {}, "ok"), ("delete_row", {"id": number}, "ok")] for number in range(20)]

    text = policy_yaml(draft_of(learnt(recorded(runs)), Knobs(), title="t"))

    assert "# 20 calls in 20 of 20 episodes, first at <memory>, episode e0; confidence 0.84\n" in text
    assert "# ! the name says 'delete': look at what it can do" in text
    assert "# held in 20 of 20 episodes with delete_row; confidence 0.84\n" in text
    assert "{type: before, first: login, then: delete_row}" in text


def test_nothing_seen_allows_nothing() -> None:
    policy = load_policy(policy_of(draft_of(Learner("t"), Knobs(), title="t")))

    verdict = policy.judge(Episode(id="e", events=(ToolCall.of("a", {}),)))

    assert verdict.denied == 1
    assert policy.unrestricted == ("env",)


@settings(max_examples=100, deadline=None)
@given(
    targets=st.lists(
        st.tuples(
            st.sampled_from(["file", "net", "exec"]),
            hostile.filter(bool)
            | st.sampled_from(["/etc/passwd", "/a/../b", "/a//b", "/a/*", "h:1", "[::1]:80", "re:x", "/a/"]),
        ),
        max_size=8,
    ),
    heuristics=st.booleans(),
)
def test_targets_stand_in_the_policy_or_are_left_out_with_a_reason(
    targets: list[tuple[Literal["file", "net", "exec"], str]], heuristics: bool
) -> None:
    learner = Learner("t")
    for kind, target in targets:
        learner.add_resource(ResourceEvent(kind=kind, target=target))

    draft = draft_of(learner, Knobs(heuristics=heuristics), title="t")

    policy = load_policy(policy_of(draft))
    assert parse_document(policy_yaml(draft), "p").value == policy_of(draft)
    assert len(draft.entries) + len(draft.left_out) == len(set(targets))
    assert all(why for _, why in draft.left_out)
    assert not [each for each in policy.notices if each.code not in ("W_POLICY_REVIEW", "W_POLICY_EMPTY_ALLOW",
                                                                     "W_POLICY_LATER", "W_POLICY_VACUOUS")]  # fmt: skip


def test_a_tool_or_file_named_after_a_secret_is_not_named_in_a_remark() -> None:
    runs: Seen = [[(SECRETS[0], {}, "ok"), ("read", {}, "ok")]]
    learner = learnt(recorded(runs))
    learner.add_resource(ResourceEvent(kind="file", target=f"/tmp/{SECRETS[0]}"))

    draft = draft_of(learner, Knobs(), title="t", sources=[f"{SECRETS[0]}.jsonl: 1 episode"])

    assert len(draft.left_out) == 2
    for text in (policy_yaml(draft), json.dumps(policy_json(draft))):
        assert SECRETS[0] not in text
        assert "(hidden: it may be a secret)" in text
