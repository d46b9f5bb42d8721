"""docs/reference/contracts.md and docs/reference/hooks.md."""

from __future__ import annotations

from docs.plugin_reference import pages

PAGES = {
    "reference/contracts.md": lambda: pages()["contracts.md"],
    "reference/hooks.md": lambda: pages()["hooks.md"],
}
