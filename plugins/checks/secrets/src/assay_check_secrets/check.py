"""The policy check: options in, compiled section out, violations for each call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice

from assay_check_secrets.budget import Budget, TooMuchWork
from assay_check_secrets.inspection import Found, inspect
from assay_check_secrets.options import SecretsOptions
from assay_check_secrets.scanner import Scanner
from assay_core.contracts import CheckContext
from assay_core.documents.strict_json import StrictJsonError, decode_strict
from assay_core.errors import PolicyError, ReasonCode
from assay_core.model import Rule, ToolCall, Violation
from assay_core.policy import ToolPattern

__all__ = ["CompiledSecrets", "SecretsCheck"]

_WORK = 16  # characters made and searched at most, per byte of `max_bytes`
_MOST_FINDINGS = 32  # per call; a call with so many is refused anyway
_UNSCANNED_RULE = "secrets:unscanned"

_IN_ARGS = ReasonCode(
    "E_SECRET_IN_ARGS",
    "decision",
    1,
    "the arguments of a tool call carry a credential, in plain or encoded",
    "hand the tool a reference to the credential instead; revoke what has already been sent",
)
_IN_RESULT = ReasonCode(
    "E_SECRET_IN_RESULT",
    "decision",
    1,
    "the result of a tool call carries a credential, in plain or encoded",
    "let the tool leave it out; revoke what has already been shown to the agent",
)
_UNSCANNED = ReasonCode(
    "E_SECRET_UNSCANNED",
    "decision",
    1,
    "arguments or a result are too large, or unfold to too much text, to be searched for credentials",
    "send less at once, raise secrets.max_bytes, or list the tool in secrets.exclude_tools",
)


class SecretsCheck:
    """Owns the policy key `secrets`."""

    keys: Mapping[str, type[object] | None] = {"secrets": SecretsOptions}
    codes: tuple[ReasonCode, ...] = (_IN_ARGS, _IN_RESULT, _UNSCANNED)

    def compile(self, section: object, context: CheckContext) -> CompiledSecrets:  # noqa: ARG002 - part of the contract
        """Compile the section.

        Raises:
            PolicyError: E_CFG_VACUOUS if it could never refuse a call; E_POLICY_PARSE if an option makes no sense.
        """
        if not isinstance(section, SecretsOptions):
            raise TypeError(f"expected SecretsOptions, found {type(section).__name__}")
        _refuse_vacuous(section)
        if section.max_bytes < 1:
            raise PolicyError(code="E_POLICY_PARSE", message="secrets.max_bytes must be at least 1")
        scanner = Scanner(section.block, section.allow)
        for number, credential in enumerate(section.allow):
            if not scanner.knows(credential):
                raise PolicyError(
                    code="E_POLICY_PARSE",
                    message=f"entry {number + 1} of secrets.allow is no credential of the kinds in secrets.block",
                    remedy="write the whole credential that is public, not a part of it",
                )
        return CompiledSecrets(section, scanner)


def _refuse_vacuous(section: SecretsOptions) -> None:
    if not section.block:
        raise PolicyError(
            code="E_CFG_VACUOUS", message="secrets.block is empty, so that the section could never refuse a call"
        )
    if not set(section.tools) - set(section.exclude_tools) or "*" in section.exclude_tools:
        raise PolicyError(
            code="E_CFG_VACUOUS",
            message="secrets.tools and secrets.exclude_tools leave no tool whose calls are looked at",
        )


class CompiledSecrets:
    """The section `secrets` of one policy. Keeps no state: every call is judged alone."""

    def __init__(self, options: SecretsOptions, scanner: Scanner) -> None:
        self._options = options
        self._scanner = scanner
        self._everywhere = "*" in options.tools and not options.exclude_tools
        self._tools = tuple(map(ToolPattern, options.tools))
        self._excluded = tuple(map(ToolPattern, options.exclude_tools))
        self.rules = (
            *(
                Rule(
                    id=f"secrets:{kind}",
                    section="secrets",
                    text=f"no credential of kind {kind} in the arguments of a call",
                    severity=options.severity,
                )
                for kind in scanner.kinds
            ),
            Rule(
                id=_UNSCANNED_RULE,
                section="secrets",
                text=f"arguments of at most {options.max_bytes} bytes, so that they can be searched",
                severity=options.severity,
            ),
        )

    def start(self) -> None:
        """Return the state of a new episode: there is none."""

    def decide(self, call: ToolCall, state: object) -> Sequence[Violation]:  # noqa: ARG002 - part of the contract
        """Return one violation per credential found in the arguments."""
        if call.args_json is None or not self._governs(call.tool):
            return ()
        return self._search(call.args_json, "arguments", _IN_ARGS.code)

    def commit(self, call: ToolCall, state: object) -> None:
        """Return the state after the call: there is none."""

    def on_response(self, call: ToolCall, state: object) -> Sequence[Violation]:  # noqa: ARG002 - part of the contract
        """Return one violation per credential found in the result or the error, if `responses` asks for it."""
        if not self._options.responses or not self._governs(call.tool):
            return ()
        found: list[Violation] = []
        if call.result_json is not None:
            found.extend(self._search(call.result_json, "result", _IN_RESULT.code))
        if call.error is not None:
            found.extend(self._search(_as_json(call.error), "error", _IN_RESULT.code))
        return found

    def finish(self, state: object) -> Sequence[Violation]:  # noqa: ARG002 - part of the contract
        """Return what is owed at the end: nothing."""
        return ()

    def _governs(self, tool: str) -> bool:
        if self._everywhere:
            return True
        return any(each.matches(tool) for each in self._tools) and not any(
            each.matches(tool) for each in self._excluded
        )

    def _search(self, data: bytes, what: str, code: str) -> Sequence[Violation]:
        """Search JSON text. Whatever prevents a full search is a violation itself, never silence."""
        if len(data) < self._scanner.shortest:
            return ()
        if len(data) > self._options.max_bytes:
            return (self._unscanned(f"the {what} have {len(data)} bytes, more than secrets.max_bytes"),)
        try:
            if self._scanner.clears(data.decode()):
                return ()
            budget = Budget(_WORK * self._options.max_bytes)
            found = inspect(decode_strict(data), self._scanner, budget)
            return [self._violation(each, what, code) for each in islice(found, _MOST_FINDINGS)]
        except TooMuchWork:
            return (self._unscanned(f"the {what} unfold to more text than is searched"),)
        except (UnicodeDecodeError, StrictJsonError):
            return (self._unscanned(f"the {what} cannot be read as JSON without doubt"),)

    def _violation(self, found: Found, what: str, code: str) -> Violation:
        return Violation(
            rule=f"secrets:{found.kind}",
            code=code,
            message=_sentence(found, what),
            severity=self._options.severity,
            pointer=found.pointer,
        )

    def _unscanned(self, message: str) -> Violation:
        return Violation(rule=_UNSCANNED_RULE, code=_UNSCANNED.code, message=message, severity=self._options.severity)


def _as_json(text: str) -> bytes:
    return json.dumps(text).encode()


def _sentence(found: Found, what: str) -> str:
    subject = "a key" if found.in_key else "the text"
    where = f"at {found.pointer}" if found.pointer else "at the top"
    encoded = f", in {' within '.join(reversed(found.encodings))}" if found.encodings else ""
    carrier = f"{subject} {where} of the {what} ({found.length} characters)"
    return f"{carrier} carries a credential of kind {found.kind}{encoded}"
