"""The strict scanner and the guard that clears clean text without it."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay_core.documents.strict_json import (
    StrictJsonDepthError,
    StrictJsonError,
    check_line,
    decode_strict,
    shallow,
    suspicious,
    suspicious_lines,
)

decode = msgspec.json.decode


class Repeated(Exception):
    """The oracle saw a key twice."""


def repeats_a_key(text: bytes) -> bool:
    """The slow, obvious oracle: the standard library, told every pair of every object."""

    def pairs(members: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in members}) != len(members):
            raise Repeated
        return dict(members)

    try:
        json.loads(text, object_pairs_hook=pairs)
    except Repeated:
        return True
    return False


# -- text with and without repeated keys, spelt in every way JSON allows --------------------------------------------

spaces = st.text(" \t\r\n", max_size=2)
letters = st.sampled_from(["a", "b", ":", '"', "\\", "u003a", "é", "\u2028", "😀", "{", "[", ",", " ", "/", "\x00"])
strings = st.lists(letters, max_size=4).map("".join)


@st.composite
def spelt(draw: st.DrawFn, text: str) -> str:
    """Spell a string as JSON, each character raw, by its short escape or by its code."""
    out = []
    for character in text:
        short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\x00": "\\u0000"}.get(character)
        units = character.encode("utf-16-be")
        code = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
        raw = [] if character in '"\\\x00' else [character]
        out.append(draw(st.sampled_from([*raw, *([short] if short else []), code, code.upper().replace("\\U", "\\u")])))
    return '"' + "".join(out) + '"'


@st.composite
def json_texts(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.sampled_from(["string", "word", "object", "array"] if depth else ["string", "word"]))
    if kind == "string":
        return draw(spelt(draw(strings)))
    if kind == "word":
        return draw(st.sampled_from(["true", "false", "null", "0", "-0", "1.5e3", "18446744073709551616", "-7"]))
    pad = [draw(spaces) for _ in range(4)]
    if kind == "array":
        return (
            f"{pad[0]}[" + f"{pad[1]},{pad[2]}".join(draw(st.lists(json_texts(depth - 1), max_size=3))) + f"{pad[3]}]"
        )
    keys = draw(st.lists(strings, max_size=4))
    members = [f"{draw(spelt(key))}{pad[1]}:{pad[2]}{draw(json_texts(depth - 1))}" for key in keys]
    return f"{pad[0]}{{" + f"{pad[3]},".join(members) + "}"


class TestGuard:
    @settings(max_examples=400, deadline=None)
    @given(json_texts())
    @example('{"a":1,"\\u0061":2}')
    @example('{"a":"\\u003a\\u003A","a" :"::"}')
    @example('{"\\":":1,"\\":":2}')
    @example('[{"a":{}},{"a":{},"a":{}}]')
    def test_guard_never_clears_a_repeated_key(self, text: str) -> None:
        data = text.encode()

        if repeats_a_key(data):
            assert suspicious(data, decode(data))
        elif "\\u003a" not in text.lower():
            assert not suspicious(data, decode(data))

    @settings(max_examples=200, deadline=None)
    @given(st.lists(json_texts(), max_size=6))
    def test_guard_over_several_lines_never_clears_a_repeated_key(self, texts: list[str]) -> None:
        lines = [text.replace("\n", " ").encode() for text in texts]

        if any(map(repeats_a_key, lines)):
            assert suspicious_lines(b"\n".join(lines), [decode(line) for line in lines])
        elif "\\u003a" not in "".join(texts).lower():
            assert not suspicious_lines(b"\n".join(lines), [decode(line) for line in lines])

    @pytest.mark.parametrize(
        "text", [b'{"tool":"x","tool":"y"}', b'{"tool" : 1 , "t\\u006fol":2}', b'{"a":{"b":[{"c":1,"c":1}]}}']
    )
    def test_guard_suspects_repeated_keys_of_structs_and_nested_objects(self, text: bytes) -> None:
        class Line(msgspec.Struct, omit_defaults=True):
            tool: object = msgspec.UNSET
            a: object = msgspec.UNSET

        assert suspicious(text, msgspec.json.decode(text, type=Line))

    @pytest.mark.parametrize(
        "text", [b'{"url":"https://a:1/","t":"10:30","q":"\\":"}', b'{"a":1.50,"b":[],"c":{"a":1}}']
    )
    def test_guard_clears_clean_text_with_colons_in_strings(self, text: bytes) -> None:
        assert not suspicious(text, decode(text))

    def test_guard_suspects_what_the_encoder_cannot_write(self) -> None:
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]

        assert suspicious(b"[]", deep)
        assert suspicious_lines(b"[]\n", [deep])


class TestScanner:
    @settings(max_examples=200, deadline=None)
    @given(json_texts())
    def test_scanner_refuses_exactly_the_repeated_keys(self, text: str) -> None:
        data = text.encode()

        if repeats_a_key(data):
            with pytest.raises(StrictJsonError, match="stands twice"):
                check_line(data)
        else:
            check_line(data)

    @settings(max_examples=400, deadline=None)
    @given(
        st.one_of(
            st.binary(max_size=40),
            st.text('{}[]",:\\u0aeE+-.1 tnNI\ud800', max_size=25).map(
                lambda text: text.encode("utf-8", "surrogatepass")
            ),
        )
    )
    def test_scanner_takes_only_what_the_standard_library_and_msgspec_take(self, data: bytes) -> None:
        try:
            check_line(data)
        except StrictJsonError as error:
            offset = error.offset
        else:
            offset = 0
            assert json.loads(data) == decode(data)
        assert 0 <= offset <= len(data)

    @settings(max_examples=200, deadline=None)
    @given(json_texts(), st.data())
    def test_scanner_refuses_every_strict_prefix(self, text: str, data: st.DataObject) -> None:
        whole = text.strip().encode()
        if whole[:1] not in b'{["' or repeats_a_key(whole):
            return
        cut = whole[: data.draw(st.integers(0, len(whole) - 1))]

        with pytest.raises(StrictJsonError):
            check_line(cut)

    @pytest.mark.parametrize(
        ("data", "message", "offset"),
        [
            (b'{"a":1,"a":2}', "'a' stands twice", 7),
            (b'{"x":[{"a":1,"\\u0061":2}]}', "'a' stands twice", 13),
            (b'{"a":NaN}', "NaN is not JSON", 5),
            (b"[Infinity]", "Infinity is not JSON", 1),
            (b"-Infinity", "-Infinity is not JSON", 0),
            (b'"\\ud800"', "lone surrogate", 0),
            (b'"\\udc00\\ud800"', "lone surrogate", 0),
            (b'{"\\uDFFF":1}', "lone surrogate", 1),
            (b'"\xed\xa0\x80"', "byte 0xed is not UTF-8", 1),
            (b'{"a":"\xff"}', "byte 0xff is not UTF-8", 6),
            (b"\xef\xbb\xbf{}", "byte order mark", 0),
            (b"{} {}", "follows", 3),
            (b"1\x00", "follows", 1),
            (b"01", "number is malformed", 0),
            (b"[-01]", "number is malformed", 1),
            (b"1.", "number is malformed", 0),
            (b"1e999", "range of a double", 0),
            (b"[-1.0e400]", "range of a double", 1),
            (b"9" * 4301, "4300 digits", 0),
            (b'"\x01"', "control character", 1),
            (b'{"a\n":1}', "control character", 3),
            (b'"\\x"', "malformed escape", 1),
            (b"[1,]", "expected a value", 3),
            (b'{"a":1,}', "expected a key", 7),
            (b"{1:2}", "expected a key", 1),
            (b'{"a" 1}', "expected ':'", 5),
            (b'[1 2]', "expected ','", 3),
            (b'{"a":1]', "end of the object", 6),
            (b"", "ends too early", 0),
            (b'{"a":', "ends too early", 5),
            (b'"abc', "ends too early", 4),
            (b"tru", "expected a value", 0),
        ],
    )  # fmt: skip
    def test_scanner_names_what_is_wrong_and_where(self, data: bytes, message: str, offset: int) -> None:
        with pytest.raises(StrictJsonError) as caught:
            check_line(data)

        assert message in caught.value.message
        assert caught.value.offset == offset

    @pytest.mark.parametrize("opening", [b"[", b'{"a":'])
    def test_scanner_names_the_depth_without_recursion(self, opening: bytes) -> None:
        with pytest.raises(StrictJsonDepthError, match="deeper than 128") as caught:
            check_line(opening * 1_000_000)

        assert caught.value.offset == 128 * len(opening)

    def test_scanner_takes_the_greatest_depth_allowed(self) -> None:
        check_line(b"[" * 128 + b"]" * 128)
        check_line(b"[" * 5000 + b"]" * 5000, max_depth=5000)

    def test_scanner_is_linear_in_the_length_of_a_string(self) -> None:
        check_line(b'"' + b'\\"a' * 500_000 + b'"')


class TestDecodeStrict:
    def test_decode_keeps_integers_exact_and_takes_colons_by_code(self) -> None:
        assert decode_strict(b'{"a\\u003a":18446744073709551617,"b":-0.0}') == {"a:": 2**64 + 1, "b": -0.0}
        assert math.copysign(1, decode_strict(b"-0.0")) == -1  # type: ignore[arg-type]  # it is a float

    @pytest.mark.parametrize("data", [b'{"a":1,"a":1}', b"1e999", b"[" * 129 + b"]" * 129, b'"\xff"', b"{} 1", b""])
    def test_decode_refuses_what_the_scanner_refuses(self, data: bytes) -> None:
        with pytest.raises(StrictJsonError):
            decode_strict(data)

    @settings(max_examples=200, deadline=None)
    @given(json_texts())
    def test_decode_agrees_with_the_scanner_and_the_oracle(self, text: str) -> None:
        data = text.encode()

        if repeats_a_key(data):
            with pytest.raises(StrictJsonError):
                decode_strict(data)
        else:
            assert decode_strict(data) == json.loads(data)

    @pytest.mark.parametrize("pad", ["", '"]]}}[{",', '"\\\\\\"[",'])
    def test_shallow_tells_the_depth_exactly(self, pad: str) -> None:
        for depth in (1, 5, 128, 129):
            text = f"[{pad}" * depth + "[],{}" + "]" * depth
            for limit in (depth, depth + 1):
                assert shallow(text.encode(), limit) == (limit > depth)
                assert shallow(('{"a":' * depth + "0" + "}" * depth).encode(), limit - 1) == (limit > depth)

    @settings(max_examples=200, deadline=None)
    @given(json_texts(), st.integers(1, 5))
    def test_shallow_agrees_with_the_scanner(self, text: str, limit: int) -> None:
        data = f"[{text},{'[' * 8}{']' * 8}]".encode() if limit == 5 else text.encode()
        try:
            check_line(data, max_depth=limit)
        except StrictJsonDepthError:
            deep = True
        except StrictJsonError:
            return
        else:
            deep = False

        assert shallow(data, limit) == (not deep)
