"""must_contain, must_not_contain, regex_match, regex_not_match, json_schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.convert import StructureError
from assay_core.errors import InputError
from assay_core.model import Outcome, SourcePlace


def test_must_contain_holds_when_every_text_is_there(judge, episode) -> None:
    result = judge("must_contain", episode(response="Paris is in France"), must_contain=["Paris", "France"])

    assert result.outcome is Outcome.HELD
    assert result.effective_score() == 1.0


def test_must_contain_names_what_is_missing(judge, episode) -> None:
    result = judge("must_contain", episode(response="paris"), must_contain=["Paris", "par", "Rome"])

    assert result.outcome is Outcome.VIOLATED
    assert result.effective_score() == 0.0
    assert result.details["message"] == "missing substring: 'Paris', 'Rome'"
    (finding,) = result.findings
    assert (finding.code, finding.rule, finding.episode_id) == ("E_TEXT_MISSING", "must_contain", "e1")
    assert finding.source == SourcePlace("trace.jsonl", 9)


def test_must_not_contain_names_what_is_there(judge, episode) -> None:
    result = judge("must_not_contain", episode(response="London calling"), must_not_contain=["London", "Rome"])

    assert [each.code for each in result.findings] == ["E_TEXT_FORBIDDEN"]
    assert judge("must_not_contain", episode(response="x"), must_not_contain=["y"]).outcome is Outcome.HELD


def test_long_and_many_texts_are_cut_in_messages(judge, episode) -> None:
    texts = ["x" * 500, "b", "c", "d"]

    message = judge("must_contain", episode(response=""), must_contain=texts).findings[0].message

    assert "…" in message
    assert message.endswith("'b', 'c' and 1 more")
    assert len(message) < 200


@pytest.mark.parametrize(("flags", "held"), [([], False), (["i"], True), (["i", "m", "s"], True)])
def test_regex_match_searches_anywhere_with_flags(judge, episode, flags, held) -> None:
    result = judge("regex_match", episode(response="say\nHELLO  ci now"), pattern=r"hello\s+CI", flags=flags)

    assert (result.outcome is Outcome.HELD) == held
    if not held:
        assert [each.code for each in result.findings] == ["E_REGEX_NO_MATCH"]


def test_flags_m_and_s_mean_lines_and_line_ends(judge, episode) -> None:
    text = episode(response="one\ntwo")

    assert judge("regex_match", text, pattern="^two$", flags=["m"]).outcome is Outcome.HELD
    assert judge("regex_match", text, pattern="^two$").outcome is Outcome.VIOLATED
    assert judge("regex_match", text, pattern="one.two", flags=["s"]).outcome is Outcome.HELD
    assert judge("regex_match", text, pattern="one.two").outcome is Outcome.VIOLATED


def test_regex_not_match_is_the_inverse(judge, episode) -> None:
    text = episode(response="mix bleach")

    assert judge("regex_not_match", text, pattern="never").outcome is Outcome.HELD
    assert [each.code for each in judge("regex_not_match", text, pattern="bl.ach").findings] == ["E_REGEX_FORBIDDEN"]


@pytest.mark.parametrize("name", ["regex_match", "regex_not_match"])
@pytest.mark.parametrize("pattern", ["(?!a)b", r"(a)\1", "(", "[z-a]"])
def test_a_pattern_that_is_not_linear_is_an_error_with_its_place(prepare, name, pattern) -> None:
    with pytest.raises(InputError) as caught:
        prepare(name, pattern=pattern)

    assert caught.value.code == "E_REGEX_INVALID"
    assert caught.value.place is not None
    assert caught.value.place.line == 7


def test_an_unknown_flag_is_an_error(prepare) -> None:
    with pytest.raises(StructureError) as caught:
        prepare("regex_match", pattern="a", flags=["x"])

    assert caught.value.problems[0].path == ("flags", 0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("must_contain", {"must_contain": ["a"]}),
        ("must_not_contain", {"must_not_contain": ["a"]}),
        ("regex_match", {"pattern": "a"}),
        ("regex_not_match", {"pattern": "a"}),
        ("json_schema", {"json_schema": {"type": "object"}}),
    ],
)
def test_an_episode_without_a_response_is_never_silently_green(judge, episode, name, options) -> None:
    result = judge(name, episode(), **options)

    assert result.outcome is Outcome.VIOLATED
    assert [each.code for each in result.findings] == ["E_RESPONSE_MISSING"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("must_contain", {}),
        ("must_contain", {"must_contain": []}),
        ("must_contain", {"must_contain": ["a", ""]}),
        ("must_not_contain", {"must_not_contain": []}),
        ("must_not_contain", {"must_not_contain": [""]}),
        ("regex_match", {"pattern": ""}),
        ("regex_match", {"pattern": ".*"}),
        ("regex_match", {"pattern": "x*", "flags": ["i"]}),
        ("regex_match", {"pattern": "^"}),
        ("regex_match", {"pattern": "good|"}),
        ("regex_match", {"pattern": "(ok)?$"}),
        ("regex_not_match", {"pattern": ""}),
        ("json_schema", {}),
        ("json_schema", {"json_schema": "{}"}),
        ("json_schema", {"json_schema": "true"}),
        ("json_schema", {"json_schema": "  "}),
        ("json_schema", {"json_schema": {}}),
        ("json_schema", {"json_schema": {"title": "anything"}}),
        ("json_schema", {"json_schema": "{}", "schema_file": " "}),
    ],
)
def test_a_check_that_could_never_fail_is_an_error_with_its_place(prepare, name, options) -> None:
    with pytest.raises(InputError) as caught:
        prepare(name, **options)

    assert caught.value.code == "E_CFG_VACUOUS"
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.line) == ("eval.yaml", 7)


@pytest.mark.parametrize("pattern", ["^$", r"^\s*$", "^(yes|no)?$", r"\Bx*", r"\A\z", "a+"])
def test_a_pattern_that_some_response_does_not_match_is_no_vacuous_check(judge, episode, pattern) -> None:
    assert judge("regex_match", episode(response="b"), pattern=pattern).outcome is Outcome.VIOLATED


ANSWER = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}


def test_json_schema_holds_for_a_response_that_fits(judge, episode) -> None:
    result = judge("json_schema", episode(response='{"city": "Paris"}'), json_schema=ANSWER)

    assert result.outcome is Outcome.HELD


def test_json_schema_lists_every_error_with_its_pointer(judge, episode) -> None:
    schema = '{"type": "object", "required": ["a"], "properties": {"b": {"type": "integer"}}}'

    result = judge("json_schema", episode(response='{"b": "x"}'), json_schema=schema)

    assert result.details["message"] == "json_schema failed: 2 validation errors"
    assert sorted(each.pointer for each in result.findings) == ["", "/b"]
    assert {each["constraint"] for each in result.details["violations"]} == {"required", "type"}


@pytest.mark.parametrize("response", ["", "Paris", "{'city': 1}", '{"city": NaN}', '{"city": "a", "city": "b"}'])
def test_a_response_that_is_not_clean_json_fails(judge, episode, response) -> None:
    result = judge("json_schema", episode(response=response), json_schema=ANSWER)

    assert [each.code for each in result.findings] == ["E_JSON_SCHEMA"]
    assert "not JSON" in result.findings[0].message


def test_a_schema_file_wins_and_is_relative_to_the_suite(judge, episode, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "answer.json").write_text('{"type": "array"}', encoding="utf-8")

    options = {"json_schema": "{}", "schema_file": "schemas/answer.json"}

    assert judge("json_schema", episode(response="[]"), **options).outcome is Outcome.HELD
    assert judge("json_schema", episode(response="{}"), **options).outcome is Outcome.VIOLATED


def test_a_schema_file_that_is_missing_is_an_error_with_its_place(prepare) -> None:
    with pytest.raises(InputError) as caught:
        prepare("json_schema", schema_file="nowhere.json")

    assert caught.value.code == "E_PATH_NOT_FOUND"
    assert caught.value.place is not None
    assert caught.value.place.line == 7


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ({"tpye": "object"}, "E_SCHEMA_COMPILE"),
        ({"pattern": "(?=a)"}, "E_SCHEMA_COMPILE"),
        ({"$ref": "https://example.com/s.json"}, "E_SCHEMA_COMPILE"),
        ('{"type": ', "E_CFG_PARSE"),
        (7, "E_CFG_PARSE"),
    ],
)
def test_a_schema_that_does_not_compile_is_an_error_with_its_place(prepare, schema, code) -> None:
    with pytest.raises(InputError) as caught:
        prepare("json_schema", json_schema=schema)

    assert caught.value.code == code
    assert caught.value.place is not None
    assert caught.value.place.line


def test_older_drafts_are_known_by_their_schema_uri(judge, episode) -> None:
    draft4 = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "minimum": 3,
        "exclusiveMinimum": True,
        "type": "number",
    }

    assert judge("json_schema", episode(response="3"), json_schema=draft4).outcome is Outcome.VIOLATED
    assert judge("json_schema", episode(response="4"), json_schema=draft4).outcome is Outcome.HELD


def test_a_batch_gets_one_result_per_episode_in_order(prepare, episode) -> None:
    check = prepare("must_contain", must_contain=["a"])

    results = check.measure([episode(response=text) for text in ("a", "b", "ba")])

    assert [each.outcome for each in results] == [Outcome.HELD, Outcome.VIOLATED, Outcome.HELD]
