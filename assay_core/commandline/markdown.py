"""Hostile text inside Markdown: always in a code span, so that nothing in it means anything."""

from __future__ import annotations

import re

from assay_core.commandline.visible import excerpt

__all__ = ["cell", "code"]

_TICKS = re.compile("`+")


def code(text: str, limit: int = 200) -> str:
    """Return text as a code span, cut to `limit` characters; a dash where there is none.

    Inside a code span neither links, images, HTML, mentions nor bare addresses are live on GitHub or GitLab. The
    start of an HTML comment is broken up on top: tools find the comment to replace by its marker.
    """
    shown = excerpt(text, limit).replace("<!--", "<! --")
    if not shown:
        return "—"
    fence = "`" * (max(map(len, _TICKS.findall(shown)), default=0) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str, limit: int = 200) -> str:
    r"""Return a code span for a cell of a table, where `|` is `\|` even inside code."""
    return code(text, limit).replace("|", "\\|")
