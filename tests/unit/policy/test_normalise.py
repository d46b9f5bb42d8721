"""The normalised form and its digest."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from assay_core.policy.load import load_policy, read_policy
from assay_core.policy.normalise import form_digest, normalised, without_absent

FULL = """\
version: "2.0"
name: docs-bot
tools:
  allow: [authenticate, "read_*", fetch_url, search_kb, search_web, {tool: "deploy_*", id: d, reason: why, severity: warn}]
  deny: ["*_secret"]
  approval_required: ["deploy_*"]
  restrict_scope_contract: {scope_type: tool, scope_value: a, scope_match_mode: exact}
tool_classes: {fetch_url: [b, a]}
aliases: {Search: [search_kb, search_web]}
schemas:
  $defs: {p: {type: string, pattern: "^/srv/"}}
  read_file: {type: object, required: [path], properties: {path: {$ref: "#/$defs/p"}}}
sequences:
  - {type: before, first: authenticate, then: {tool: "deploy_*", args_match: {a: [x, y]}}}
  - {type: sequence, tools: [read_a, read_b], strict: true}
  - {type: eventually, tool: read_a, within: 9, on_violation: deny}
  - {type: max_calls, tool: Search, max: 3}
  - {type: blocklist, pattern: rm}
limits: {max_tool_calls_total: 500, per_tool: {search_web: {max: 10, per: 60s}, search_kb: 3}}
timeouts: {default: 30s, per_tool: {fetch_url: 1500ms}}
responses: {max_bytes: 10, deny_patterns: [AKIA], on_violation: warn}
server_requests: {sampling: allow, "*": deny}
approval: {keys: [a.pub], ttl: 1h}
files: {allow: ["${CWD}/", {path: /etc/ssl/, rights: r}], deny: ["${HOME}/.ssh/"], needs_review: [/tmp/x]}
network: {}
env: {allow: [PATH]}
"""  # noqa: E501 - one line per key


def load(tmp_path: Path, text: str, name: str = "policy.yaml") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return form_digest(read_policy(path).form)


def test_a_plain_file_has_the_full_null_shape(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        'version: "2.0"\nname: n\ntools: {allow: ["read_*"], deny: []}\ntool_classes: {t: [b, a]}\n'
        "limits: {max_tool_calls_total: 3}\nschemas: {$defs: {p: {type: string}}, t: {type: object}}\n",
        encoding="utf-8",
    )

    assert normalised(read_policy(path).form) == {
        "version": "2.0",
        "name": "n",
        "tools": {
            "allow": ["read_*"],
            "deny": [],
            "allow_classes": None,
            "deny_classes": None,
            "approval_required": None,
            "approval_required_classes": None,
            "restrict_scope": None,
            "restrict_scope_classes": None,
            "restrict_scope_contract": None,
            "redact_args": None,
            "redact_args_classes": None,
            "redact_args_contract": None,
        },
        "allow": None,
        "deny": None,
        "schemas": {"$defs": {"p": {"type": "string"}}, "t": {"type": "object"}},
        "constraints": [],
        "enforcement": {"unconstrained_tools": "warn"},
        "limits": {"max_requests_total": None, "max_tool_calls_total": 3},
        "signatures": None,
        "tool_pins": {},
        "tool_classes": {"t": ["a", "b"]},
        "discovery": None,
        "runtime_monitor": None,
        "kill_switch": None,
    }


def test_the_digest_is_that_of_the_canonical_bytes_of_the_shape(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('version: "2.0"\nname: n\n', encoding="utf-8")
    form = read_policy(path).form
    by_hand = json.dumps(normalised(form), sort_keys=True, separators=(",", ":")).encode()

    assert form_digest(form) == "sha256:" + sha256(by_hand).hexdigest()
    assert load_policy(path).digest == form_digest(form)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ('version: "2.0"\n', "sha256:bd5264cd7d37e6407aac7a92cdebc3739de2a46f3f4af701da2c0422ad6dee39"),
        (
            'version: "2.0"\nname: files\ntools: {allow: ["read_*", list_dir], deny: ["*_secret"]}\n',
            "sha256:8ac469c070c40c95af82915fbde8a80dfcbc1f34144702adda0cc695ad670813",
        ),
        (FULL, "sha256:8bdcde7ce86afe24bb1e7bbac656c4de884b4403fb47cbc57cf0a5fd74ad31b1"),
    ],
    ids=["bare", "plain", "extended"],
)
def test_the_digest_never_changes(tmp_path: Path, text: str, digest: str) -> None:
    assert load(tmp_path, text) == digest


def test_the_digest_does_not_depend_on_the_order_of_keys_comments_or_style(tmp_path: Path) -> None:
    one = 'version: "2.0"\nname: n\ntools: {allow: [a, b], deny: [c]}\ntool_classes: {x: [p, q]}\nlimits:\n'
    other = (
        "# text\ntool_classes:\n  x: [q, p]\ntools:\n  deny:\n    - c\n  allow:\n    - 'a'\n    - b\nname: n\n"
        "version: 2.0\n"
    )

    assert load(tmp_path, one) == load(tmp_path, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tools: {allow: [a, b]}", "tools: {allow: [b, a]}"),
        ("tools: {deny: []}", "tools: {}"),
        ("tools: {allow: []}", "tools: {allow: null}"),
        ("enforcement: {unconstrained_tools: deny}", "enforcement: {}"),
        ("limits: {}", "name: ''"),
        ("network: {}", "name: ''"),
        ("tools: {deny: [a]}", "tools: {deny: [{tool: a, severity: warn}]}"),
    ],
)
def test_the_digest_depends_on_what_the_policy_says(tmp_path: Path, one: str, other: str) -> None:
    head = 'version: "2.0"\n'

    assert load(tmp_path, head + one) != load(tmp_path, head + other)


def test_the_digest_does_not_depend_on_where_the_policy_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('version: "2.0"\nfiles: {allow: ["${CWD}/", "${HOME}/a"]}\n', encoding="utf-8")

    here = load_policy(path, environment={"CWD": "/a", "HOME": "/b"})
    there = load_policy(path, environment={"CWD": "/c", "HOME": "/d"})

    assert here.digest == there.digest
    assert here.form.files is not None
    assert [entry.expanded for entry in here.form.files.allow or ()] == ["/a/", "/b/a"]


def test_an_old_form_and_its_migration_have_one_digest(tmp_path: Path) -> None:
    old = 'version: "1.0"\nallow: [a]\nconstraints: [{tool: a, params: {p: {matches: "^/"}}}]\n'
    new = (
        'version: "2.0"\ntools: {allow: [a]}\nschemas: {a: {type: object, additionalProperties: true, '
        'properties: {p: {type: string, pattern: "^/", minLength: 1}}, required: [p]}}\n'
    )

    assert load(tmp_path, old) == load(tmp_path, new)


def test_the_shape_without_what_is_absent_is_a_policy_that_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(FULL, encoding="utf-8")
    shape = normalised(read_policy(path).form)

    again = read_policy(without_absent(shape)).form

    assert normalised(again) == shape
