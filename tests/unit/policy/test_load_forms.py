"""Which files load as what, and what is refused, saying what it looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.errors import AssayError, PolicyError
from assay_core.policy.load import load_policy, read_policy
from assay_core.policy.reading.document import Reading


def read(tmp_path: Path, text: str) -> Reading:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return read_policy(path)


def refused(tmp_path: Path, text: str) -> AssayError:
    with pytest.raises(AssayError) as caught:
        read(tmp_path, text)
    return caught.value


def codes(reading: Reading) -> list[str]:
    return [notice.code for notice in reading.notices]


@pytest.mark.parametrize("version", ['"2.0"', "2.0", "'2.0'"])
def test_a_policy_of_version_2_loads_without_a_notice(tmp_path: Path, version: str) -> None:
    reading = read(tmp_path, f"version: {version}\ntools: {{allow: [a]}}\n")

    assert (reading.kind, reading.form.version, codes(reading)) == ("current", "2.0", [])


def test_a_missing_version_is_a_notice_and_nothing_else(tmp_path: Path) -> None:
    reading = read(tmp_path, "tools: {allow: [a]}\n")

    assert (reading.kind, codes(reading)) == ("current", ["W_POLICY_VERSION"])


def test_root_lists_are_appended_to_those_under_tools_with_one_notice(tmp_path: Path) -> None:
    reading = read(tmp_path, 'version: "2.0"\ntools: {allow: [a], deny: [x]}\nallow: [b, a]\ndeny: [y]\n')

    assert [rule.name for rule in reading.form.tools.allow or ()] == ["a", "b"]
    assert [rule.name for rule in reading.form.tools.deny] == ["x", "y"]
    assert codes(reading) == ["W_POLICY_MIGRATED"]
    assert "assay policy migrate" in reading.notices[0].message


def test_null_is_absent_wherever_it_stands(tmp_path: Path) -> None:
    text = 'version: "2.0"\nallow: null\ndeny: ~\nconstraints: []\ntools: {allow: null}\nlimits: null\nsignatures:\n'
    reading = read(tmp_path, text)

    assert reading.form.tools.allow is None
    assert (reading.kind, codes(reading), reading.form.runtime) == ("current", [], {})


@pytest.mark.parametrize(
    "constraints",
    [
        "[{tool: read_file, params: {path: {matches: '^/data/'}}}]",
        "{read_file: {path: '^/data/'}}",
        "{read_file: {path: {matches: '^/data/'}}}",
    ],
)
def test_constraints_in_a_working_form_become_a_schema(tmp_path: Path, constraints: str) -> None:
    reading = read(tmp_path, f'version: "1.0"\nconstraints: {constraints}\n')

    assert reading.form.schemas["read_file"] == {
        "type": "object",
        "additionalProperties": True,
        "properties": {"path": {"type": "string", "pattern": "^/data/", "minLength": 1}},
        "required": ["path"],
    }
    assert codes(reading) == ["W_POLICY_MIGRATED"]


@pytest.mark.parametrize(
    "constraints",
    [
        "{run: {deny_patterns: {command: '^rm'}}}",
        "{run: {command: {matches: '^a', max: 3}}}",
        "{run: {}}",
        "{run: '^rm'}",
        "[run]",
        "[{tool: run, params: {}}]",
        "'^rm'",
        "[{tool: a, params: {x: '1'}}, {tool: a, params: {y: '2'}}]",
    ],
)
def test_constraints_that_would_check_nothing_are_refused(tmp_path: Path, constraints: str) -> None:
    error = refused(tmp_path, f"constraints: {constraints}\n")

    assert error.code == "E_POLICY_UNSUPPORTED"
    assert error.place is not None
    assert error.place.line == 1


def test_names_of_a_rules_policy_are_exact(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        'version: "1.1"\ntools: {allow: ["read_*", plain]}\n'
        'sequences: [{type: before, first: "a?", then: plain}]\non_error: block\nmetadata: {owner: me}\n',
    )

    assert [(rule.name, rule.exact) for rule in reading.form.tools.allow or ()] == [("read_*", True), ("plain", False)]
    first = reading.form.sequences[0].first
    assert first is not None
    assert first.exact
    assert (reading.kind, codes(reading)) == ("rules", ["W_POLICY_MIGRATED"])
    assert reading.form.unconstrained_tools == "allow"


def test_a_literal_wildcard_of_a_rules_policy_is_announced(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('version: "1.1"\ntools: {deny: ["*"]}\n', encoding="utf-8")

    policy = load_policy(path)

    assert [notice.code for notice in policy.notices if notice.code != "W_POLICY_MIGRATED"] == ["W_POLICY_PATTERN"]


def test_the_tables_of_a_rules_policy_become_schemas(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        "tools:\n  require_args: {a: [path], b: [x]}\n"
        "  arg_constraints: {a: {type: object, required: [mode], properties: {mode: {enum: [r]}}}}\n",
    )

    assert reading.kind == "rules"
    assert reading.form.schemas["a"]["required"] == ["mode", "path"]
    assert reading.form.schemas["b"] == {"type": "object", "required": ["x"]}


def test_a_wildcard_in_an_alias_of_a_rules_policy_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, 'version: "1.1"\naliases: {All: ["x*"]}\n').code == "E_POLICY_UNSUPPORTED"


def test_a_key_of_the_current_format_in_a_rules_policy_says_which_version_has_it(tmp_path: Path) -> None:
    error = refused(tmp_path, 'version: "1.1"\nschemas: {a: {type: object}}\n')

    assert error.code == "E_POLICY_PARSE"
    assert 'version: "2.0"' in error.remedy


def test_tools_mapped_to_schemas_are_schemas_only(tmp_path: Path) -> None:
    reading = read(tmp_path, "discount: {type: object, required: [percent]}\n")

    assert (reading.kind, codes(reading)) == ("schemas", ["W_POLICY_SCHEMAS_ONLY"])
    assert set(reading.form.schemas) == {"discount"}
    assert reading.form.unconstrained_tools == "allow"


def test_the_learnt_shape_becomes_resources_with_rules_under_review_apart(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        "_meta: {name: learnt}\nfiles:\n  allow: [/etc/passwd, {pattern: /etc/shadow, count: 5}]\n"
        "  needs_review: [{pattern: /tmp/x, risk: needs_review, reasons: [entropy]}]\n"
        "network: {allow_destinations: ['10.0.0.1:80'], deny_destinations: ['10.0.0.9:80']}\nprocesses: {}\n",
    )

    files, network = reading.form.files, reading.form.network
    assert files is not None
    assert network is not None
    assert [entry.target for entry in files.allow or ()] == ["/etc/passwd", "/etc/shadow"]
    assert [entry.target for entry in files.needs_review] == ["/tmp/x"]
    assert [entry.target for entry in network.allow or ()] == ["10.0.0.1:80"]
    assert [entry.target for entry in network.deny] == ["10.0.0.9:80"]
    assert (reading.form.name, codes(reading)) == ("learnt", ["W_POLICY_MIGRATED"])


@pytest.mark.parametrize(
    ("text", "code", "looks_like"),
    [
        ("", "E_POLICY_UNSUPPORTED", "empty"),
        ("{}", "E_POLICY_UNSUPPORTED", "empty"),
        ("x-a: 1", "E_POLICY_UNSUPPORTED", "empty"),
        ("[a, b]", "E_POLICY_UNSUPPORTED", "list of tool names"),
        ("- {require: a}", "E_POLICY_UNSUPPORTED", "list of sequence rules"),
        ("just text", "E_POLICY_UNSUPPORTED", "the string"),
        ("blocklist: [a]", "E_POLICY_UNSUPPORTED", "list of blocked tools"),
        ("version: '2.0'\nblocklist: [a]", "E_POLICY_UNSUPPORTED", "list of blocked tools"),
        ("{type: object, properties: {a: {}}}", "E_POLICY_UNSUPPORTED", "names no tool"),
        ("schema: {type: object}", "E_POLICY_UNSUPPORTED", "names no tool"),
        ("{api_version: 1, fs: {allow: []}}", "E_POLICY_UNSUPPORTED", "sandbox policy"),
        ("{entries: {}, total_runs: 1}", "E_POLICY_UNSUPPORTED", "profile"),
        ("mandate_trust: {}", "E_POLICY_UNSUPPORTED", "mandates"),
        ("{colour: blue, weight: 3}", "E_POLICY_UNSUPPORTED", "'colour', 'weight'"),
        ("{configVersion: 1, suite: s, tests: []}", "E_CFG_KIND", "suite"),
        ("version: 1", "E_CFG_KIND", "suite"),
        ("{version: 2, tools: {}}", "E_CFG_VERSION", "2"),
        ("{version: '3.0', tools: {deny: ['*']}}", "E_CFG_VERSION", "3.0"),
        ("{version: [2], tools: {}}", "E_POLICY_PARSE", "a list"),
        ("{tool: {allow: [a]}}", "E_POLICY_PARSE", "did you mean 'tools'?"),
    ],
)
def test_what_is_no_policy_is_refused_saying_what_it_looks_like(
    tmp_path: Path, text: str, code: str, looks_like: str
) -> None:
    error = refused(tmp_path, text)

    assert (error.code, looks_like in error.message) == (code, True), error
    assert isinstance(error, PolicyError)


def test_a_policy_built_in_python_loads_like_a_file() -> None:
    policy = load_policy({"version": "2.0", "tools": {"allow": ["read_*"], "deny": [{"tool": "x", "id": "no-x"}]}})

    assert "no-x" in {rule.id for rule in policy.rules}
    assert policy.form.file == "<mapping>"


@pytest.mark.parametrize("value", [{"tools": {1: 2}}, {"tools": {"allow": [object()]}}, {"limits": float("nan")}])
def test_a_policy_built_in_python_may_hold_only_what_a_file_could(value: dict[str, object]) -> None:
    with pytest.raises(PolicyError, match="E_POLICY_PARSE"):
        load_policy(value)  # type: ignore[arg-type]  # the point of the test


def test_a_policy_built_in_python_that_is_too_deep_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(200):
        deep = {"not": deep}

    with pytest.raises(PolicyError, match="E_DOCUMENT_LIMIT"):
        load_policy({"schemas": {"a": deep}})  # type: ignore[dict-item]  # JSON, but mypy cannot tell
