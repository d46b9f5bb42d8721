"""Suites that load, and suites that are refused at their line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay_core.config import load_suite
from assay_core.errors import AssayError, InputError
from assay_core.model.suite import (
    EpisodeSelector,
    JudgeSettings,
    Limits,
    PluginRules,
    Settings,
    Suite,
    Thresholding,
    Thresholds,
)
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers

HEAD = "configVersion: 1\nsuite: s\n"
TEST = "tests:\n  - id: t\n    input: hello\n    expected: {type: must_contain, must_contain: [x]}\n"
Load = Callable[..., Suite]
Refused = Callable[..., list[tuple[str, int, int]]]

WHOLE = """\
# yaml-language-server: $schema=eval.schema.json
configVersion: 1
suite: whole
model: trace
policy: sub/p.yaml
settings:
  parallel: 2
  timeout_seconds: 1.5
  seed: 18446744073709551615
  attempts: last
  on_error: allow
  bail_on_first_failure: true
  limits: {line_bytes: 1024, depth: 10}
  cache: false
  judge: {rubric_version: v1}
  thresholding: {mode: relative, max_drop: 0.05}
thresholds: {min_score: 0.5, block_on_warn: true}
otel: {capture_mode: off}
plugins: {require: [must_contain], deny: [acme.x]}
reporters:
  junit: {flat: true}
  sarif:
x-owner: me
_private: 1
definitions: [&greeting hello]
tests:
  - id: one
    input: {prompt: *greeting, context: some text}
    expected:
      - {type: must_contain, must_contain: [a, b]}
      - must_not_contain: c
    assertions:
      - {type: trace_max_steps, max: 3}
    on_error: block
    tags: [gate]
    metadata: {owner: me}
  - id: two
    input: {episode: e-1, context: [a, b]}
    assertions: [{type: trace_max_steps, max: 1}]
  - id: three
    input: {match: all}
    expected: {type: args_valid, schema: {t: {type: object}}}
