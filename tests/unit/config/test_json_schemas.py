"""JSON Schemas for editors say what the loaders say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import pytest
from jsonschema import Draft202012Validator

from assay_core.config import SCHEMA_NAMES, json_schema
from assay_core.config.attrs_schema import class_schema
from assay_core.documents import parse_document
from assay_core.model import JsonObject, JsonValue
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.policy.reading.forms import POLICY_KEYS


def valid(schema: Any, text: str) -> bool:
    return bool(Draft202012Validator(schema).is_valid(parse_document(text, "f").value))


@pytest.fixture
def eval_schema(drivers: Drivers) -> JsonObject:
    return json_schema("eval", drivers)


@pytest.fixture
def policy_schema(drivers: Drivers) -> JsonObject:
    return json_schema("policy", drivers)


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_every_schema_is_one_and_names_itself(
    name: Literal["eval", "policy", "run", "summary"], drivers: Drivers
) -> None:
    schema = json_schema(name, drivers)

    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:assay:schema:{name}:1"


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_schemas_work_where_no_plugin_is_installed(
    name: Literal["eval", "policy", "run", "summary"], tmp_path: Any
) -> None:
    schema = json_schema(name, Drivers(Catalogue.scan([str(tmp_path)])))

    Draft202012Validator.check_schema(schema)


HEAD = "configVersion: 1\nsuite: s\n"


@pytest.mark.parametrize(
    "text",
    [
        "version: 1",
        "suite: s\npolicy: ~\nsettings: ~\nx-free: 1\n_free: 2\ndefinitions: [3]\notel: {a: 1}",
        HEAD + "settings: {parallel: 1, seed: 7, attempts: last, limits: {depth: 3}, judge: {samples: 3}}",
        HEAD + "plugins: {require: [a], allow: ~}\nreporters: {junit: ~, sarif: {a: 1}}",
        HEAD + "tests: [{id: t, input: a, expected: {type: must_contain, must_contain: [x]}}]",
        HEAD + "tests: [{id: t, input: a, expected: [{must_contain: x}, {type: args_valid, schema: {t: {}}}]}]",
        HEAD + "tests: [{id: t, input: {match: all}, assertions: [{type: trace_max_steps, max: 1, x-note: n}]}]",
        HEAD + "tests: [{id: t, input: {episode: e, context: [a]}, expected: {sequence: [a]}, tags: [a], metadata: 1}]",
    ],
)
def test_good_suites_are_valid(eval_schema: JsonObject, text: str) -> None:
    assert valid(eval_schema, text)


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "configVersion: 1\nversion: 1",
        "configVersion: 2",
        HEAD + "setings: {}",
        HEAD + "settings: {paralel: 1}",
        HEAD + "settings: {parallel: 0}",
        HEAD + "settings: {attempts: first}",
        HEAD + "settings: {limits: {lines: 1}}",
        HEAD + "thresholds: {min_score: 2}",
        HEAD + "tests: [{id: t}]",
        HEAD + "tests: [{id: '', input: a, expected: {must_contain: x}}]",
        HEAD + "tests: [{id: 'policy:x', input: a, expected: {must_contain: x}}]",
        HEAD + "tests: [{id: t, input: {prompt: a, match: all}, expected: {must_contain: x}}]",
        HEAD + "tests: [{id: t, input: {}, expected: {must_contain: x}}]",
        HEAD + "tests: [{id: t, input: a, expected: []}]",
        HEAD + "tests: [{id: t, input: a, expected: {type: nonsense}}]",
        HEAD + "tests: [{id: t, input: a, expected: {type: must_contain}}]",
        HEAD + "tests: [{id: t, input: a, expected: {type: must_contain, must_contain: x}}]",
        HEAD + "tests: [{id: t, input: a, expected: {type: must_contain, must_contain: [x], more: 1}}]",
        HEAD + "tests: [{id: t, input: a, expected: {must_contain: x, sequence: [a]}}]",
        HEAD + "tests: [{id: t, input: a, expected: {must_contian: x}}]",
        HEAD + "tests: [{id: t, input: a, assertions: []}]",
        HEAD + "tests: [{id: t, input: a, assertions: [{max: 1}]}]",
        HEAD + "tests: [{id: t, input: a, assertions: [{type: must_contain, must_contain: [x]}]}]",
        HEAD + "tests: [{id: t, input: a, assertions: [{type: trace_max_steps, max: x}]}]",
    ],
)
def test_wrong_suites_are_not(eval_schema: JsonObject, text: str) -> None:
    assert not valid(eval_schema, text)


def test_the_types_of_installed_plugins_appear_with_their_options(eval_schema: JsonObject) -> None:
    definitions: Any = eval_schema["$defs"]

    assert definitions["expectation"]["then"]["properties"]["type"]["enum"] == [
        "args_valid",
        "must_contain",
        "must_not_contain",
        "sequence_valid",
    ]
    assert definitions["assertion"]["properties"]["type"]["enum"] == ["trace_max_steps"]
    assert (
        definitions["expected.must_contain"]["properties"]["must_contain"]["description"] == "Every one of these texts."
    )
    assert definitions["expected.args_valid"]["description"] == "Either a policy or a schema."


def test_every_key_says_what_it_is(eval_schema: JsonObject) -> None:
    properties: Any = eval_schema["properties"]
    settings = next(
        each for each in properties["settings"].get("anyOf", [properties["settings"]]) if "properties" in each
    )

    assert all(each.get("description") for each in [*properties.values(), *settings["properties"].values()])


def test_the_policy_schema_has_every_key_of_the_language(policy_schema: JsonObject) -> None:
    properties: Any = policy_schema["properties"]

    assert set(POLICY_KEYS) <= set(properties)


@pytest.mark.parametrize(
    "text",
    [
        "version: '2.0'\nname: x\ntools: {allow: ['b_*'], deny: [{tool: c, id: i, severity: warn}], deny_classes: [k]}",
        "version: 2.0\nsequences:\n  - {type: before, first: a, then: {tool: b, args_match: {p: ^x, q: [y]}}}",
        "sequences: [{type: after, trigger: a, then: b, within: 3, on_violation: deny}]",
        "limits: {max_tool_calls_total: 5, per_tool: {a: 3, b: {max: 1, per: 60s}}}\ntimeouts: {default: 500ms}",
        "files: {allow: [/srv/, {path: /etc/, rights: r}], needs_review: [/x]}\nenv: {allow: [PATH]}\nx-owner: me",
        "server_requests: deny\nresponses: {deny_patterns: [x]}\nenforcement: {unconstrained_tools: deny}",
        "server_requests: {sampling: allow, '*': deny}\napproval: {keys: [k.pub], ttl: 5m}\nschemas: {$defs: {}}",
        "tools: ~\nschemas: ~\nlimits: ~\nfiles: ~",
    ],
)
def test_good_policies_are_valid(policy_schema: JsonObject, text: str) -> None:
    assert valid(policy_schema, text)


@pytest.mark.parametrize(
    "text",
    [
        "version: '3.0'",
        "tols: {}",
        "tools: {alow: [a]}",
        "tools: {allow: a}",
        "tools: {deny: [{name: a}]}",
        "sequences: [{type: befor, first: a, then: b}]",
        "sequences: [{type: before, first: a}]",
        "sequences: [{type: before, first: a, then: b, within: 2}]",
        "sequences: [{type: sequence, tools: [a]}]",
        "sequences: [{type: eventually, tool: a}]",
        "limits: {per_tool: {a: {max: 1, per: 60}}}",
        "timeouts: {default: 1 minute}",
        "files: {allow: [{path: /x, rights: q}]}",
        "env: {needs_review: [A]}",
        "enforcement: {unconstrained_tools: maybe}",
        "server_requests: {prompting: allow}",
        "tool_pins: {a: {server_id: s, tool_name: a, schema_hash: XX, meta_hash: YY}}",
    ],
)
def test_wrong_policies_are_not(policy_schema: JsonObject, text: str) -> None:
    assert not valid(policy_schema, text)


# -- classes


@attrs.frozen(kw_only=True)
class Sample:
    """First line.

    Further lines.
    """

    text: str
    either: str = attrs.field(metadata={"names": ("or_so",)})
    count: int = 3
    ratio: float | None = None
    word: Literal["a", "b"] | None = None
    names: tuple[str, ...] = ()
    table: Mapping[str, int] = attrs.field(factory=dict)
    anything: JsonValue = None
    thing: JsonObject | None = None
    hidden: int = attrs.field(default=0, init=False)


def test_a_class_becomes_a_schema() -> None:
    schema: Any = class_schema(Sample)

    Draft202012Validator.check_schema(schema)
    assert schema["description"] == "First line."
    assert schema["required"] == ["text"]
    assert schema["allOf"] == [{"anyOf": [{"required": ["either"]}, {"required": ["or_so"]}]}]
    assert schema["properties"] == {
        "text": {"type": "string"},
        "either": {"type": "string"},
        "or_so": {"type": "string"},
        "count": {"type": "integer", "default": 3},
        "ratio": {"type": ["number", "null"]},
        "word": {"enum": ["a", "b", None]},
        "names": {"type": "array", "items": {"type": "string"}},
        "table": {"type": "object", "additionalProperties": {"type": "integer"}},
        "anything": {},
        "thing": {"type": ["object", "null"]},
    }


def test_a_broken_plugin_does_not_take_the_schema_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.config.conftest import FAKES

    broken = FAKES / "broken"
    monkeypatch.syspath_prepend(str(broken))
    catalogue = Catalogue.scan([str(broken)])
    names = [each.name for each in catalogue.records("assay.metrics") if each.state == "ready"]

    schema: Any = json_schema("eval", Drivers(catalogue))

    assert names
    for name in names:
        assert "cannot be used" in schema["$defs"][f"expected.{name}"]["description"]
