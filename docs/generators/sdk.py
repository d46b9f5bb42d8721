"""docs/reference/sdk.md, made from the source of the SDK, which need not be installed for that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from docs.generators.markdown import HEAD
from docs.generators.source import head

__all__ = ["PAGES"]

_SOURCE = Path(__file__).parents[2] / "sdk" / "src" / "assay"
_ORDER = ("AssayClient", "OpenCall", "tool", "record_mcp", "Coverage", "Explainer", "validate", "Result")
_SECTIONS = ("Args:", "Returns:", "Raises:")
_INTRODUCTION = """\
# The Python SDK

Everything here is imported from `assay` (`pip install assay`), each name when it is first used. Results are mappings
under the keys of the Rust project's SDK, with `passed` and `score`; keys are attributes as well. Errors are
`assay_core.errors.AssayError` with their codes: see [reason codes](reason-codes.md).
[Record with the SDK](../how-to/record-with-the-sdk.md) and
[Test an agent with pytest](../how-to/test-an-agent-with-pytest.md) show how they are used.
"""

_Described = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _page() -> str:
    homes: dict[str, str] = {}
    for node in ast.parse((_SOURCE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
            homes = ast.literal_eval(node.value)
    others = sorted(homes.keys() - set(_ORDER))
    parts = [HEAD.rstrip() + "\n", _INTRODUCTION]
    for name in (*_ORDER, *others):
        parts += _described(name, _node(homes[name], name))
    return "\n".join(parts)


def _node(module: str, name: str) -> _Described:
    """Return the definition of a public name; of overloads the last, which has the docstring."""
    body = ast.parse((_SOURCE / f"{module}.py").read_text(encoding="utf-8")).body
    return [node for node in body if isinstance(node, _Described) and node.name == name][-1]


def _described(name: str, node: _Described) -> Iterator[str]:
    yield f"## {name}\n"
    if not isinstance(node, ast.ClassDef):
        yield f"```python\n{head(node)}\n```\n\n{_text(node)}\n"
        return
    bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
    yield f"`class {name}{bases}`\n\n{_text(node)}\n"
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and ast.get_docstring(method) and _is_public(method.name):
            yield f"```python\n{head(method, name)}\n```\n\n{_text(method)}\n"
    if name == "Coverage":
        call = next(each for each in _node("coverage", "_Analyze").body if getattr(each, "name", "") == "__call__")
        if isinstance(call, ast.FunctionDef):
            call.name = "analyze"
            yield f"```python\n{head(call)}\n```\n\n{_text(call)}\n"


def _is_public(name: str) -> bool:
    return name == "__init__" or not name.startswith("_")


def _text(node: _Described) -> str:
    """Return a docstring as Markdown: sections in bold, their entries as lists."""
    lines: list[str] = []
    section, bullet = False, ""
    for line in (ast.get_docstring(node) or "").splitlines():
        if line.rstrip() in _SECTIONS:
            lines += [f"**{line.strip().rstrip(':')}**", ""]
            section = True
            bullet = "" if line.startswith("Returns") else "- "
        elif section and line.strip():
            lines.append(("  " if line.startswith("     ") else bullet) + line.strip())
        else:
            section = section and not line.strip()
            lines.append(line)
    return "\n".join(lines).strip()


PAGES = {"reference/sdk.md": _page}
