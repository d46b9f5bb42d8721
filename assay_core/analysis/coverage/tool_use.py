"""Which tools were called, how often, and which followed which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import attrs

from assay_core.model import JsonObject

__all__ = ["Route", "ToolUse"]

_MAX_ROUTES = 100_000  # distinct ones: names are the agent's choice, and pairs of them are many


@attrs.frozen(kw_only=True, order=True)
class Route:
    """A tool that was called right after another one, in the same episode."""

    source: str
    target: str
    count: int

    def document(self) -> JsonObject:
        """Return it under the keys of the format."""
        return {"from": self.source, "to": self.target, "count": self.count}


class ToolUse:
    """Counts calls and routes, episode by episode."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.routes_left_out = 0  # pairs that were met once there were too many distinct ones
        self._routes: Counter[tuple[str, str]] = Counter()

    def add(self, tools: Sequence[str]) -> None:
        """Add the tools of one episode, in the order of its calls."""
        self.calls.update(tools)
        pairs: Iterable[tuple[str, str]] = pairwise(tools)
        if len(self._routes) >= _MAX_ROUTES:
            pairs = list(pairs)
            known = [pair for pair in pairs if pair in self._routes]
            self.routes_left_out += len(pairs) - len(known)
            pairs = known
        self._routes.update(pairs)

    def routes(self) -> tuple[Route, ...]:
        """Return every route, sorted by its tools."""
        return tuple(
            Route(source=source, target=target, count=count) for (source, target), count in sorted(self._routes.items())
        )
