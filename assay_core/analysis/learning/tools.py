"""What was seen of one tool: how often, where, and with which arguments."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import msgspec

from assay_core.analysis.learning.sensitive import holds_credential
from assay_core.analysis.learning.shapes import MAX_NAME, Shape
from assay_core.model import JsonObject, ToolCall

__all__ = ["ToolFacts", "obstacle", "tool_notes"]

_WARM_UP = 256  # calls before the shape so far is compiled to a test: their number is known exactly
_MISSES = 32  # new things before it is compiled anew
_RISKY = (
    "delete", "drop", "remove", "rm", "kill", "exec", "shell", "bash", "run", "sudo", "eval", "write", "send", "pay",
    "transfer", "deploy", "grant", "admin", "upload", "publish", "install", "refund",
)  # fmt: skip
_decode = msgspec.json.Decoder().decode


@attrs.define
class ToolFacts:
    """Everything seen of one tool."""

    calls: int = 0
    episodes: int = 0
    errors: int = 0
    first: str = ""  # where it was seen first, for people
    shape: Shape = attrs.field(factory=Shape)
    formless: bool = False  # some call's arguments are no object, or cannot be read
    check: Callable[[object], bool] | None = attrs.field(default=None, eq=False)
    _misses: int = attrs.field(default=0, eq=False)

    def add(self, call: ToolCall) -> None:
        """Take note of the arguments of a call that `check` does not know already."""
        if self.formless:
            self.check = _anything
            return
        try:
            args = call.args
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            args = None
        if not isinstance(args, dict):
            self.formless = True
            return
        self.shape.add(args)
        if self.shape.open:
            self.formless = True
        self._misses += 1
        if self._misses >= (_WARM_UP if self.check is None else _MISSES):
            self._compile()

    def merge(self, other: ToolFacts) -> None:
        """Take note of everything that other facts know."""
        self.calls += other.calls
        self.episodes += other.episodes
        self.errors += other.errors
        self.first = self.first or other.first
        self.formless = self.formless or other.formless
        self.shape.merge(other.shape)
        self.formless = self.formless or self.shape.open
        self.check = None

    def _compile(self) -> None:
        """Make a test of the shape so far: what passes it is nothing new, and costs next to nothing."""
        from assay_core.policy import compile_schema

        self._misses = 0
        schema: JsonObject = {} if self.formless else self.shape.check()
        self.check = compile_schema(schema).engine_check


def obstacle(tool: str) -> str:
    """Return why a name would not mean just itself in `tools.allow` and in `schemas`, "" if it does."""
    if not (tool.isascii() and tool.isprintable()):
        return "its name is not printable ASCII"  # it may look like another's; listing it would let it pass
    if not tool or len(tool) > MAX_NAME:
        return f"its name is longer than {MAX_NAME} characters" if tool else "it has no name"
    if "*" in tool or "?" in tool:
        return "as a pattern its name would allow others too"
    if tool != tool.strip():
        return "its name begins or ends with white space"
    if tool.startswith("$"):
        return "in a policy a name that begins with $ is no tool"
    if tool.startswith("x-"):
        return "in a policy a key that begins with x- is a remark, so its arguments would not be checked"
    if holds_credential(tool):
        return "its name looks like a secret"
    return ""


def tool_notes(tool: str, facts: ToolFacts) -> list[str]:
    """Return what a person should think about before allowing a tool."""
    notes = []
    words = {word for part in tool.lower().replace("-", "_").replace(".", "_").split("_") for word in (part,)}
    if found := sorted(words & set(_RISKY)):
        notes.append(f"the name says {found[0]!r}: look at what it can do")
    if facts.formless:
        notes.append("its arguments have no common form and are not checked")
    if facts.episodes == 1:
        notes.append("seen in one episode only")
    if facts.errors:
        notes.append(f"{facts.errors} of {facts.calls} calls ended in an error")
    private = sorted(
        name for name, inner in facts.shape.members.items() if inner.texts is not None and inner.texts.secret
    )
    if private:
        notes.append(f"may carry secrets, which are not copied here: {', '.join(private[:5])}")
    return notes


def _anything(_: object) -> bool:
    return True
