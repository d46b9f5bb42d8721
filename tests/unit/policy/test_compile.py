"""From the form to the policy: what is refused, what is announced, and how rules are called."""

from __future__ import annotations

from typing import Any

import pytest

from assay_core.errors import AssayError, Place, PolicyError
from assay_core.policy import Operand, Policy, PolicyForm, SequenceRule, compile_form, load_policy
from assay_core.policy.form import NameRule, Origin, Responses, Tools


def compiled(**fields: Any) -> Policy:
    return compile_form(PolicyForm(file="policy.yaml", **fields), digest="sha256:0")


def named(name: str, **origin: Any) -> NameRule:
    return NameRule(name=name, origin=Origin(**origin))


def require(tool: str, **origin: Any) -> SequenceRule:
    return SequenceRule(type="require", tool=Operand(tool=tool), origin=Origin(**origin))


def test_two_rules_with_one_id_are_refused_naming_both_places() -> None:
    first, second = Place("policy.yaml", 3, 5), Place("policy.yaml", 8, 5)

    with pytest.raises(PolicyError, match=r"'mine'; the first stands at policy\.yaml:3:5") as caught:
        compiled(
            tools=Tools(deny=(named("a", id="mine", place=first),)), sequences=(require("b", id="mine", place=second),)
        )

    assert (caught.value.code, caught.value.place) == ("E_POLICY_PARSE", second)


def test_one_content_with_two_severities_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"two rules have the identity 'tools\.deny:a'"):
        compiled(tools=Tools(deny=(named("a"), named("a", severity="warn"))))


def test_rule_that_stands_there_twice_decides_once_and_is_announced() -> None:
    place = Place("policy.yaml", 4)

    policy = compiled(tools=Tools(deny=(named("a"), named("a", place=place))), sequences=(require("x"), require("x")))

    assert [(each.code, each.place) for each in policy.notices] == [
        ("W_POLICY_REPEATED", place),
        ("W_POLICY_REPEATED", None),
    ]
    assert [each.id for each in policy.rules].count("tools.deny:a") == 1
    assert len(policy.sequences.rules) == 1


def test_id_of_one_kind_may_not_be_the_content_of_another() -> None:
    with pytest.raises(PolicyError, match="two rules have the identity"):
        compiled(tools=Tools(deny=(named("a"),)), sequences=(require("b", id="tools.deny:a"),))


def test_all_that_does_not_compile_is_reported_at_once() -> None:
    with pytest.raises(AssayError) as caught:
        compiled(
            schemas={"a": {"requierd": []}, "b": {"$ref": "http://x"}},
            sequences=(SequenceRule(type="require", tool=Operand(tool="t", args_match={"p": ("(?=x)",)})),),
            responses=Responses(deny_patterns=("(a)\\1",)),
            tools=Tools(deny=(named("a", id="x"), named("b", id="x"))),
        )

    assert [caught.value.code, *[each.code for each in caught.value.others]] == [
        "E_SCHEMA_COMPILE",
        "E_SCHEMA_COMPILE",
        "E_REGEX_INVALID",
        "E_REGEX_INVALID",
        "E_POLICY_PARSE",
    ]
    assert caught.value.message.startswith("schema of 'a': ")


def test_error_of_a_schema_stands_at_the_schemas_place() -> None:
    place = Place("policy.yaml", 12, 3)

    with pytest.raises(AssayError) as caught:
        compiled(schemas={"a": {"typ": "object"}}, schema_places={"a": place})

    assert caught.value.place == place


def test_schema_that_accepts_everything_is_announced() -> None:
    policy = compiled(schemas={"a": {"title": "x"}, "b": {"type": "object"}})

    assert [each.code for each in policy.notices] == ["W_POLICY_VACUOUS"]


@pytest.mark.parametrize("tools", [{}, {"deny": []}])
def test_policy_without_any_rule_is_announced(tools: dict[str, list[str]]) -> None:
    silent = {"version": "2.0", "tools": tools, "enforcement": {"unconstrained_tools": "allow"}}

    (notice,) = load_policy(silent).notices

    assert (notice.code, "says nothing" in notice.message, notice.place is not None) == ("W_POLICY_VACUOUS", True, True)


