"""A suite rewritten in the current form: what has to change does, and no other character."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from assay_core.config.rewriting.files import Files
from assay_core.config.rewriting.suite import Rewritten, rewrite_suite
from assay_core.documents import parse_document
from assay_core.errors import InputError

HEAD = "configVersion: 1\nsuite: s\n"


def rewrite(text: str, folder: Path, *, cwd: Path | None = None, uses: dict[str, int] | None = None) -> Rewritten:
    data = text.encode()
    files = Files(base=folder, cwd=cwd or folder, uses=uses or {})
    return rewrite_suite(data, parse_document(data, "eval.yaml"), files)


def test(expected: str) -> str:
    """Return a suite of one test."""
    return f"{HEAD}tests:\n  - id: a\n    input: p\n    expected:{expected}\n"


test.__test__ = False  # type: ignore[attr-defined]  # it builds suites

CASES = {
    "no version": ("# head\nsuite: s # name\n", "# head\nconfigVersion: 1\nsuite: s # name\n"),
    "version 0": ("version: 0 # old\nsuite: s\n", "configVersion: 1 # old\nsuite: s\n"),
    "the other key": ("suite: s\n'version': 1\n", "suite: s\n'configVersion': 1\n"),
    "no value": ("version:\nsuite: s\n", "configVersion: 1\nsuite: s\n"),
    "JSON": ('{\n\t"suite": "s"\n}\n', '{\n\t"configVersion": 1, "suite": "s"\n}\n'),
    "other line ends": ("suite: s\r\nmodel: m\r\n", "configVersion: 1\r\nsuite: s\r\nmodel: m\r\n"),
    "byte order mark": ("\ufeffsuite: s\n", "\ufeffconfigVersion: 1\nsuite: s\n"),
    "markers of a document": ("---\nsuite: s\n...\n", "---\nconfigVersion: 1\nsuite: s\n...\n"),
    "block": (
        test("\n      must_contain: Paris, France # c"),
        test("\n      type: must_contain\n      must_contain:\n      - Paris, France # c"),
    ),
    "flow": (test(" {must_contain: 'it''s'}"), test(" {type: must_contain, must_contain: ['it''s']}")),
    "pairs in brackets": (
        test(" [must_contain: x, $ref: exp.yaml]"),
        test(' [{type: must_contain, must_contain: [x]}, {"type": "must_contain", "must_contain": ["Paris"]}]'),
    ),
    "list": (
        test("\n      - must_contain: [x]\n      - must_not_contain: |\n          y"),
        test(
            "\n      - type: must_contain\n        must_contain: [x]\n      - type: must_not_contain\n"
            "        must_not_contain:\n        - |\n          y"
        ),
    ),
    "text over lines": (
        test("\n      must_contain:\n        one\n        text"),
        test("\n      type: must_contain\n      must_contain:\n      - one\n        text"),
    ),
    "sequence": (test(" {sequence: [a]}"), test(" {type: sequence_valid, sequence: [a]}")),
    "schema": (
        test("\n      schema: {t: {type: object}}"),
        test("\n      type: args_valid\n      schema: {t: {type: object}}"),
    ),
    "alias": (
        f"{HEAD}x-e: &e {{must_contain: &v x}}\ntests:\n- {{id: a, expected: *e}}\n- {{id: b, expected: *e}}\n",
        f"{HEAD}x-e: &e {{type: must_contain, must_contain: [&v x]}}\ntests:\n"
        "- {id: a, expected: *e}\n- {id: b, expected: *e}\n",
    ),
    "merge": (
        f"{HEAD}tests:\n- &t {{id: a, expected: {{must_contain: [x]}}}}\n- {{<<: *t, id: b}}\n",
        f"{HEAD}tests:\n- &t {{id: a, expected: {{type: must_contain, must_contain: [x]}}}}\n- {{<<: *t, id: b}}\n",
    ),
    "$ref": (
        test("\n      $ref: exp.yaml  # here"),
        test("\n      type: must_contain\n      must_contain:\n      - Paris # there\n        # here"),
    ),
    "$ref in braces": (test(" {$ref: exp.yaml}"), test(' {"type": "must_contain", "must_contain": ["Paris"]}')),
    "$ref with a type": (
        test("\n      type: $ref\n      path: re.json"),
        test('\n      "type": "regex_match"\n      "pattern": "x"'),
    ),
    "list of tools": (
        test("\n      type: sequence_valid\n      policy: seq.yaml # end"),
        test("\n      type: sequence_valid\n      sequence:\n        - a   # first\n        - b # end"),
    ),
    "list of rules": (
        test(' {type: sequence_valid, "policy": rules.yaml}'),
        test(' {type: sequence_valid, "rules": [{"type": "require", "tool": "a"}]}'),
    ),
    "path of Windows": (
        test("\n      type: args_valid\n      policy: sub\\p.yaml"),
        test('\n      type: args_valid\n      policy: "sub/p.yaml"'),
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "exp.yaml").write_text("# an expectation\nmust_contain: Paris # there\n")
    (tmp_path / "re.json").write_text('{"type": "regex_match", "pattern": "x"}')
    (tmp_path / "seq.yaml").write_text("# order\n- a   # first\n- b\n")
    (tmp_path / "rules.yaml").write_text("- {type: require, tool: a}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "p.yaml").write_text('version: "2.0"\ntools: {allow: [a]}\n')
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_an_old_form_becomes_the_current_one_and_nothing_else_moves(name: str, folder: Path) -> None:
    before, after = CASES[name]

    done = rewrite(before, folder)

    assert done.text == after
    assert done.changes


@pytest.mark.parametrize("name", CASES)
def test_what_was_rewritten_once_stays_as_it_is(name: str, folder: Path) -> None:
    again = rewrite(CASES[name][1], folder)

    assert again.text == CASES[name][1]
    assert again.changes == ()


def test_a_list_that_others_name_too_stays_in_its_file(folder: Path) -> None:
    text = test(" {type: sequence_valid, policy: seq.yaml}")

    done = rewrite(text, folder, uses={str((folder / "seq.yaml").resolve()): 2})

    assert done.text == text


def test_a_path_from_the_working_directory_becomes_relative_to_the_suite(folder: Path) -> None:
    inner = folder / "suites"
    inner.mkdir()

    done = rewrite(test(" {type: args_valid, policy: sub/p.yaml}"), inner, cwd=folder)

    assert done.text == test(' {type: args_valid, policy: "../sub/p.yaml"}')


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (" {$ref: nope.yaml}", "there is no such file"),
        (" {$ref: 5}", "names no file"),
        (" {$ref: ''}", "names no file"),
        (" {$ref: exp.yaml, min_score: 1}", r"'min_score' stands beside a `\$ref`"),
        (" {$ref: seq.yaml}", "holds no expectation"),
        (" {$ref: " + "n" * 5000 + "}", "there is no such file"),
    ],
)
def test_a_reference_that_cannot_be_followed_is_an_error_at_its_place(expected: str, told: str, folder: Path) -> None:
    with pytest.raises(InputError, match=told) as caught:
        rewrite(test(expected), folder)

    assert caught.value.code == "E_CFG_REF"
    assert caught.value.place is not None
    assert caught.value.place[:3] == ("eval.yaml", 6, 15)


def test_a_reference_to_a_reference_is_an_error_in_the_file_that_holds_it(folder: Path) -> None:
    (folder / "again.yaml").write_text("# one more\ntype: $ref\npath: exp.yaml\n")

    with pytest.raises(InputError, match="itself") as caught:
        rewrite(test(" {$ref: again.yaml}"), folder)

    assert caught.value.place is not None
    assert caught.value.place[:2] == (str(folder / "again.yaml"), 2)


def test_a_file_that_would_lose_a_comment_is_refused(folder: Path) -> None:
    text = test("\n      type: $ref # which\n      path: exp.yaml")

    with pytest.raises(InputError, match="without losing a comment") as caught:
        rewrite(text, folder)

    assert caught.value.code == "E_MIGRATION_LOSSY"
    assert "line 7" in caught.value.remedy


def test_an_anchor_of_another_file_that_would_change_what_an_alias_means_keeps_the_list_there(folder: Path) -> None:
    (folder / "seq.yaml").write_text("- &m a\n- b\n")
    text = (
        f"{HEAD}model: &m gpt\ntests:\n  - {{id: a, expected: {{type: sequence_valid, policy: seq.yaml}}}}\n"
        "  - id: b\n    expected:\n      type: sequence_valid\n      policy: other.yaml\n    metadata: *m\n"
    )
    (folder / "other.yaml").write_text("- &m x\n- *m\n")

    done = rewrite(text, folder)

    assert done.text == text


def test_both_spellings_of_the_version_are_left_to_the_loader(folder: Path) -> None:
    text = "version: 1\nconfigVersion: 1\nsuite: s\n"

    assert rewrite(text, folder).text == text


@pytest.mark.parametrize(
    "text", ["", "[]", "5", "suite: s\nconfigVersion: 1\ntests: 5\n", "configVersion: 1\ntests: [5, {expected: 5}]\n"]
)
def test_what_is_no_suite_is_left_to_the_loader(text: str, folder: Path) -> None:
    assert rewrite(text, folder).text == text


_WORDS = (
    "Paris",
    "a: b",
    "it's",
    '"q"',
    "# no",
    "yes",
    "12",
    "- x",
    "two\nlines\n",
    "  lead",
    "“é”",
    "{x}",
    "[y",
    "*a",
)
_SIGNS = ("&b", "!t", "|", ">", "%", "@", "null", "~", "trail ", "", "tab\tin", "x" * 90 + " " + "y" * 90)
_TEXTS = st.sampled_from((*_WORDS, *_SIGNS))
_EXPECTATIONS = st.one_of(
    _TEXTS.map(lambda text: {"must_contain": text}),
    st.lists(_TEXTS, min_size=1, max_size=3).map(lambda texts: {"must_not_contain": texts}),
    st.just({"sequence": ["a", "b"]}),
    st.just({"schema": {"t": {"type": "object"}}}),
    st.just({"$ref": "exp.yaml"}),
    st.just({"type": "sequence_valid", "policy": "seq.yaml"}),
)
_TESTS = st.lists(
    st.fixed_dictionaries(
        {
            "id": _TEXTS,
            "input": _TEXTS,
            "expected": st.one_of(_EXPECTATIONS, st.lists(_EXPECTATIONS, min_size=1, max_size=3)),
        }
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tests=_TESTS,
    version=st.sampled_from([{}, {"version": 0}, {"version": 1}]),
    flow=st.sampled_from([None, True, False]),
    width=st.sampled_from([20, 80, 4096]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_suite_in_any_layout_can_be_rewritten(
    tests: list[object], version: dict[str, object], flow: bool | None, width: int, newline: str, folder: Path
) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = flow, width, True
    stream = io.StringIO()
    yaml.dump({**version, "suite": "s", "tests": tests}, stream)

    text = stream.getvalue().replace("\n", newline)
    try:
        parse_document(text, "eval.yaml")
    except InputError:  # the dumper itself breaks long pairs in brackets where they must not be broken
        reject()

    done = rewrite(text, folder)  # it compares what both texts say

    assert rewrite(done.text, folder).changes == ()
