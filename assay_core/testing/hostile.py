"""What an attacker would put into every string of a trace."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from assay_core.model import Episode, SourcePlace, Step, ToolCall, ToolDefinition

__all__ = ["HOSTILE_TEXTS", "UNSAFE_ON_TERMINALS", "hostile_calls", "hostile_episodes"]

HOSTILE_TEXTS = (
    "",
    " ",
    "\x00",
    "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "\r\nerror: forged line",
    "\u202egnp.exe",
    "zero\u200bwidth\ufeff",
    "<script>alert(1)</script>&quot;",
    "]]><!--",
    "| a | b |\n|---|---|",
    "[link](javascript:alert(1)) `code` ```",
    "::error file=x::forged",
    "@everyone #1 owner/repo#2",
    "%s {0} {name} ${HOME} $(id)",
    "../../etc/passwd",
    "'; DROP TABLE runs; --",
    "-" * 3 + "\nkey: value",
    "\ud800",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 é é",
    "x" * 20_000,
)

# Raw characters that may reach no terminal: C0 but newline and tab, DEL, C1, bidi controls, zero-width characters.
_UNSAFE = (
    *range(32),
    *range(0x7F, 0xA0),
    0x200B,
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    0xFEFF,
)
UNSAFE_ON_TERMINALS = frozenset(map(chr, _UNSAFE)) - {"\n", "\t"}


def hostile_calls() -> Iterator[ToolCall]:
    """Yield calls with hostile names, arguments, results and errors; some arguments are no object."""
    encode = msgspec.json.Encoder().encode
    for index, text in enumerate(HOSTILE_TEXTS):
        safe = text.encode("utf-8", "replace").decode()  # what comes from outside is valid UTF-8
        yield ToolCall(
            index=index,
            tool=safe or "tool",
            args_json=encode({safe: safe, "nested": [{safe: [safe, None, 1e308, -1]}]}),
            result_json=encode(safe),
            error=safe,
            server=safe,
        )
    for index, data in enumerate((None, b"null", b"[]", b'"text"', b"0", b"true", b"123456789012345678901234567890")):
        yield ToolCall(index=index, tool="tool", args_json=data, result_json=data)
    yield ToolCall(index=0, tool="tool", args_json=b"[" * 100 + b"]" * 100)


def hostile_episodes() -> Iterator[Episode]:
    """Yield episodes whose every string is hostile, one empty episode, and one that is not complete."""
    yield Episode(id="empty", source=SourcePlace("trace.jsonl", 1))
    yield Episode(id="incomplete", prompt="p", events=tuple(hostile_calls()), complete=False)
    for number, text in enumerate(HOSTILE_TEXTS):
        safe = text.encode("utf-8", "replace").decode()
        definition = ToolDefinition(name=safe or "tool", description=safe, input_schema_json=b"{}", server=safe)
        yield Episode(
            id=f"{number}-{safe[:50]}",
            prompt=safe,
            response=safe,
            events=(ToolCall.of(safe or "tool", {safe: safe}), Step(kind=safe or "step", name=safe, content=safe)),
            outcome=safe,
            context=(safe,),
            tool_definitions=(definition, definition),
            source=SourcePlace(safe or "trace.jsonl", number + 1),
            extra_json=msgspec.json.encode({"meta": {safe: safe}}),
        )