@pytest.mark.parametrize(
    "section",
    [{"tools": {"allow": ["*"]}}, {"limits": {"max_tool_calls_total": 1}}, {"server_requests": {"*": "deny"}}],
)
def test_policy_with_a_rule_says_something(section: dict[str, Any]) -> None:
    policy = load_policy({"version": "2.0", "enforcement": {"unconstrained_tools": "allow"}, **section})

    assert "W_POLICY_VACUOUS" not in [each.code for each in policy.notices]


@pytest.mark.parametrize(
    ("inner", "keyword"),
    [
        ({"format": "uri"}, "format"),
        ({"contentEncoding": "base64"}, "contentEncoding"),
        ({"contentSchema": {"type": "string"}}, "contentSchema"),
        ({"then": {"minLength": 3}}, "then"),
        ({"else": {"minLength": 3}}, "else"),
        ({"if": {"minLength": 3}}, "if"),
        ({"minContains": 2}, "minContains"),
        ({"maxContains": 2}, "maxContains"),
    ],
)
def test_keyword_without_effect_is_announced_with_its_place(inner: dict[str, Any], keyword: str) -> None:
    schema = {"type": "object", "properties": {"p": {"type": "string", **inner}}}
    place = Place("policy.yaml", 12, 3)

    (notice,) = compiled(schemas={"a": schema}, schema_places={"a": place}).notices

    assert (notice.code, notice.place) == ("W_POLICY_KEYWORD", place)
    assert f"/properties/p/{keyword}" in notice.message


@pytest.mark.parametrize(
    "schema",
    [
        {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
        {"if": {"properties": {"a": True}}, "unevaluatedProperties": False},
        {"properties": {"a": {"contains": {"const": 1}, "minContains": 2}}},
        {"properties": {"format": {"const": 1}, "then": {"const": 1}}},
        {"$schema": "http://json-schema.org/draft-07/schema", "properties": {"a": {"format": "ipv4"}}},
        {"$schema": "http://json-schema.org/draft-07/schema", "items": [True], "additionalItems": False},
    ],
)
def test_keyword_with_effect_is_not_announced(schema: dict[str, Any]) -> None:
    assert compiled(schemas={"a": schema}).notices == ()


def test_keyword_without_effect_in_shared_definitions_is_announced_once() -> None:
    schema = {"type": "object", "properties": {"p": {"$ref": "#/$defs/url"}}}

    notices = compiled(schemas={"a": schema, "b": schema}, schema_defs={"url": {"format": "uri"}}).notices

    assert [each.code for each in notices] == ["W_POLICY_KEYWORD"]


def test_items_that_nothing_precedes_are_not_additional() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema", "additionalItems": False}

    assert [each.code for each in compiled(schemas={"a": schema}).notices] == ["W_POLICY_VACUOUS", "W_POLICY_KEYWORD"]


def test_every_section_gives_rules_sorted_by_identity_with_where_they_are_decided() -> None:
    policy = load_policy(
        {
            "version": "2.0",
            "tools": {"allow": ["a", "deploy_*"], "deny": ["*_secret"], "approval_required": ["deploy_*"]},
            "schemas": {"a": {"type": "object"}},
            "sequences": [{"type": "before", "first": "a", "then": "deploy_*"}],
            "limits": {"max_requests_total": 9, "max_tool_calls_total": 5, "per_tool": {"a": 2}},
            "timeouts": {"default": "30s"},
            "responses": {"max_bytes": 10},
            "server_requests": "deny",
            "files": {"allow": ["/srv/"], "deny": ["/srv/*.key"]},
            "network": {"allow": []},
        }
    )

    assert {each.id: each.decided_by for each in policy.rules} == {
        "before:a->deploy_*": "trace",
        "enforcement.unconstrained_tools": "trace",
        "files.allow:/srv/": "kernel",
        "files.deny:/srv/*.key": "user space",
        "limits.max_requests_total": "mcp wrap",
        "limits.max_tool_calls_total": "trace",
        "limits.per_tool:a": "trace",
        "network.allow": "mcp wrap",
        "responses.max_bytes": "mcp wrap",
        "schemas:a": "trace",
        "server_requests:*": "mcp wrap",
        "timeouts.default": "mcp wrap",
        "tools.allow": "trace",
        "tools.approval_required:deploy_*": "mcp wrap",
        "tools.deny:*_secret": "trace",
        "tools.names": "trace",
    }
    assert [each.id for each in policy.rules] == sorted(each.id for each in policy.rules)
