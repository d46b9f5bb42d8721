r"""Strict JSON for machine input: what is ambiguous is refused. One scanner for traces, the wire and evidence.

`check_line` names the first thing that is wrong. It is written for its message, not for speed; the fast path is
`decode_strict` and, for blocks of lines, `suspicious_lines`: decode with msgspec, write the value again and compare
the number of colons.

Why an equal count proves that no key was dropped. Let `t` be JSON text that the decoder took, `v` its value and
`w` the text that the encoder writes for `v`.

* A decoder keeps one member per key and drops the others. So `v` holds U members where `t` spells K, and U <= K,
  with U = K exactly when no object repeats a key (keys are compared after their escapes are resolved).
* Outside strings, a colon follows every key and stands nowhere else: `t` has K of them, `w` has U.
* Inside strings, a colon is written `:` or `\u003a`; JSON has no other spelling. Where `t` has no `\u003a` (in
  either case), each string of `t` holds as many colon bytes as its value, and the encoder always writes `:`. Every
  string of `w` comes from a string of `t` with the same value, and no two of `w` from the same one. So the strings
  of `w` hold at most as many colons as those of `t`.
* Hence colons(t) - colons(w) >= K - U >= 0. Equal counts mean K = U: nothing was repeated.

Both differences have the same sign, so the counts may be summed over many lines and compared once. Text that is
byte for byte what the encoder writes needs no count. A value that the encoder does not write is suspicious.
"""

from __future__ import annotations

import math
import re
from typing import NoReturn

import msgspec

from assay_core.model.json_value import JsonValue

__all__ = [
    "DECODE_ERRORS",
    "StrictJsonDepthError",
    "StrictJsonError",
    "check_line",
    "decode_strict",
    "shallow",
    "suspicious",
    "suspicious_lines",
]

# What a msgspec decoder raises on bytes that it does not take.
DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines

_SPACE = re.compile(rb"[ \t\n\r]*+")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*+')
_ESCAPE = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_NUMERIC = re.compile(rb"-?[0-9][0-9.eE+-]*+")
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?+([eE][+-]?[0-9]++)?+")
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_WORDS = (b"true", b"false", b"null")
_NOT_NUMBERS = (b"NaN", b"Infinity", b"-Infinity")
_MAX_DIGITS = 4300  # what int() of Python takes


class StrictJsonError(ValueError):
    """JSON that is malformed or ambiguous.

    Attributes:
        message: What is wrong, in a few words.
        offset: The byte at which it was noticed, from 0.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (byte {offset})")
        self.message = message
        self.offset = offset


class StrictJsonDepthError(StrictJsonError):
    """JSON that is nested deeper than the limit."""


def decode_strict(data: bytes, *, max_depth: int = 128) -> JsonValue:
    """Return the value of one JSON text, or raise what `check_line` raises. As fast as a bare decode, nearly.

    Raises:
        StrictJsonError: the text is malformed, ambiguous, too deep, or holds a number that Python cannot.
    """
    if not shallow(data, max_depth):
        check_line(data, max_depth=max_depth)
    try:
        value = _decode(data)
    except DECODE_ERRORS as error:
        check_line(data, max_depth=max_depth)
        raise StrictJsonError(str(error), 0) from error
    if suspicious(data, value):
        check_line(data, max_depth=max_depth)
    return value  # type: ignore[no-any-return]  # JSON by construction


def suspicious(text: bytes, value: object) -> bool:
    """Tell whether `text` might repeat a key. False is a proof that it does not; True asks for `check_line`.

    `value` is what msgspec decoded from `text`: a value, or a struct with `omit_defaults` whose absent members are
    unset. No part of it may be a `msgspec.Raw` that still waits to be decoded: raw bytes are written as they are,
    with every key they repeat.
    """
    try:
        written = _encode(value)
    except RecursionError:
        return True
    return written != text and _differs(text, written)


def suspicious_lines(text: bytes, values: list[object]) -> bool:
    """Tell whether some line of `text` might repeat a key; `values` holds what each line was decoded to."""
    try:
        written = _encode_lines(values)
    except RecursionError:
        return True
    return written != text and _differs(text, written)


def _differs(text: bytes, written: bytes) -> bool:
    if b"\\u003" in text and (b"\\u003a" in text or b"\\u003A" in text):
        return True
    return text.count(b":") != written.count(b":")


def shallow(text: bytes, max_depth: int) -> bool:
    """Tell whether JSON text is at most `max_depth` levels deep. For text that is not JSON the answer means nothing."""
    if len(text) <= 2 * max_depth or text.count(b"{") + text.count(b"[") <= max_depth:
        return True
    bare = text.replace(b"\\\\", b"").replace(b'\\"', b"")  # every quote that is left bounds a string
    brackets = b"".join(bare.split(b'"')[::2]).translate(_AS_SQUARE, _NO_BRACKETS)
    for _ in range(max_depth):  # each round takes the innermost level away
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def check_line(data: bytes, *, max_depth: int = 128) -> None:
    """Return if `data` is exactly one unambiguous JSON text.

    Refused: malformed JSON, bytes that are not UTF-8, a byte order mark, an object that spells a key twice (also
    through escapes), NaN and infinities, numbers beyond the range of a double, escaped surrogates without their
    partner, nesting deeper than `max_depth`, anything after the value. Linear in time, and it does not recurse.

    Raises:
        StrictJsonError: with the offset; StrictJsonDepthError where only the depth is wrong.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        raise StrictJsonError("a byte order mark stands before the JSON text", 0)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"byte 0x{data[error.start]:02x} is not UTF-8", error.start) from error
    _Scanner(data, max_depth).scan()


