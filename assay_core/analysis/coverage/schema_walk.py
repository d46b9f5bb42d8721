"""Which branches of a tool's schema the recorded arguments reached."""

from __future__ import annotations

import attrs
import msgspec

from assay_core.analysis.coverage.schema_nodes import Branch, Visit
from assay_core.analysis.coverage.schema_tree import SchemaTree
from assay_core.model import JsonObject, ToolCall
from assay_core.policy.matching.schemas import CompiledSchema

__all__ = ["SchemaCoverage", "SchemaWalk"]

_decode = msgspec.json.Decoder().decode
_PRUNE_ALWAYS = 32  # calls; later only now and then
_PRUNE_EVERY = 1024


@attrs.frozen(kw_only=True)
class SchemaCoverage:
    """How much of one tool's schema was used."""

    tool: str
    calls: int
    branches: int
    unreached: tuple[Branch, ...]  # sorted by pointer
    truncated: bool = False  # True: the schema has more branches than are measured

    @property
    def reached(self) -> int:
        """How many branches some call reached."""
        return self.branches - len(self.unreached)

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "tool": self.tool,
            "calls": self.calls,
            "branches": self.branches,
            "branches_reached": self.reached,
            "unreached": [attrs.asdict(branch) for branch in self.unreached],
            "truncated": self.truncated,
        }


class SchemaWalk:
    """Looks at the arguments of one tool until every branch of its schema was reached.

    Branches that were reached are forgotten as it goes, so that a million calls cost little more than the first
    few that show something new.
    """

    __slots__ = ("_calls", "_pruned_at", "_reached", "_tree")

    def __init__(self, schema: CompiledSchema) -> None:
        self._tree = SchemaTree(schema)
        self._reached: set[int] = set()
        self._calls = 0
        self._pruned_at = -1
        self._prune()

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to find."""
        return len(self._reached) == len(self._tree.branches)

    def look(self, call: ToolCall) -> bool:
        """Note what the arguments of a call reach; return whether anything is left to find."""
        self._calls += 1
        try:
            value: object = _decode(call.args_json) if call.args_json is not None else {}
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return True  # no JSON reaches nothing; the policy denies it
        reached = self._reached
        visits: list[Visit] = []
        for step in self._tree.root.active:
            step.take(value, reached, visits)
        while visits:
            node, value = visits.pop()
            for step in node.active:
                step.take(value, reached, visits)
        if len(reached) == self._pruned_at:
            return True
        if self._calls < _PRUNE_ALWAYS or self._calls % _PRUNE_EVERY == 0:
            self._prune()
        return not self.is_done

    def coverage(self, tool: str, calls: int) -> SchemaCoverage:
        """Return what was reached.

        Args:
            tool: The tool's name.
            calls: How often it was called.
        """
        unreached = tuple(branch for place, branch in enumerate(self._tree.branches) if place not in self._reached)
        return SchemaCoverage(
            tool=tool,
            calls=calls,
            branches=len(self._tree.branches),
            unreached=tuple(sorted(unreached, key=lambda branch: branch.pointer)),
            truncated=self._tree.truncated,
        )

    def _prune(self) -> None:
        """Keep only what may still lead to a branch that was not reached."""
        reached, tree = self._reached, self._tree
        waiting = [node for node, own in tree.own.items() if any(branch not in reached for branch in own)]
        needed = set(waiting)
        while waiting:
            for source in tree.sources.get(waiting.pop(), ()):
                if source not in needed:
                    needed.add(source)
                    waiting.append(source)
        for node in tree.nodes.values():
            node.active = [step for step in node.steps if step.prune(reached, needed)] if node in needed else []
        self._pruned_at = len(reached)
