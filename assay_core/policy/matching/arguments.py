"""What is wrong with the arguments of a call, in the words of every finding."""

from __future__ import annotations

import msgspec

from assay_core.model import ToolCall, Violation
from assay_core.policy.deciding.identity import shown
from assay_core.policy.matching.schemas import CompiledSchema

__all__ = ["argument_violations"]

_CODE = "E_ARG_SCHEMA"
_MAX_POINTER = 120


def argument_violations(schema: CompiledSchema, call: ToolCall, *, rule: str) -> tuple[Violation, ...]:
    """Return one violation for each place where the arguments do not fit; none where they do.

    Messages name the place and quote the schema, never the value: it may be a secret.
    """
    try:
        args = call.args
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        text = f"the arguments of {shown(call.tool)} are not JSON that can be checked"
        return (Violation(rule=rule, code=_CODE, message=text),)
    if schema.is_valid(args):
        return ()
    return tuple(
        Violation(
            rule=rule,
            code=_CODE,
            message=f"{_place(each.pointer)} of {shown(call.tool)}: {each.message}",
            pointer=each.pointer,
            keyword=each.keyword,
        )
        for each in schema.violations(args)
    )


def _place(pointer: str) -> str:
    if not pointer:
        return "the arguments"
    return pointer if len(pointer) <= _MAX_POINTER else pointer[:_MAX_POINTER] + "…"