class _Scanner:
    """Walks one JSON text once. The open containers are a list: a set of keys for an object, None for an array."""

    def __init__(self, data: bytes, max_depth: int) -> None:
        self._data = data
        self._max_depth = max_depth
        self._open: list[set[str] | None] = []

    def scan(self) -> None:
        """Read the one value and see that nothing follows."""
        position = self._skip(0)
        while True:
            position = self._value(position)
            if position >= 0:
                position = self._after_value(position)
                if position < 0:
                    return
            else:
                position = ~position

    def _value(self, position: int) -> int:
        """Read a scalar, an empty container, or the opening of one. Return the end, or ~start of a value inside."""
        first = self._data[position : position + 1]
        if first not in (b"{", b"["):
            return self._scalar(position, first)
        if len(self._open) >= self._max_depth:
            raise StrictJsonDepthError(f"nested deeper than {self._max_depth} levels", position)
        inner = self._skip(position + 1)
        if self._data[inner : inner + 1] == (b"}" if first == b"{" else b"]"):
            return inner + 1
        self._open.append(set() if first == b"{" else None)
        return ~(self._key(inner) if first == b"{" else inner)

    def _after_value(self, position: int) -> int:
        """Close what ends here. Return the start of the next value, or -1 at the end of the text."""
        while self._open:
            position = self._skip(position)
            mark = self._data[position : position + 1]
            keys = self._open[-1]
            if mark == b",":
                inner = self._skip(position + 1)
                return inner if keys is None else self._key(inner)
            if mark != (b"]" if keys is None else b"}"):
                self._fail("expected ',' or the end of the " + ("array" if keys is None else "object"), position)
            self._open.pop()
            position += 1
        position = self._skip(position)
        if position != len(self._data):
            raise StrictJsonError("something follows the JSON text", position)
        return -1

    def _key(self, position: int) -> int:
        """Read a key and its colon. Return the start of the member's value."""
        if self._data[position : position + 1] != b'"':
            self._fail("expected a key", position)
        end = self._string(position)
        key = _decode(self._data[position:end])
        keys = self._open[-1]
        if keys is None:
            raise TypeError("a key is read inside objects only")
        if key in keys:
            raise StrictJsonError(f"the key {_shown(key)} stands twice in one object", position)
        keys.add(key)
        colon = self._skip(end)
        if self._data[colon : colon + 1] != b":":
            self._fail("expected ':'", colon)
        return self._skip(colon + 1)

    def _scalar(self, position: int, first: bytes) -> int:
        if first == b'"':
            return self._string(position)
        if run := _NUMERIC.match(self._data, position):
            _check_number(run[0], position)
            return run.end()
        for word in _WORDS:
            if self._data.startswith(word, position):
                return position + len(word)
        for word in _NOT_NUMBERS:
            if self._data.startswith(word, position):
                raise StrictJsonError(f"{word.decode()} is not JSON", position)
        self._fail("expected a value", position)

    def _string(self, start: int) -> int:
        """Return the end of the string that opens at `start`."""
        data = self._data
        position = start + 1
        surrogates = False
        while True:
            position = _PLAIN.match(data, position).end()  # type: ignore[union-attr]  # it matches the empty text
            mark = data[position : position + 1]
            if mark == b'"':
                break
            if mark != b"\\":
                self._fail("a string holds a raw control character", position)
            escape = _ESCAPE.match(data, position)
            if escape is None:
                self._fail("a string holds a malformed escape", position)
            surrogates = surrogates or data[position + 1 : position + 3].lower() == b"ud"
            position = escape.end()
        if surrogates:
            try:
                _decode(data[start : position + 1])
            except DECODE_ERRORS as error:
                raise StrictJsonError("a string holds a lone surrogate", start) from error
        return position + 1

    def _skip(self, position: int) -> int:
        return _SPACE.match(self._data, position).end()  # type: ignore[union-attr]  # it matches the empty text

    def _fail(self, message: str, position: int) -> NoReturn:
        if position >= len(self._data):
            raise StrictJsonError("the JSON text ends too early", len(self._data))
        raise StrictJsonError(message, position)


def _check_number(text: bytes, position: int) -> None:
    number = _NUMBER.fullmatch(text)
    if number is None:
        raise StrictJsonError("a number is malformed", position)
    if number[1] is None and number[2] is None:
        if len(text) > _MAX_DIGITS:
            raise StrictJsonError(f"an integer has more than {_MAX_DIGITS} digits", position)
    elif math.isinf(float(text)):
        raise StrictJsonError("a number is beyond the range of a double", position)


def _shown(key: str) -> str:
    """Return a key for a message: in quotes, short."""
    return repr(key if len(key) <= 60 else key[:57] + "...")
