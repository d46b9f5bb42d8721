"""Strict keys: every mistake at its place, with the nearest known key, all of them in one pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assay_core.errors import AssayError
from assay_core.model import PluginRules, ToolCall
from assay_core.policy.load import load_policy, read_policy

HEAD = 'version: "2.0"\n'


def refused(tmp_path: Path, text: str, *, plugins: PluginRules | None = None) -> AssayError:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AssayError) as caught:
        load_policy(path, plugins=plugins)
    return caught.value


def where(error: AssayError) -> tuple[int, int]:
    assert error.place is not None
    return error.place.line, error.place.column


@pytest.mark.parametrize(
    ("text", "key", "guess"),
    [
        ("toolz: {allow: [a]}", "toolz", "tools"),
        ("tools: {alow: [a]}", "alow", "allow"),
        ("tools: {allow: [{tool: a, reson: b}]}", "reson", "reason"),
        ("limits: {max_tool_calls: 3}", "max_tool_calls", "max_tool_calls_total"),
        ("limits: {per_tool: {a: {max: 1, pr: 2s}}}", "pr", "per"),
        ("enforcement: {unconstrained_tool: deny}", "unconstrained_tool", "unconstrained_tools"),
        ("files: {alow: [/a]}", "alow", "allow"),
        ("files: {allow: [{path: /a, right: r}]}", "right", "rights"),
        ("sequences: [{type: require, tol: a, tool: b}]", "tol", "tool"),
        ("tool_pins: {a: {server: x}}", "server", "server_id"),
        ("signatures: {check_description: true}", "check_description", "check_descriptions"),
        ("discovery: {enable: true}", "enable", "enabled"),
        ("runtime_monitor: {rule: []}", "rule", "rules"),
        ("kill_switch: {trigger: []}", "trigger", "triggers"),
        ("timeouts: {defaults: 3s}", "defaults", "default"),
        ("responses: {max_byte: 3}", "max_byte", "max_bytes"),
        ("server_requests: {samplin: deny}", "samplin", "sampling"),
        ("approval: {keyz: [a]}", "keyz", "keys"),
    ],
)
def test_a_misspelt_key_is_an_error_with_its_place_and_the_nearest_key(
    tmp_path: Path, text: str, key: str, guess: str
) -> None:
    error = refused(tmp_path, HEAD + text + "\n")

    found = [each for each in (error, *error.others) if f"{key!r}" in each.message]
    assert found, error
    assert found[0].code == "E_POLICY_PARSE"
    assert f"did you mean {guess!r}?" in found[0].message
    assert where(found[0]) == (2, text.index(key) + 1)


def test_a_name_longer_than_any_tool_has_is_an_error(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + f"tools: {{deny: [{'a*' * 600}]}}\n")

    assert (error.code, "longer than 1024" in error.message) == ("E_POLICY_PARSE", True)


def test_keys_beginning_with_x_are_free_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        HEAD
        + "x-owner: me\ntools: {x-why: 1, deny: [{tool: a, x-note: b}]}\nlimits: {x-a: 1, max_requests_total: 2}\n",
        encoding="utf-8",
    )

    assert load_policy(path).form.max_requests_total == 2


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    error = refused(
        tmp_path,
        HEAD + "limitz: {}\n"
        "tools:\n  deny: [1, '']\n"
        "schemas: {a: {typo: object}}\n"
        "sequences: [{type: before, first: a}]\n"
        "responses: {deny_patterns: ['(?=a)']}\n"
        "network: {allow: ['1.2.3.4:0']}\n",
    )

    every = (error, *error.others)
    assert [each.place.line if each.place else 0 for each in every] == [2, 4, 4, 5, 6, 7, 8]
    assert [each.code for each in every] == [
        "E_POLICY_PARSE",
        "E_POLICY_PARSE",
        "E_POLICY_PARSE",
        "E_SCHEMA_COMPILE",
        "E_POLICY_PARSE",
        "E_REGEX_INVALID",
        "E_POLICY_PARSE",
    ]
    assert all(not each.others for each in error.others)


def test_a_key_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + "tools: {allow: [a]}\ntools: {allow: [b]}\n")

    assert (error.code, where(error)) == ("E_POLICY_PARSE", (3, 1))


def test_a_place_quotes_the_offending_line(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + "tools: {alow: [a]}   # oops\n")

    assert error.place is not None
    assert error.place.text == "tools: {alow: [a]}   # oops"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: 3", "expected a string"),
        ("tools: [a]", "expected a mapping"),
        ("tools: {allow: a}", "expected a list"),
        ("tools: {deny: ['']}", "an empty string"),
        ("tools: {deny: [' exec']}", "white space"),
        ("tools: {deny: [{id: a}]}", "missing key 'tool'"),
        ("tools: {deny: [{tool: a, severity: fatal}]}", "expected one of warn, deny"),
        (
            "tools: {restrict_scope_contract: {scope_type: path_prefix, scope_value: a, scope_match_mode: exact}}",
            "tool",
        ),
        ("tools: {restrict_scope_contract: {scope_type: tool}}", "missing key 'scope_value'"),
        ("tools: {redact_args_contract: {redaction_target: body, redaction_mode: mask, redaction_scope: all}}", "args"),
        ("tool_classes: {a: sink}", "expected a list"),
        ("limits: {max_tool_calls_total: -1}", "at least 0"),
        ("limits: {max_tool_calls_total: true}", "expected a whole number"),
        ("limits: {per_tool: {a: {per: 3s}}}", "missing key 'max'"),
        ("limits: {per_tool: {a: {max: 1, per: 60}}}", "expected a duration"),
        ("limits: {per_tool: {a: {max: 1, per: 0s}}}", "is none"),
        ("timeouts: {default: soon}", "expected a duration"),
        ("responses: {max_bytes: 0, on_violation: report}", "at least 1"),
        ("server_requests: ask", "expected one of allow, deny"),
        ("server_requests: {sampling: deny, 'sampling/createMessage': allow}", "says again"),
        ("approval: {ttl: 5m}", "either keys"),
        ("approval: {keys: [a], command: [b]}", "either keys"),
        ("enforcement: {unconstrained_tools: block}", "expected one of allow, warn, deny"),
        ("schemas: {a: string}", "expected a JSON Schema"),
        ("schemas: {$anchor: {}}", "is no tool"),
        ("tool_pins: {a: {server_id: s, tool_name: a, schema_hash: ABC, meta_hash: abc}}", "64 lower-case"),
        ("runtime_monitor: {rules: [{id: a, type: file_read, match: {path_globs: [/a]}}]}", "did you mean 'file_open'"),
        ("discovery: {methods: [dhcp]}", "expected one of config_files"),
        ("tools: {deny: [{tool: a, id: x}, {tool: b, id: x}]}", "two rules have the id 'x'"),
    ],
)
def test_a_value_of_the_wrong_shape_is_an_error_that_says_what_was_expected(
    tmp_path: Path, text: str, message: str
) -> None:
    error = refused(tmp_path, HEAD + text + "\n")

    assert any(message in each.message for each in (error, *error.others)), (error, error.others)
    assert where(error)[0] == 2


@pytest.mark.parametrize(
    "text",
    [
        "timeouts: {}",
        "responses: {}",
        "aliases: {A: []}",
        "sequences: [{type: sequence, tools: [a]}]",
        "sequences: [{type: require, tool: {tool: a, args_match: {}}}]",
        "runtime_monitor: {rules: [{id: a, type: file_open, match: {}}]}",
    ],
)
def test_a_section_that_can_never_refuse_anything_is_an_error(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, HEAD + text + "\n").code == "E_CFG_VACUOUS"


@pytest.mark.parametrize("text", ["Shells: [Unix, cmd]\n  Unix: [bash]\n", "Shells: [Unix]\n  Unix: [Shells]\n"])
def test_an_alias_of_an_alias_is_refused_since_it_would_match_nothing(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, HEAD + f"aliases:\n  {text}tools: {{deny: [Shells]}}\n")

    assert (error.code, where(error)) == ("E_POLICY_PARSE", (3, 12))
    assert "'Unix' is an alias too" in error.message
    assert "one level" in error.message


def test_an_alias_that_lists_its_own_name_means_that_tool_too(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + "aliases: {search: [search, find]}\ntools: {deny: [search]}\n", encoding="utf-8")

    policy = load_policy(path)

    verdicts = [policy.decide(ToolCall.of(tool), policy.session()).verdict for tool in ("search", "find")]
    assert verdicts == ["deny", "deny"]


@pytest.mark.parametrize("section", ["schemas: {'read_*': {type: object}}", "tool_classes: {'a?': [x]}"])
def test_a_pattern_where_names_are_exact_is_refused(tmp_path: Path, section: str) -> None:
    error = refused(tmp_path, HEAD + section + "\n")

    assert (error.code, "exact tool names" in error.message) == ("E_POLICY_UNSUPPORTED", True)


def test_a_fault_in_a_schema_is_reported_at_its_own_line(tmp_path: Path) -> None:
    error = refused(
        tmp_path,
        HEAD + "schemas:\n  $defs:\n    p: {type: string, patern: a}\n  a:\n    type: object\n    properties:\n"
        "      x: {$ref: '#/$defs/nowhere'}\n",
    )

    places = [(each.place.line, each.place.column) for each in (error, *error.others) if each.place]
    assert error.code == "E_SCHEMA_COMPILE"
    assert places == [(4, 23), (8, 11)]


def test_a_kill_switch_may_name_only_rules_that_exist(tmp_path: Path) -> None:
    error = refused(
        tmp_path,
        HEAD + "runtime_monitor: {rules: [{id: a, type: file_open, match: {path_globs: [/etc/shadow]}}]}\n"
        "kill_switch: {triggers: [{on_rule: b}]}\n",
    )

    assert "no rule 'b'" in error.message
    assert where(error)[0] == 3


def test_the_defaults_of_runtime_sections_are_written_out(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + "discovery: {}\nkill_switch: {}\nsignatures: {}\n", encoding="utf-8")

    runtime = read_policy(path).form.runtime

    assert runtime["discovery"] == {
        "enabled": False,
        "methods": ["config_files", "processes"],
        "output": None,
        "on_findings": {"unmanaged_server": "log", "no_auth": "log"},
    }
    assert runtime["signatures"] == {"check_descriptions": False}
    assert runtime["kill_switch"]["grace_period_ms"] == 3000  # type: ignore[call-overload,index]  # a mapping


def test_a_missing_first_party_check_plugin_is_an_error_naming_its_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path / "nothing")])

    error = refused(tmp_path, HEAD + "secrets: {block: [aws]}\n")

    assert (error.code, where(error)) == ("E_PLUGIN_MISSING", (2, 1))
    assert "assay-check-secrets" in f"{error.message} {error.remedy}"


def test_a_dotted_key_whose_plugin_is_missing_is_an_error(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + "acme.pii: {level: 3}\n")

    assert (error.code, where(error)) == ("E_PLUGIN_MISSING", (2, 1))


def test_a_denied_check_plugin_does_not_load(tmp_path: Path) -> None:
    error = refused(tmp_path, HEAD + "secrets: {block: [aws]}\n", plugins=PluginRules(deny=("secrets",)))

    assert error.code in ("E_PLUGIN_DENIED", "E_PLUGIN_MISSING")  # missing where it is not installed


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssayError) as caught:
        load_policy(tmp_path / "none.yaml")

    assert caught.value.code == "E_PATH_NOT_FOUND"


def test_a_file_that_is_too_large_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"# " + b"x" * (10 * 1024 * 1024))

    with pytest.raises(AssayError) as caught:
        load_policy(path)

    assert caught.value.code == "E_DOCUMENT_LIMIT"
