"""Review files: decisions are applied, and whatever makes no sense is an error at its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay_core.analysis.learning import Knobs, Learner
from assay_core.analysis.learning.draft import Draft, draft_of, policy_of
from assay_core.analysis.learning.review import apply_review, review_template
from assay_core.documents import parse_document
from assay_core.errors import InputError
from assay_core.model import Episode, ResourceEvent, ToolCall


@pytest.fixture
def draft() -> Draft:
    learner = Learner("t")
    for number in range(12):
        events = (ToolCall.of("login", {}), ToolCall.of("read", {"path": f"/srv/{number}"}, index=1))
        learner.add(Episode(id=f"e{number}", events=events))
    for target in ("/etc/hosts", "/tmp/a1b2c3d4e5f6g7.sh"):
        learner.add_resource(ResourceEvent(kind="file", target=target))
    return draft_of(learner, Knobs(heuristics=True), title="t")


def reviewed(draft: Draft, folder: Path, rows: str) -> Any:
    path = folder / "review.yaml"
    path.write_text("version: 1\ndecisions:\n" + rows, encoding="utf-8")
    return policy_of(apply_review(draft, path))


def test_the_template_decides_nothing(draft: Draft, tmp_path: Path) -> None:
    path = tmp_path / "review.yaml"
    path.write_text(review_template(draft), encoding="utf-8")

    assert policy_of(apply_review(draft, path)) == policy_of(draft)
    rows: Any = parse_document(review_template(draft), "r").value
    assert [row["entry"] for row in rows["decisions"]][:2] == ["files:/tmp/a1b2c3d4e5f6g7.sh", "tool:login"]


def test_approved_targets_are_allowed(draft: Draft, tmp_path: Path) -> None:
    policy = reviewed(draft, tmp_path, "- {entry: 'files:/tmp/a1b2c3d4e5f6g7.sh', decision: approve}\n")

    assert policy["files"] == {"allow": ["/etc/hosts", "/tmp/a1b2c3d4e5f6g7.sh"]}


def test_a_rejected_tool_takes_its_rules_with_it(draft: Draft, tmp_path: Path) -> None:
    policy = reviewed(draft, tmp_path, "- {entry: 'tool:login', decision: reject}\n")

    assert policy["tools"] == {"allow": ["read"]}
    assert list(policy["schemas"]) == ["$defs", "read"]
    assert policy["sequences"] == [{"type": "max_calls", "tool": "read", "max": 1}]


def test_edits_take_the_place_of_what_was_learnt(draft: Draft, tmp_path: Path) -> None:
    policy = reviewed(
        draft,
        tmp_path,
        "- {entry: 'limit:max_tool_calls_total', decision: edit, value: 7}\n"
        "- {entry: 'files:/etc/hosts', decision: edit, value: {path: /etc/, rights: r}}\n"
        "- {entry: 'schema:read', decision: edit, value: {type: object, required: [path]}}\n"
        "- {entry: 'max_calls:read', decision: pending}\n".replace("max_calls:read", "sequence:max_calls:read"),
    )

    assert policy["limits"] == {"max_tool_calls_total": 7}
    assert policy["files"]["allow"] == [{"path": "/etc/", "rights": "r"}]
    assert policy["schemas"]["read"] == {"type": "object", "required": ["path"]}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("- {entry: 'tool:logn', decision: approve}\n", "did you mean 'tool:login'?"),
        ("- {entry: 'tool:login', decision: maybe}\n", "`decision` is one of approve, reject, edit, pending"),
        ("- {entry: 'tool:login'}\n", "`decision` is one of"),
        ("- {entry: 'tool:login', decision: edit}\n", "`edit` needs `value`"),
        ("- {entry: 'tool:login', decision: approve, value: x}\n", "`edit` needs `value`"),
        ("- {entry: 'tool:login', decision: approve}\n- {entry: 'tool:login', decision: reject}\n", "two rows decide"),
        ("- {entry: 'tool:login', decison: approve}\n", "did you mean 'decision'?"),
        ("- approve\n", "a row is a mapping"),
        ("- {decision: approve}\n", "a row needs `entry`"),
        ("- {entry: 'schema:read', decision: edit, value: {tpye: object}}\n", "is no good"),
        ("- {entry: 'limit:max_tool_calls_total', decision: edit, value: many}\n", "is no good"),
        ("- {entry: 'files:/etc/hosts', decision: edit, value: etc}\n", "is no good"),
        ("- {entry: 'tool:login', decision: edit, value: 3}\n", "is no good"),
        ("- {entry: 'sequence:before:login->read', decision: edit, value: {type: befor}}\n", "is no good"),
    ],
)
def test_what_makes_no_sense_is_an_error_at_its_line(draft: Draft, tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        reviewed(draft, tmp_path, rows)

    assert caught.value.code == "E_REVIEW_INVALID"
    assert words in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.line >= 3


@pytest.mark.parametrize(
    "text",
    ["", "[]", "version: 2\ndecisions: []\n", "version: 1\n", "version: 1\ndecisions: {}\n",
     "version: 1\ndecisions: []\nextra: 1\n", "version: true\ndecisions: []\n"],
)  # fmt: skip
def test_a_file_that_is_no_review_is_refused(draft: Draft, tmp_path: Path, text: str) -> None:
    path = tmp_path / "review.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(InputError) as caught:
        apply_review(draft, path)

    assert caught.value.code == "E_REVIEW_INVALID"


def test_every_mistake_is_told_at_once(draft: Draft, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        reviewed(draft, tmp_path, "- {entry: 'tool:a', decision: approve}\n- {entry: 'tool:b', decision: approve}\n")

    assert len(caught.value.others) == 1
