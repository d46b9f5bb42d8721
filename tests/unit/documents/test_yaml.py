"""YAML 1.2 with positions, and what hostile files make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay_core.documents import Document, parse_document, read_document
from assay_core.errors import AssayError, InputError, PolicyError


def failure(data: bytes | str) -> AssayError:
    with pytest.raises(AssayError) as caught:
        parse_document(data, "eval.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("off", "off"),
        ("12:30:45", "12:30:45"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("+5", 5),
        ("-0.5e-3", -0.5e-3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("True", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("Null", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!int '7'", 7),
        ("!!float 1", 1.0),
        ("! 12", "12"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("18446744073709551615", 18446744073709551615),
    ],
)
def test_scalars_mean_what_the_core_schema_says(text: str, value: object) -> None:
    found = parse_document(f"key: {text}\n", "f").at(("key",))

    assert (found, type(found)) == (value, type(value))


def test_keys_are_text_as_it_stands_there() -> None:
    assert parse_document("404: a\ntrue: b\n~: c\n1.0: d\n", "f").value == {
        "404": "a",
        "true": "b",
        "~": "c",
        "1.0": "d",
    }


def test_a_question_mark_may_begin_a_text() -> None:
    assert parse_document("- ?a\n- '?b'\n- {k: a?, ? c : d}\n", "f").value == ["?a", "?b", {"k": "a?", "c": "d"}]


def test_an_empty_document_is_null() -> None:
    assert parse_document("", "f").value is None
    assert parse_document("# nothing but a comment\n", "f").value is None


def test_a_byte_order_mark_at_the_start_is_no_text() -> None:
    assert parse_document(b"\xef\xbb\xbfa: 1", "f").value == {"a": 1}


@pytest.mark.parametrize(
    "text",
    ['{\n\t"a": 1,\r\n\t"b": [1, 2.5, true, null, "\\/\\u0041"]}', '{"a":1,"b":[1,2.5,true,null,"/A"],}', " [1, 2,]"],
)
def test_json_is_yaml(text: str) -> None:
    assert parse_document(text, "f").value in ({"a": 1, "b": [1, 2.5, True, None, "/A"]}, [1, 2])


def test_a_json_key_may_be_longer_than_a_yaml_key() -> None:
    key = "k" * 5000

    assert parse_document(f'{{"{key}": 1}}', "f").value == {key: 1}


# -- positions


@pytest.fixture
def placed() -> Document:
    return parse_document("a:\n  b: [1, {c: 2}]\nd: &x\n  e: 5\nf: *x\n", "dir/eval.yaml")


def test_places_name_line_column_and_text(placed: Document) -> None:
    place = placed.place(("a", "b", 1, "c"))

    assert (place.file, place.line, place.column, place.text) == ("dir/eval.yaml", 2, 14, "  b: [1, {c: 2}]")
    assert placed.place(("a", "b", 1, "c"), key=True).column == 11
    assert placed.place(("a",), key=True)[:3] == ("dir/eval.yaml", 1, 1)
    assert placed.place(())[1:3] == (1, 1)


def test_a_path_that_leaves_the_document_ends_at_the_deepest_value(placed: Document) -> None:
    assert placed.place(("a", "nowhere", 3))[1:3] == (2, 3)
    assert placed.place(("a", "b", 9))[1:3] == (2, 6)


def test_an_aliased_value_stands_where_its_anchor_is(placed: Document) -> None:
    assert placed.place(("f", "e"))[1:3] == (4, 6)


def test_json_places_are_those_of_yaml() -> None:
    text = '{"a": [1,\r\n  {"b": "c"}],\n "d": 1}'
    as_json, as_yaml = parse_document(text, "f"), parse_document(text + " #", "f")

    for path in ((), ("a",), ("a", 0), ("a", 1, "b"), ("d",)):
        assert as_json.place(path) == as_yaml.place(path)._replace(text=as_json.place(path).text)
        assert as_json.place(path, key=True)[1:3] == as_yaml.place(path, key=True)[1:3]


def test_values_built_in_python_know_their_file_only() -> None:
    assert Document({"a": 1}, "<mapping>").place(("a",)) == ("<mapping>", 0, 0, "")


def test_at_returns_the_value_or_refuses(placed: Document) -> None:
    assert placed.at(("a", "b", 1, "c")) == 2
    for path in (("a", 0), ("x",), ("a", "b", 7), ("a", "b", "c")):
        with pytest.raises((LookupError, KeyError)):
            placed.at(path)


# -- what is refused


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "the key 'a' stands twice; first at eval.yaml:1:1"),
        ('{"a": 1,\n "a": 2}', 2, 2, "the key 'a' stands twice; first at eval.yaml:1:2"),
        ('{"a": 1,\n "\\u0061": 2}', 2, 2, "the key 'a' stands twice"),
        ("a: [1, 2\nb: 3", 2, 2, "syntax error"),
        ('{"a": 1 "b": 2}', 1, 12, "expected ','"),
        ("a:\n\tb: 1", 2, 1, "a tab stands where only spaces may indent"),
        ("a: *missing", 1, 4, "no anchor"),
        ("a: &x [1, *x]", 1, 11, "stands inside what it names"),
        ("a: .nan", 1, 4, "not a number of JSON"),
        ("a: [-.inf]", 1, 5, "not a number of JSON"),
        ("a: 1e999", 1, 4, "beyond the numbers of JSON"),
        ("[1e999]", 1, 2, "beyond the numbers of JSON"),
        ("[NaN, @]", 1, 7, "cannot start any token"),
        ("a: " + "9" * 5000, 1, 4, "5000 digits"),
        ("a: !!binary aGk=", 1, 4, "tag"),
        ("a: !!python/object:os.system x", 1, 4, "tag"),
        ("a: !!set {x}", 1, 4, "tag"),
        ("a: !!int x", 1, 4, "does not fit"),
        ("a: 1\n---\nb: 2", 2, 1, "a second document"),
        ("%YAML 1.1\n---\na: yes", 2, 1, "only YAML 1.2"),
        ("? [a]\n: b", 1, 3, "a key is text"),
        ("? {a: b}\n: c", 1, 3, "a key is text"),
        ("x: &l [1]\n*l : 2", 2, 1, "a key is text"),
        (": b", 1, 1, "a key is missing"),
        ("{?a: 1}", 1, 3, "question mark"),
        ("deny: [x, ?ell]", 1, 12, "question mark"),
        ("!!int 1: b", 1, 1, "a key takes no tag"),
        ('a: "\\ud800"', 1, 4, "half of a surrogate pair"),
        ('["\\ud800"]', 1, 2, "half of a surrogate pair"),
        ('a: "\\UFFFFFFFF"', 1, 2, "syntax error"),
        ("a: \x00", 1, 4, "U+0000"),
        ("ok: 1\na: \x1b[2J", 2, 4, "U+001B"),
        ("a: 1 # \u2028b: 2", 1, 8, "U+2028"),
        ("a: 1\nb\ufeff: 2", 2, 2, "U+FEFF"),
        ("a: b: c", 1, 5, "syntax error"),
        ('a: "never closed', 1, 17, "end of stream"),
        ("<<: 3", 1, 1, "`<<` takes a mapping"),
        ("<<: {a: 1}\n<<: {b: 1}", 2, 1, "stands twice"),
    ],
)
def test_bad_text_is_refused_at_its_place(text: str, line: int, column: int, words: str) -> None:
    error = failure(text)

    assert error.place is not None
    assert (error.code, error.place.line, error.place.column) == ("E_CFG_PARSE", line, column)
    assert words in error.message
    assert error.place.text == text.replace("\r\n", "\n").split("\n")[line - 1]


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"a: caf\xe9\n", 1, 7),  # latin-1
        (b"\xff\xfea\x00:\x00", 1, 1),  # UTF-16
        (b"ok: \xc3\xa9\nb: \xed\xa0\x80", 2, 4),  # an encoded surrogate
        (bytes(range(128, 256)), 1, 1),
        (b"\x7fELF\x02\x01\x01\x00\x80", 1, 9),
    ],
)
def test_bytes_that_are_not_utf8_are_refused_at_their_place(data: bytes, line: int, column: int) -> None:
    error = failure(data)

    assert error.place is not None
    assert (error.place.line, error.place.column) == (line, column)
    assert "not UTF-8" in error.message


def test_the_error_has_the_class_and_code_that_were_asked_for() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_document("a: [", "policy.yaml", code="E_POLICY_PARSE", error=PolicyError)

    assert caught.value.code == "E_POLICY_PARSE"


# -- limits


def test_a_million_laughs_are_counted_not_expanded() -> None:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]

    error = failure("\n".join(lines))

    assert error.code == "E_DOCUMENT_LIMIT"
    assert error.place is not None
    assert error.place.line == 6


def test_merge_keys_cannot_laugh_either() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 40)}]" for n in range(1, 9)]

    assert failure("\n".join(lines)).code == "E_DOCUMENT_LIMIT"


def test_more_than_a_million_nodes_are_refused() -> None:
    assert failure("[" + "1," * 1_000_000 + "1]").code == "E_DOCUMENT_LIMIT"
    assert failure("a: &a [" + "1," * 1000 + "1]\nb: [" + "*a, " * 1000 + "]").code == "E_DOCUMENT_LIMIT"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 129 + "]" * 129,
        "[" * 100_000,
        '{"a":' * 129 + "1" + "}" * 129,
        "{a: " * 129 + "1" + "}" * 129,
        "\n".join("  " * n + "a:" for n in range(200)),
        "- " * 200 + "x",
        "a: &x " + "[" * 100 + "]" * 100 + "\nb: " + "[" * 60 + "*x" + "]" * 60,
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert failure(text).code == "E_DOCUMENT_LIMIT"


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert parse_document("[" * 128 + "]" * 128, "f").value
    assert parse_document("a: " + "[" * 127 + "x" + "]" * 127, "f").value


def test_a_document_beyond_ten_mebibytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: " + b"x" * (10 * 1024 * 1024))

    with pytest.raises(InputError) as caught:
        read_document(path)

    assert caught.value.code == "E_DOCUMENT_LIMIT"


# -- aliases and merges


def test_aliases_share_what_they_name() -> None:
    value = parse_document("a: &x {p: [1]}\nb: *x\n&k key: 1\nc: *k\n", "f").value

    assert value == {"a": {"p": [1]}, "b": {"p": [1]}, "key": 1, "c": "key"}


def test_merged_keys_yield_to_own_ones_and_later_ones_to_earlier_ones() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  y: 0\n  <<: [*a, *b]\nd: {'<<': text}\n"
    document = parse_document(text, "f")

    assert document.at(("c",)) == {"y": 0, "x": 1, "z": 2}
    assert document.at(("d",)) == {"<<": "text"}
    assert document.place(("c", "z"))[1:3] == (2, 17)


# -- files


@pytest.mark.parametrize("name", ["missing.yaml", "", "file.yaml/below"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.yaml").write_text("a: 1")

    with pytest.raises(InputError) as caught:
        read_document(tmp_path / name)

    assert caught.value.code == "E_PATH_NOT_FOUND"
    assert str(tmp_path) in caught.value.message
