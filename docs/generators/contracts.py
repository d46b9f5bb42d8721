"""docs/reference/contracts.md and docs/reference/hooks.md, made from the source of the contracts and hook specs."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import ModuleType

from assay_core import contracts, hookspecs
from assay_core.plugins.contract import PROTOCOLS

__all__ = ["PAGES"]

_CONTRACTS = """\
# Contracts

<!-- made by docs/generate.py from assay_core/contracts.py -->

What each kind of plugin offers, and what it is lent. Everything here is in `assay_core.contracts`; the values it speaks
of are in `assay_core.model`, the errors in `assay_core.errors`. A driver need not inherit from its protocol: it needs
the attributes and methods.

The target of the entry point is a class. The core makes one instance per run: `Driver()` or, where the class names an
attrs class in its attribute `options_type`, `Driver(options)` with the options of the user, checked by the strict
converter. A driver may raise any `AssayError`; anything else that escapes is a fault of the plugin, and the run stops
with exit code 2 and names the distribution.
"""
_HOOKS = """\
# Hook specs

<!-- made by docs/generate.py from assay_core/hookspecs.py -->

What the core tells everyone who is installed. A listener is a module, named by an entry point of the group
`assay.hooks`, whose functions carry `assay_core.hookspecs.hookimpl`; it may leave out parameters that it does not use.
Hooks observe: no answer changes a verdict. A failing listener becomes a notice `W_HOOK_FAILED`.
"""


def _contracts_page() -> str:
    source = _Source(contracts)
    groups = {protocol.__name__: group for group, protocol in PROTOCOLS.items()}
    drivers = [name for name in source.classes if name in groups]
    others = [name for name in source.classes if name in contracts.__all__ and name not in groups]
    parts = [_CONTRACTS, "## Drivers\n"]
    for name in drivers:
        parts.append(f"### {name}\n\nGroup `{groups[name]}`. {source.described(name)}")
    parts.append("## What they are lent, and what they return\n")
    parts += [f"### {name}\n\n{source.described(name)}" for name in others]
    return "\n".join(parts)


def _hooks_page() -> str:
    source = _Source(hookspecs)
    parts = [_HOOKS]
    for method in source.methods("HookSpecs"):
        parts.append(f"## {method.name}\n\n```python\n{_head(method)}\n```\n\n{_text(method)}\n")
    return "\n".join(parts)


class _Source:
    """A module's text, so that its comments can be shown."""

    def __init__(self, module: ModuleType) -> None:
        text = inspect.getsource(module)
        self.lines = text.splitlines()
        body = ast.parse(text).body
        self.classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}

    def methods(self, name: str) -> Iterator[ast.FunctionDef]:
        for node in self.classes[name].body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield node

    def described(self, name: str) -> str:
        """Return a class: what it is for, a table of its attributes, its methods."""
        parts = [_text(self.classes[name]) + "\n"]
        fields = [node for node in self.classes[name].body if isinstance(node, ast.AnnAssign)]
        if fields:
            rows = [self._field(node) for node in fields]
            parts.append("| attribute | type | default | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n")
        for method in self.methods(name):
            parts.append(f"```python\n{_head(method)}\n```\n\n{_text(method)}\n")
        return "\n".join(parts)

    def _field(self, node: ast.AnnAssign) -> str:
        line = self.lines[(node.end_lineno or node.lineno) - 1]
        comment = line[node.end_col_offset or 0 :].strip().removeprefix("#").strip()
        default = f"`{_default(node.value)}`" if node.value is not None else ""
        cells = (f"`{ast.unparse(node.target)}`", f"`{ast.unparse(node.annotation)}`", default, comment)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: ast.expr) -> str:
    text = ast.unparse(value)
    return {"attrs.field(factory=dict)": "{}", "attrs.field(factory=list)": "[]"}.get(text, text)


def _head(method: ast.FunctionDef) -> str:
    """Return a method's signature, one parameter a line where it is long."""
    returns = f" -> {ast.unparse(method.returns)}" if method.returns else ""
    method.args.args = [each for each in method.args.args if each.arg != "self"]
    head = f"def {method.name}({ast.unparse(method.args)}){returns}"
    if len(head) <= 100:
        return head
    arguments = [ast.unparse(each) for each in method.args.args]
    return f"def {method.name}(\n" + "".join(f"    {each},\n" for each in arguments) + f"){returns}"


def _text(node: ast.ClassDef | ast.FunctionDef) -> str:
    """Return a docstring as Markdown: sections in bold, their indented lines as lists."""
    lines: list[str] = []
    section = False
    for line in (ast.get_docstring(node) or "").splitlines():
        if line.rstrip() in ("Args:", "Returns:", "Raises:", "Source:", "Example:"):
            lines += [f"**{line.strip().rstrip(':')}**", ""]
            section = True
        elif section and line.startswith("    ") and not line.startswith("     "):
            lines.append("- " + line.strip())
        elif section and line.strip():
            lines.append("  " + line.strip())
        else:
            section = section and bool(line.strip())
            lines.append(textwrap.dedent(line))
    return "\n".join(lines).strip()


PAGES = {"reference/contracts.md": _contracts_page, "reference/hooks.md": _hooks_page}
