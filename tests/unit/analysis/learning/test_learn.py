"""What is learnt from episodes: no more than they show, and every call of theirs fits it."""

from __future__ import annotations

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_core.analysis.learning import learn
from assay_core.errors import InputError
from assay_core.model import Episode, JsonValue, ToolCall

DEFS = {"climbs": {"type": "string", "pattern": r"(^|[/\\])\.\.([/\\]|$)"}}


def episode(*calls: tuple[str, JsonValue], prompt: str | None = "p", name: str = "e") -> Episode:
    events = tuple(ToolCall.of(tool, args, index=index) for index, (tool, args) in enumerate(calls))
    return Episode(id=name, prompt=prompt, events=events)


def fits(schema: object, value: object) -> bool:
    whole = {"$defs": DEFS, **schema}  # type: ignore[dict-item]  # a schema is a mapping
    return bool(jsonschema.Draft202012Validator(whole).is_valid(value))


def test_learn_requires_only_arguments_that_every_call_had() -> None:
    learnt = learn([episode(("t", {"a": 1, "b": "x"}), ("t", {"a": 2.5}))], "t.jsonl")

    schema = learnt.schemas["t"]

    assert schema is not None
    assert schema["required"] == ["a"]
    assert fits(schema, {"a": 7})
    assert not fits(schema, {"a": "7"})
    assert not fits(schema, {"a": 1, "c": 1})


def test_learn_keeps_paths_to_the_folder_they_were_in() -> None:
    learnt = learn([episode(("read", {"path": "/p/notes/a.md"}), ("read", {"path": "/p/notes/deep/b.md"}))], "t")

    schema = learnt.schemas["read"]

    assert fits(schema, {"path": "/p/notes/c.md"})
    assert not fits(schema, {"path": "/p/notes/../.env"})
    assert not fits(schema, {"path": "/p/notesX/a.md"})
    assert not fits(schema, {"path": "/etc/passwd"})


def test_learn_leaves_paths_open_that_share_no_folder() -> None:
    learnt = learn([episode(("read", {"path": "/a/x"}), ("read", {"path": "/b/x"}))], "t")

    assert fits(learnt.schemas["read"], {"path": "/c/x"})


def test_learn_keeps_addresses_to_the_hosts_that_were_seen() -> None:
    learnt = learn(
        [episode(("fetch", {"url": "https://a.example/x"}), ("fetch", {"url": "https://b.example:8443"}))], "t"
    )

    schema = learnt.schemas["fetch"]

    assert fits(schema, {"url": "https://a.example/other"})
    assert not fits(schema, {"url": "https://a.example.evil/"})
    assert not fits(schema, {"url": "https://a.example@evil/"})
    assert not fits(schema, {"url": "http://a.example/"})


def test_learn_gives_no_schema_where_arguments_are_no_object() -> None:
    learnt = learn([episode(("t", {"a": 1}), ("t", [1]))], "t")

    assert learnt.schemas == {"t": None}


@pytest.mark.parametrize(
    ("tool", "obstacle"),
    [
        ("*", "as a pattern its name would allow others too"),
        ("x-y", "a key that begins with x- is a remark"),
        ("$defs", "a name that begins with $ is no tool"),
        ("$other", "a name that begins with $ is no tool"),
        ("r\u0435ad", "its name is not printable ASCII"),
        ("read\u200b", "its name is not printable ASCII"),
        ("read\n", "its name is not printable ASCII"),
        (" read", "its name begins or ends with white space"),
        ("r" * 101, "its name is longer than 100 characters"),
    ],
)
def test_learn_leaves_out_a_tool_that_cannot_be_listed_and_says_why(tool: str, obstacle: str) -> None:
    learnt = learn([episode((tool, {}), ("read", {}))], "t")

    assert list(learnt.schemas) == ["read"]
    assert list(learnt.unnamed) == [tool]
    assert obstacle in learnt.unnamed[tool]
    assert [task.tools for task in learnt.tasks] == [("read",)]


def test_learn_asks_of_a_task_only_the_tools_of_every_attempt() -> None:
    attempts = [episode(("a", {}), ("b", {}), name="1"), episode(("b", {}), ("c", {}), name="2")]

    learnt = learn(attempts, "t")

    assert [(task.prompt, task.tools) for task in learnt.tasks] == [("p", ("b",))]
    assert (learnt.episodes, learnt.most_calls) == (2, 2)


def test_learn_names_episodes_that_record_no_prompt() -> None:
    learnt = learn([episode(("a", {}), prompt="ignore", name="file"), episode(("a", {}), prompt=None, name="2")], "t")

    assert [(task.prompt, task.episode) for task in learnt.tasks] == [(None, "file"), (None, "2")]


def test_learn_refuses_a_trace_without_calls() -> None:
    with pytest.raises(InputError) as caught:
        learn([episode()], "t")

    assert caught.value.code == "E_TRACE_EMPTY"


def test_learn_refuses_a_trace_of_countless_tools() -> None:
    with pytest.raises(InputError) as caught:
        learn([episode(*((f"t{number}", {}) for number in range(501)))], "t")

    assert caught.value.code == "E_DOCUMENT_LIMIT"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-100, 100)
    | st.floats(-9, 9)
    | st.sampled_from(["/a/b", "/a/c/d", "https://h/x", "t"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), min_size=1, max_size=4))
def test_learn_admits_every_call_it_learnt_from(calls: list[dict[str, JsonValue]]) -> None:
    learnt = learn([episode(*(("t", args) for args in calls))], "t")

    assert all(fits(learnt.schemas["t"], args) for args in calls)


def test_learn_copies_no_secret_into_a_starting_policy() -> None:
    calls = [("login", {"user": "bot", "password": "hunter2"}), ("fetch", {"url": "https://u:hunter2@h.example/"})]

    learnt = learn([episode(*calls * 12)], "t")

    assert "hunter2" not in str(learnt.schemas)
    assert fits(learnt.schemas["login"], {"user": "bot", "password": "another"})
