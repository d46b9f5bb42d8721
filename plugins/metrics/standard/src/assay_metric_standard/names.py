"""Which tools an operand means: a name, a pattern, or an alias of the policy."""

from __future__ import annotations

from collections.abc import Mapping

from assay_core.contracts import CheckContext
from assay_core.model import Expectation
from assay_core.policy import Policy, ToolPattern
from assay_metric_standard.preparing import vacuous

__all__ = ["Operands", "aliases_of"]


def aliases_of(context: CheckContext) -> Mapping[str, tuple[str, ...]]:
    """Return the aliases of the run's policy; none where the run has no policy."""
    return context.policy.form.aliases if isinstance(context.policy, Policy) else {}


class Operands:
    """Several operands, asked together."""

    def __init__(self, texts: tuple[str, ...], aliases: Mapping[str, tuple[str, ...]]) -> None:
        self.texts = texts
        self._patterns = [(text, tuple(map(ToolPattern, aliases.get(text, (text,))))) for text in texts]

    def first_meaning(self, tool: str) -> str | None:
        """Return the first operand that means this tool, None where none does."""
        for text, patterns in self._patterns:
            if any(pattern.matches(tool) for pattern in patterns):
                return text
        return None

    def means(self, position: int, tool: str) -> bool:
        """Tell whether one of the operands means this tool."""
        return any(pattern.matches(tool) for pattern in self._patterns[position][1])


def refuse_empty_names(expectation: Expectation, key: str, texts: tuple[str, ...]) -> None:
    """Refuse a list in which no name stands, or an empty one.

    Raises:
        InputError: E_CFG_VACUOUS.
    """
    if not texts:
        raise vacuous(expectation, f"{key} is empty, so that the check could never fail", "list at least one tool")
    if "" in texts:
        raise vacuous(expectation, f"{key} holds an empty name, which no tool has", "delete the empty name")
