"""Refuses calls whose arguments are larger than the policy says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from assay_core.contracts import CheckContext
from assay_core.errors import PolicyError, ReasonCode
from assay_core.model import Rule, ToolCall, Violation

__all__ = ["ExampleCheck", "ExampleOptions"]

_CODE = ReasonCode(
    code="E_EXAMPLE",
    scope="decision",
    exit_code=1,
    cause="the arguments of a call are larger than the policy allows",
    remedy="send less, or raise example.max_bytes",
)


@attrs.frozen(kw_only=True)
class ExampleOptions:
    """The section `example` of policy.yaml."""

    max_bytes: int  # of the arguments, as they were recorded


class _Compiled:
    """The section, ready to decide. It keeps no state."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        text = f"arguments are at most {max_bytes} bytes"
        self.rules = (Rule(id="example.max_bytes", section="example", text=text),)

    def start(self) -> object:
        return None

    def decide(self, call: ToolCall, state: object) -> Sequence[Violation]:  # noqa: ARG002 - the contract
        size = len(call.args_json or b"")
        if size <= self._max_bytes:
            return ()
        message = f"the arguments have {size} bytes, at most {self._max_bytes} are allowed"
        return (Violation(rule=self.rules[0].id, code=_CODE.code, message=message),)

    def commit(self, call: ToolCall, state: object) -> object:  # noqa: ARG002 - the contract
        return state

    def on_response(self, call: ToolCall, state: object) -> Sequence[Violation]:  # noqa: ARG002 - the contract
        return ()

    def finish(self, state: object) -> Sequence[Violation]:  # noqa: ARG002 - the contract
        return ()


class ExampleCheck:
    """Owns the policy key `example`."""

    keys: ClassVar = {"example": ExampleOptions}
    codes = (_CODE,)

    def compile(self, section: object, context: CheckContext) -> _Compiled:  # noqa: ARG002 - the contract
        """Compile the section.

        Raises:
            PolicyError: E_POLICY_PARSE, where the number is negative.
        """
        if not isinstance(section, ExampleOptions):
            raise TypeError("the core hands over the options of `keys`")
        if section.max_bytes < 0:
            raise PolicyError(code="E_POLICY_PARSE", message="example.max_bytes is at least 0")
        return _Compiled(section.max_bytes)
