"""Rewriting policies: migration and layout keep comments, order and meaning."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from assay_core.documents import EditableDocument
from assay_core.errors import PolicyError
from assay_core.policy.form import PolicyForm
from assay_core.policy.load import load_policy, read_policy, reread
from assay_core.policy.normalise import normalised
from assay_core.policy.rewriting.layout import comments_of, laid_out
from assay_core.policy.rewriting.migrate import migrated_text

OLD = """\
# a policy of version 1
version: "1.0"
name: old   # its name

# what may be called
allow:
  # reading
  - read_file   # files
  - "list_*"
deny: [exec]

constraints:
  # only data
  - tool: read_file   # this one
    params: {path: {matches: "^/data/"}}

# tail
signatures: {check_descriptions: true}
"""

NEW = """\
# a policy of version 1
version: "2.0"
name: old   # its name

# what may be called
tools:
  allow:
    # reading
    - read_file # files
    - "list_*"
  deny: [exec]
# only data
# this one
# tail
schemas:
  read_file:
    type: object
    additionalProperties: true
    properties:
      path:
        type: string
        pattern: ^/data/
        minLength: 1
    required:
      - path
signatures: {check_descriptions: true}
"""


def migrate(tmp_path: Path, text: str) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    reading = read_policy(path)
    return migrated_text(EditableDocument.read(path), reading.kind, reading.form, partial(reread, file="new"))


def lay_out(tmp_path: Path, text: str) -> str:
    path = tmp_path / "layout.yaml"
    path.write_text(text, encoding="utf-8")
    return laid_out(EditableDocument.read(path))


def test_version_1_is_rewritten_with_its_comments_and_order(tmp_path: Path) -> None:
    assert migrate(tmp_path, OLD) == NEW


@pytest.mark.parametrize(
    "text",
    [
        OLD,
        "tools: {allow: [a]}\nallow: [b, a]\ndeny: [c]\n",
        "tools:\nallow: [a]\n",
        'version: "1.0"\n',
        "deny: [x]\nconstraints: {a: {p: '^/'}}\nschemas:\n  b: {type: object, required: [x]}  # b\n",
        "# top\n\n# second\ntools: {deny: [x]}\n",
        'version: "1.1"\ntools: {allow: ["a*", {tool: "b?", id: x}], deny: [c]}  # names\nmetadata: {a: 1}\n',
        "tools:\n  arg_constraints:\n    # a\n    a: {type: object, required: [p]}\n  require_args: {b: [x]}\n",
        'version: "1.1"\nsequences:\n  - {type: sequence, tools: ["a*", b]}\n  - {type: require, tool: "x?"}\n',
        "on_error: allow\ntools: {allow: [a]}\n",
        "# top\ndiscount: {type: object, required: [p]}   # d\nx-a: 1  # x\n$defs: {q: {type: string}}\n",
        "_meta: {name: n}\nfiles: {allow: [{pattern: /a, count: 2}], needs_review: [{pattern: /b, risk: r}]}\n",
        "network:\n  # d\n  allow_destinations: ['1.2.3.4:5']\n  deny_destinations: ['1.2.3.5:5']\n  allow: [':7']\n",
        "network:\n  allow: [':7']\n  allow_destinations: ['1.2.3.4:5']\n",
    ],
)  # fmt: skip
def test_every_old_form_is_rewritten_without_changing_what_it_means(tmp_path: Path, text: str) -> None:
    new = migrate(tmp_path, text)

    path = tmp_path / "new.yaml"
    path.write_text(new, encoding="utf-8")
    again = read_policy(path)
    assert (again.kind, again.notices) == ("current", ())
    assert normalised(again.form) == normalised(read_policy(tmp_path / "policy.yaml").form)
    assert sorted(comments_of(new)) == sorted(comments_of(text))
    assert migrate(tmp_path, new) == new


def test_a_current_policy_is_left_as_it_is_byte_for_byte(tmp_path: Path) -> None:
    text = "version:    '2.0'   # odd\nlimits:\n    max_requests_total:   3\n"

    assert migrate(tmp_path, text) == text


def test_what_cannot_be_rewritten_with_the_same_meaning_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("allow: [a]\n", encoding="utf-8")
    reading = read_policy(path)

    def other(text: str) -> tuple[str, PolicyForm]:
        return "current", PolicyForm(file="other")

    with pytest.raises(PolicyError, match="E_POLICY_UNSUPPORTED"):
        migrated_text(EditableDocument.read(path), reading.kind, reading.form, other)  # type: ignore[arg-type]  # read as a policy


def test_the_layout_is_one_whatever_was_written(tmp_path: Path) -> None:
    text = (
        "version: '2.0'   \n\n\n\ntools:\n      allow:\n      - 'a'\n      - 'say \"b\"'\n"
        '# left\n      - "c"\nallow: null\nlimits:\n    max_requests_total:   3   # three   \n\n\n'
    )

    assert lay_out(tmp_path, text) == (
        'version: "2.0"\n\ntools:\n  allow:\n    - "a"\n    - \'say "b"\'\n    # left\n    - "c"\n'
        "allow: null\nlimits:\n  max_requests_total: 3       # three\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        OLD,
        NEW,
        "a: |\n  text  \n\n\n\n  # no comment\n more: 1\n".replace(" more", "more"),
        "a: &x {b: 'c'}\nd: *x\n",
        "a: 'don''t'\nb: '\\d'\nc: '#no'\n",
        "a: [b,\n  c]\n",
    ],
)
def test_the_layout_is_stable_and_changes_no_value(tmp_path: Path, text: str) -> None:
    from assay_core.documents import parse_document

    once = lay_out(tmp_path, text)

    assert lay_out(tmp_path, once) == once
    assert parse_document(once, "once").value == parse_document(text, "text").value
    assert sorted(comments_of(once)) == sorted(comments_of(text))


def test_a_layout_that_would_lose_a_comment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="E_POLICY_UNSUPPORTED"):
        lay_out(tmp_path, "tools: {allow: [\n  a,  # first\n  # lost\n  b]}\n")


@pytest.mark.parametrize(
    ("text", "comments"),
    [
        ("a: 1 # one\n# two\n", ["# one", "# two"]),
        ("a: '# no'\nb: \"# no\"\nc: x#no\n", []),
        ("a: |\n  # no\nb: 1  # yes\n", ["# yes"]),
        ("# only\n", ["# only"]),
    ],
)
def test_comments_are_told_from_text(text: str, comments: list[str]) -> None:
    assert comments_of(text) == comments


def test_a_migrated_policy_decides_as_before(tmp_path: Path) -> None:
    new = migrate(tmp_path, OLD)
    path = tmp_path / "new.yaml"
    path.write_text(new, encoding="utf-8")

    assert load_policy(path).digest == load_policy(tmp_path / "policy.yaml").digest


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_a_policy_in_json_stays_json(tmp_path: Path, indent: int | str | None) -> None:
    old = {"version": "1.0", "allow": ["a"], "constraints": {"a": {"p": "^x"}}}

    new = migrate(tmp_path, json.dumps(old, indent=indent) + "\n")

    assert list(json.loads(new)) == ["version", "tools", "schemas"]
    assert new == json.dumps(json.loads(new), indent=indent) + "\n"


def test_anchors_that_no_alias_names_stay(tmp_path: Path) -> None:
    new = migrate(tmp_path, 'x-base: &base {p: "^x"}\nallow: &all [a]\nconstraints: {a: *base}\n')

    assert "x-base: &base {p" in new
    assert "allow: &all [a]" in new