"""


def test_a_whole_suite_is_read(load: Load, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "p.yaml").write_text("version: '2.0'\n")

    suite = load(WHOLE)

    assert (suite.name, suite.model, suite.config_version) == ("whole", "trace", 1)
    assert (suite.policy_path, suite.policy_found) == (tmp_path / "sub" / "p.yaml", False)
    assert suite.settings == Settings(
        parallel=2,
        timeout_s=1.5,
        seed=2**64 - 1,
        attempts="last",
        on_error="allow",
        bail_on_first_failure=True,
        limits=Limits(line_bytes=1024, depth=10),
        judge=JudgeSettings(rubric_version="v1"),
        cache=False,
        thresholding=Thresholding(mode="relative", max_drop=0.05),
    )
    assert suite.thresholds == Thresholds(min_score=0.5, block_on_warn=True)
    assert suite.plugins == PluginRules(require=("must_contain",), deny=("acme.x",))
    assert suite.reporters == {"junit": {"flat": True}, "sarif": {}}
    assert [(each.code, each.place and each.place.line) for each in suite.notices] == [
        ("W_CFG_UNUSED", 18),
        ("W_CFG_LEGACY", 31),
    ]


def test_its_tests_select_episodes_and_expect_things_of_them(load: Load, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "p.yaml").write_text("version: '2.0'\n")

    one, two, three = load(WHOLE).tests

    assert one.select == EpisodeSelector(prompt="hello")
    assert (one.context, one.on_error, one.tags, one.metadata) == (("some text",), "block", ("gate",), {"owner": "me"})
    assert [each.type for each in one.expectations] == ["must_contain", "must_not_contain", "assert.trace_max_steps"]
    assert one.expectations[0].options.must_contain == ("a", "b")  # type: ignore[attr-defined]  # the metric's class
    assert one.expectations[1].options.must_not_contain == ("c",)  # type: ignore[attr-defined]  # the metric's class
    assert one.expectations[1].raw == {"type": "must_not_contain", "must_not_contain": ["c"]}
    assert [each.place.line for each in one.expectations] == [30, 31, 33]
    assert (two.select, two.context) == (EpisodeSelector(episode="e-1"), ("a", "b"))
    assert three.select == EpisodeSelector(match_all=True)
    assert three.place.line == 40


def test_null_is_absent(load: Load) -> None:
    suite = load(HEAD + "settings:\nthresholds: ~\nplugins: null\nreporters:\notel:\nmodel:\npolicy: ~\n" + TEST)

    assert (suite.settings, suite.thresholds, suite.policy_path) == (Settings(), Thresholds(), None)
    assert suite.notices == ()


@pytest.mark.parametrize(
    ("head", "version", "codes"),
    [
        ("configVersion: 1\n", 1, []),
        ("version: 1\n", 1, []),
        ("version: 0\n", 0, ["W_CFG_LEGACY"]),
        ("", 0, ["W_CFG_LEGACY"]),
    ],
)
def test_the_version_has_two_spellings_and_may_be_missing(
    load: Load, head: str, version: int, codes: list[str]
) -> None:
    suite = load(head + "suite: s\n" + TEST)

    assert suite.config_version == version
    assert [each.code for each in suite.notices] == codes


# -- policies


def test_a_policy_beside_the_suite_is_found_and_announced(load: Load, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("version: '2.0'\n")

    suite = load("version: 1\n")

    assert (suite.name, suite.tests) == ("eval", ())
    assert (suite.policy_path, suite.policy_found) == (tmp_path / "policy.yaml", True)
    assert [each.code for each in suite.notices] == ["W_POLICY_FOUND"]


def test_null_means_no_policy_even_if_one_is_there(load: Load, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("version: '2.0'\n")

    assert load(HEAD + "policy: null\n" + TEST).policy_path is None


def test_a_policy_that_is_given_wins_over_one_that_is_named_or_missing(load: Load, tmp_path: Path) -> None:
    given = tmp_path / "other.yaml"

    for text in (HEAD + "policy: nowhere.yaml\n" + TEST, "version: 1\n"):
        suite = load(text, policy=given)
        assert (suite.policy_path, suite.policy_found) == (given, False)


@pytest.mark.parametrize("named", ["nowhere.yaml", "''", "."])
def test_a_named_policy_that_is_not_there_is_refused(refused: Refused, named: str) -> None:
    assert refused(HEAD + f"policy: {named}\n" + TEST) == [("E_CFG_REF", 3, 9)]


def test_a_suite_without_tests_and_policy_is_refused(refused: Refused) -> None:
    assert refused("version: 1\nsuite: s\n", "neither tests nor a policy") == [("E_CFG_VACUOUS", 1, 1)]
    assert refused("version: 1\nsuite: s\ntests: []\n") == [("E_CFG_VACUOUS", 1, 1)]


# -- what is refused, and where


@pytest.mark.parametrize(
    ("text", "errors", "words"),
    [
        ("", [("E_CFG_PARSE", 1, 1)], "empty"),
        ("- a\n", [("E_CFG_KIND", 1, 1)], "mapping"),
        ('version: "2.0"\ntools: {allow: [a]}\n', [("E_CFG_KIND", 1, 1)], "this file is a policy"),
        ("tools: {allow: [a]}\n", [("E_CFG_KIND", 1, 1)], "this file is a policy"),
        ("configVersion: 1\nversion: 1\nsuite: s\n" + TEST, [("E_CFG_PARSE", 2, 10)], "says again"),
        ("configVersion: 2\nsuite: s\n" + TEST, [("E_CFG_VERSION", 1, 16)], "version 2"),
        ("configVersion: '1'\nsuite: s\n" + TEST, [("E_CFG_PARSE", 1, 16)], "whole number"),
        ("configVersion: true\nsuite: s\n" + TEST, [("E_CFG_PARSE", 1, 16)], "whole number"),
        ("configVersion: 1\n" + TEST, [("E_CFG_PARSE", 1, 1)], "missing key 'suite'"),
        (HEAD + "setings: {}\n" + TEST, [("E_CFG_UNKNOWN_KEY", 3, 1)], "did you mean 'settings'?"),
        (HEAD + "metadata: {}\n" + TEST, [("E_CFG_UNKNOWN_KEY", 3, 1)], "metadata"),
        (HEAD + "settings: [1]\n" + TEST, [("E_CFG_PARSE", 3, 11)], "expected a mapping"),
        (HEAD + "settings:\n  paralel: 1\n" + TEST, [("E_CFG_UNKNOWN_KEY", 4, 3)], "did you mean 'parallel'?"),
        (HEAD + "settings:\n  parallel: 0\n" + TEST, [("E_CFG_PARSE", 4, 13)], "at least 1"),
        (HEAD + "settings:\n  parallel: 1.5\n" + TEST, [("E_CFG_PARSE", 4, 13)], "whole number"),
        (HEAD + "settings:\n  timeout_seconds: 0\n" + TEST, [("E_CFG_PARSE", 4, 20)], "more than 0"),
        (HEAD + "settings:\n  seed: -1\n" + TEST, [("E_CFG_PARSE", 4, 9)], "at least 0"),
        (HEAD + "settings:\n  seed: 18446744073709551616\n" + TEST, [("E_CFG_PARSE", 4, 9)], "at most"),
        (HEAD + "settings:\n  attempts: first\n" + TEST, [("E_CFG_PARSE", 4, 13)], "expected one of"),
        (HEAD + "settings:\n  on_error: alow\n" + TEST, [("E_CFG_PARSE", 4, 13)], "did you mean 'allow'?"),
        (HEAD + "settings: {limits: {depth: 0}}\n" + TEST, [("E_CFG_PARSE", 3, 28)], "at least 1"),
        (HEAD + "settings: {limits: {lines: 1}}\n" + TEST, [("E_CFG_UNKNOWN_KEY", 3, 21)], "lines"),
        (HEAD + "settings: {thresholding: {mod: x}}\n" + TEST, [("E_CFG_UNKNOWN_KEY", 3, 27)], "mode"),
        (HEAD + "thresholds: {min_score: 2}\n" + TEST, [("E_CFG_PARSE", 3, 25)], "at most 1"),
        (HEAD + "thresholds: {min_scor: 1}\n" + TEST, [("E_CFG_UNKNOWN_KEY", 3, 14)], "did you mean 'min_score'?"),
        (HEAD + "plugins: {alow: [a]}\n" + TEST, [("E_CFG_UNKNOWN_KEY", 3, 11)], "did you mean 'allow'?"),
        (HEAD + "plugins: {require: [acme.no]}\n" + TEST, [("E_PLUGIN_MISSING", 3, 10)], "acme.no"),
        (HEAD + "plugins: {deny: [must_contain]}\n" + TEST, [("E_PLUGIN_DENIED", 7, 22)], "must_contain"),
        (HEAD + "reporters: [junit]\n" + TEST, [("E_CFG_PARSE", 3, 12)], "mapping"),
        (HEAD + "reporters: {junit: 1}\n" + TEST, [("E_CFG_PARSE", 3, 20)], "mapping"),
        (HEAD + "tests: {a: b}\n", [("E_CFG_PARSE", 3, 8)], "list"),
        (HEAD + "tests: [a]\n", [("E_CFG_PARSE", 3, 9)], "expected a mapping"),
        (HEAD + "policy: [a]\n" + TEST, [("E_CFG_PARSE", 3, 9)], "string"),
        ("a: 1\nconfigVersion: 1\nsuite: [\n", [("E_CFG_PARSE", 4, 1)], "syntax error"),
    ],
)
def test_a_wrong_suite_is_refused_at_its_place(
    refused: Refused, text: str, errors: list[tuple[str, int, int]], words: str
) -> None:
    assert refused(text, words) == errors


@pytest.mark.parametrize(
    ("test", "errors", "words"),
    [
        ("- {input: a}", [("E_CFG_PARSE", 4, 5)], "missing key 'id'"),
        ("- {id: t, expected: {type: must_contain, must_contain: [x]}}", [("E_CFG_PARSE", 4, 5)], "'input'"),
        ("- {id: '', input: a, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 10)], "not empty"),
        ("- {id: 1, input: a, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 10)], "string"),
        ("- {id: 'policy:x', input: a, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 10)], "policy:"),
        ("- {id: t, input: a}", [("E_CFG_VACUOUS", 4, 5)], "neither expected nor assertions"),
        ("- {id: t, input: a, expected: ~}", [("E_CFG_VACUOUS", 4, 5)], "neither expected nor assertions"),
        ("- {id: t, input: a, expected: []}", [("E_CFG_VACUOUS", 4, 33)], "empty list"),
        ("- {id: t, input: a, assertions: []}", [("E_CFG_VACUOUS", 4, 35)], "empty list"),
        ("- {id: t, input: 1, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 20)], "input is a prompt"),
        ("- {id: t, input: {}, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 20)], "exactly one"),
        ("- {id: t, input: {prompt: a, episode: b}, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 20)], "exactly"),
        ("- {id: t, input: {match: some}, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 28)], "expected one of"),
        ("- {id: t, input: {promt: a}, expected: {must_contain: x}}", [("E_CFG_UNKNOWN_KEY", 4, 21)], "'prompt'"),
        ("- {id: t, input: {prompt: a, context: [1]}, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 42)], ""),
        ("- {id: t, input: a, description: d, expected: {must_contain: x}}", [("E_CFG_UNKNOWN_KEY", 4, 23)], ""),
        ("- {id: t, input: a, tags: gate, expected: {must_contain: x}}", [("E_CFG_PARSE", 4, 29)], "list"),
        ("- {id: t, input: a, expected: hello}", [("E_CFG_PARSE", 4, 33)], "mapping with the key 'type'"),
        ("- {id: t, input: a, expected: {}}", [("E_CFG_PARSE", 4, 33)], "needs the key 'type'"),
        ("- {id: t, input: a, expected: {must_contian: x}}", [("E_CFG_PARSE", 4, 33)], "did you mean 'must_contain'?"),
        ("- {id: t, input: a, expected: {type: 3}}", [("E_CFG_PARSE", 4, 40)], "type has to be a name"),
        ("- {id: t, input: a, expected: {type: ''}}", [("E_CFG_PARSE", 4, 40)], "type has to be a name"),
        ("- {id: t, input: a, expected: {type: must_contians}}", [("E_CFG_UNKNOWN_TYPE", 4, 40)], "'must_contain'?"),
        ("- {id: t, input: a, expected: {type: exact_match}}", [("E_CFG_UNKNOWN_TYPE", 4, 40)], "exact_match"),
        ("- {id: t, input: a, expected: {type: json_schema}}", [("E_PLUGIN_MISSING", 4, 40)], "json_schema"),
        ("- {id: t, input: a, expected: {type: faithfulness}}", [("E_PLUGIN_MISSING", 4, 40)], "faithfulness"),
        ("- {id: t, input: a, expected: {type: acme.latency}}", [("E_PLUGIN_MISSING", 4, 40)], "acme.latency"),
        ("- {id: t, input: a, expected: {type: must_contain@acme}}", [("E_PLUGIN_MISSING", 4, 40)], "acme"),
        ("- {id: t, input: a, expected: {type: judge_criteria}}", [("E_PLUGIN_MISSING", 4, 40)], "judge_criteria"),
        ("- {id: t, input: a, expected: {type: $ref, path: x}}", [("E_CFG_REF", 4, 33)], "$ref"),
        ("- {id: t, input: a, expected: {$ref: x.yaml}}", [("E_CFG_REF", 4, 33)], "$ref"),
        ("- {id: t, input: a, expected: {must_contain: x, schema: {}}}", [("E_CFG_PARSE", 4, 51)], "and 'schema'"),
        ("- {id: t, input: a, expected: {must_contain: x, more: 1}}", [("E_CFG_UNKNOWN_KEY", 4, 51)], "more"),
        ("- {id: t, input: a, expected: {must_contain: {a: b}}}", [("E_CFG_PARSE", 4, 48)], "expected a list"),
        ("- {id: t, input: a, expected: {type: must_contain, must_contain: [1]}}", [("E_CFG_PARSE", 4, 69)], "string"),
        ("- {id: t, input: a, expected: {type: must_contain}}", [("E_CFG_PARSE", 4, 33)], "missing key 'must_contain'"),
        ("- {id: t, input: a, expected: [{must_contain: x}, {type: no_such}]}", [("E_CFG_UNKNOWN_TYPE", 4, 60)], ""),
        ("- {id: t, input: a, assertions: [{max: 1}]}", [("E_CFG_PARSE", 4, 36)], "missing key 'type'"),
        ("- {id: t, input: a, assertions: [x]}", [("E_CFG_PARSE", 4, 36)], "mapping"),
        ("- {id: t, input: a, assertions: [{type: trace_max_step}]}", [("E_CFG_UNKNOWN_TYPE", 4, 43)], "max_steps'?"),
        ("- {id: t, input: a, assertions: [{type: must_contain}]}", [("E_CFG_UNKNOWN_TYPE", 4, 43)], "assertion"),
        ("- {id: t, input: a, assertions: [{type: tool_blocklist}]}", [("E_PLUGIN_MISSING", 4, 43)], "tool_blocklist"),
        ("- {id: t, input: a, assertions: [{type: trace_max_steps, mx: 1}]}",
         [("E_CFG_PARSE", 4, 36), ("E_CFG_UNKNOWN_KEY", 4, 60)], "'max'"),
    ],
)  # fmt: skip
def test_a_wrong_test_is_refused_at_its_place(
    refused: Refused, test: str, errors: list[tuple[str, int, int]], words: str
) -> None:
    assert refused(HEAD + f"tests:\n  {test}\n", words) == errors


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(refused: Refused) -> None:
    text = (
        "configVersion: 1\nsuite: s\ntests:\n"
        "  - {id: a, input: x, expected: {type: nothing_known}}\n"
        "  - {id: b, input: x}\n"
        "  - {id: a, input: x, expcted: 1}\n"
        "  - {id: b, input: x, expected: {must_contain: x}}\n"
    )

    assert refused(text, "'expected'?") == [
        ("E_CFG_UNKNOWN_TYPE", 4, 40),
        ("E_CFG_VACUOUS", 5, 5),
        ("E_CFG_UNKNOWN_KEY", 6, 23),
        ("E_CFG_DUPLICATE_ID", 7, 10),
    ]


def test_a_repeated_id_names_both_places(refused: Refused, tmp_path: Path) -> None:
    text = HEAD + TEST + "  - {id: t, input: b, expected: {must_contain: x}}\n"

    assert refused(text, f"first at {tmp_path / 'eval.yaml'}:4:9") == [("E_CFG_DUPLICATE_ID", 7, 10)]


def test_a_missing_plugin_names_what_to_install(load: Load) -> None:
    with pytest.raises(AssayError) as caught:
        load(HEAD + "tests: [{id: t, input: a, expected: {type: json_schema}}]\n")

    assert caught.value.remedy == "pip install assay-metric-standard"
    assert caught.value.exit_code == 2


def test_an_unknown_type_lists_those_that_are_known(load: Load) -> None:
    with pytest.raises(AssayError) as caught:
        load(HEAD + "tests: [{id: t, input: a, assertions: [{type: nonsense}]}]\n")

    assert "trace_max_steps" in caught.value.remedy
    assert "assert." not in caught.value.remedy


def test_no_plugin_at_all_is_an_error_only_for_what_is_named(tmp_path: Path) -> None:
    bare = Drivers(Catalogue.scan([str(tmp_path)]))
    (tmp_path / "policy.yaml").write_text("version: '2.0'\n")
    path = tmp_path / "eval.yaml"

    path.write_text("configVersion: 1\n")
    assert load_suite(path, drivers=bare).tests == ()
    path.write_text(HEAD + TEST)
    with pytest.raises(AssayError) as caught:
        load_suite(path, drivers=bare)
    assert caught.value.code == "E_PLUGIN_MISSING"


# -- lenient


def test_lenient_turns_unknown_keys_into_notices(load: Load) -> None:
    text = (
        HEAD + "setings: {}\nsettings: {paralel: 1}\ntests:\n"
        "  - id: t\n    inputs: x\n    input: {prompt: a, more: 1}\n"
        "    expected: {type: must_contain, must_contain: [x], mode: any}\n"
    )

    suite = load(text, lenient=True)

    assert [(each.code, each.place and each.place.line) for each in suite.notices] == [
        ("W_CFG_LENIENT", 3),
        ("W_CFG_LENIENT", 4),
        ("W_CFG_LENIENT", 7),
        ("W_CFG_LENIENT", 8),
        ("W_CFG_LENIENT", 9),
    ]
    assert "did you mean 'settings'?" in suite.notices[0].message
    assert suite.settings == Settings()


def test_lenient_forgives_nothing_else(refused: Refused) -> None:
    text = HEAD + "settings: {paralel: 1, parallel: x}\n" + TEST

    assert refused(text, lenient=True) == [("E_CFG_PARSE", 3, 34)]


def test_a_file_that_is_not_there_is_named(tmp_path: Path, drivers: Drivers) -> None:
    with pytest.raises(InputError) as caught:
        load_suite(tmp_path / "eval.yaml", drivers=drivers)

    assert caught.value.code == "E_PATH_NOT_FOUND"


def test_the_settings_of_judges_are_read(load: Load) -> None:
    reliability = "{borderline_min: 0.3, borderline_max: 0.7, rerun_strategy: single, max_extra_calls_per_test: 4}"

    suite = load(HEAD + f"settings: {{judge: {{samples: 5, reliability: {reliability}}}}}\n" + TEST)

    assert suite.settings.judge == JudgeSettings(
        borderline_min=0.3, borderline_max=0.7, rerun_strategy="single", max_extra_calls_per_test=4, samples=5
    )
    assert suite.notices == ()


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ("{samples: 0}", "samples has to be at least 1"),
        ("{reliability: {borderline_max: 1.5}}", "borderline_max has to be at most 1"),
        ("{reliability: {borderline_min: 0.7}}", "borderline_min (0.7) is above borderline_max (0.6)"),
        ("{reliability: {rerun_strategy: twice}}", "expected one of"),
        ("{reliability: {blind_labelling: true}}", "blind_labeling"),
        ("{model: gpt}", "model"),
    ],
)
def test_settings_of_judges_that_mean_nothing_are_refused(load: Load, judge: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        load(HEAD + f"settings: {{judge: {judge}}}\n" + TEST)

    assert told in caught.value.message + caught.value.remedy


def test_a_tie_break_that_would_let_a_tie_pass_is_told(load: Load) -> None:
    suite = load(HEAD + "settings: {judge: {reliability: {tie_break: quarantine}}}\n" + TEST)

    assert [each.code for each in suite.notices] == ["W_CFG_UNUSED"]


def test_an_expectation_knows_its_test_and_its_context(load: Load) -> None:
    suite = load(HEAD + TEST.replace("input: hello", "input: {prompt: hello, context: [a, b]}"))

    (expectation,) = suite.tests[0].expectations
    assert (expectation.test_id, expectation.context) == ("t", ("a", "b"))
