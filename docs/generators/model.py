"""docs/reference/model.md, made from the source of the values and the errors that plugins use."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator

from assay_core import errors, model
from docs.generators.markdown import HEAD
from docs.generators.source import Source, head, text

__all__ = ["PAGES"]

_INTRODUCTION = """\
# Values and errors

What plugins get and return. Import the values from `assay_core.model` and the errors from `assay_core.errors`, never
from the modules below these. All are frozen, and made with keyword arguments: `Violation(rule=…, code=…, message=…)`. A
field without a default has to be given. Tests make them with the factories of
[the conformance kit](../plugin-authors/conformance-kit.md); the protocols of plugins are in [contracts](contracts.md).
"""
_SHELVES = (
    ("What an agent did", model, ("trace",)),
    ("What a policy says", model, ("decision", "policy")),
    ("What a run found out", model, ("result", "baseline")),
    ("What a suite says", model, ("suite",)),
    ("What the core lends", model, ("services", "json_value")),
    ("Errors and reason codes", errors, ("tree", "codes")),
)
_MADE = ("CODES",)  # filled while its module is imported; reason-codes.md shows it
_TOLD_BASES = ("Enum", "NamedTuple", "Exception", "AssayError")


def _page() -> str:
    parts = [HEAD.rstrip() + "\n", _INTRODUCTION]
    for title, package, modules in _SHELVES:
        parts.append(f"## {title}\n")
        for name in modules:
            parts += _described(package.__name__, name, package.__all__)
    return "\n".join(parts)


def _described(package: str, module: str, public: list[str]) -> Iterator[str]:
    """Yield the public names of a module: its names for types, then the rest as it stands in the source."""
    source = Source(importlib.import_module(f"{package}.{module}"))
    aliases = [name for name in public if source.assigned(name) and name not in _MADE]
    if aliases:
        # Quotes as the formatter writes them: it looks at the code in documents, too.
        rows = [f"{name} = {source.assigned(name)}".replace("'", '"') for name in aliases]
        yield "```python\n" + "\n".join(rows) + "\n```\n"
    for name, node in source.classes.items():
        if name in public:
            yield f"### {name}\n\n{_class_line(node)}{_call(source, name)}{source.described(name)}"
    for name, function in source.functions.items():
        if name in public:
            yield f"### {name}\n\n```python\n{head(function)}\n```\n\n{text(function)}\n"


def _class_line(node: ast.ClassDef) -> str:
    bases = [base for base in map(ast.unparse, node.bases) if base in _TOLD_BASES]
    return f"`class {node.name}({', '.join(bases)})`\n\n" if bases else ""


def _call(source: Source, name: str) -> str:
    call = source.constructor(name)
    return f"```python\n{call}\n```\n\n" if call else ""


PAGES = {"reference/model.md": _page}
