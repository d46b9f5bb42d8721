"""A module's source as Markdown, with the comments that stand behind its fields. Makes no page itself."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import ModuleType

from docs.generators.markdown import cell

__all__ = ["Source", "head", "text"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_SECTIONS = ("Args:", "Attributes:", "Returns:", "Raises:", "Source:", "Example:")
_SHOWN_DECORATORS = ("property", "classmethod", "staticmethod")


class Source:
    """A module's text, so that its comments can be shown."""

    def __init__(self, module: ModuleType) -> None:
        source = inspect.getsource(module)
        self.lines = source.splitlines()
        self.body = ast.parse(source).body
        self.classes = {node.name: node for node in self.body if isinstance(node, ast.ClassDef)}
        self.functions = {node.name: node for node in self.body if isinstance(node, ast.FunctionDef)}

    def methods(self, name: str) -> Iterator[ast.FunctionDef]:
        """Yield the public methods and properties of a class."""
        for node in self.classes[name].body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield node

    def described(self, name: str) -> str:
        """Return a class: what it is for, tables of its members and attributes, its methods."""
        body = self.classes[name].body
        parts = [text(self.classes[name]) + "\n"]
        members = [node for node in body if isinstance(node, ast.Assign) and not _is_private(node)]
        if members:
            member_rows = [self._member(node) for node in members]
            parts.append("| member | value | |\n|---|---|---|\n" + "\n".join(member_rows) + "\n")
        fields = [node for node in body if isinstance(node, ast.AnnAssign)]
        if fields:
            rows = [self._field(node) for node in fields]
            parts.append("| attribute | type | default | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n")
        for method in self.methods(name):
            parts.append(f"```python\n{_decorators(method)}{head(method)}\n```\n\n{text(method)}\n")
        return "\n".join(parts)

    def constructor(self, name: str) -> str:
        """Return how a class with an `__init__` of its own is made, "" for others."""
        for node in self.classes[name].body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                return head(node, owner=name)
        return ""

    def assigned(self, name: str) -> str:
        """Return the source of what a name of the module stands for, "" where it is no plain assignment."""
        for node in self.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and target.id == name and isinstance(value, ast.expr):
                return ast.unparse(value)
        return ""

    def _member(self, node: ast.Assign) -> str:
        return _row(f"`{ast.unparse(node.targets[0])}`", f"`{ast.unparse(node.value)}`", self._comment(node))

    def _field(self, node: ast.AnnAssign) -> str:
        default = f"`{_default(node.value)}`" if node.value is not None else ""
        target, annotation = f"`{ast.unparse(node.target)}`", f"`{ast.unparse(node.annotation)}`"
        return _row(target, annotation, default, self._comment(node))

    def _comment(self, node: ast.stmt) -> str:
        line = self.lines[(node.end_lineno or node.lineno) - 1].encode()
        return line[node.end_col_offset or 0 :].decode().strip().removeprefix("#").strip()


def head(node: _Function, owner: str = "") -> str:
    """Return a signature, one parameter a line where it is long; of an `__init__` the call that makes `owner`."""
    given = node.args
    given.args = [each for each in given.args if each.arg not in ("self", "cls")]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    name = owner if node.name == "__init__" else f"def {node.name}"
    line = f"{name}({ast.unparse(given)}){returns}"
    return line if len(line) <= 100 else f"{name}(\n{''.join(_parameters(given))}){returns}"


def text(node: ast.ClassDef | _Function) -> str:
    """Return a docstring as Markdown: sections in bold, their indented lines as lists."""
    lines: list[str] = []
    section = False
    for line in (ast.get_docstring(node) or "").splitlines():
        if line.rstrip() in _SECTIONS:
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


def _parameters(given: ast.arguments) -> Iterator[str]:
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + [ast.unparse(each) for each in given.defaults]
    for each, default in zip(positional, defaults, strict=True):
        yield f"    {ast.unparse(each)}{'' if default is None else f' = {default}'},\n"
        if given.posonlyargs and each is given.posonlyargs[-1]:
            yield "    /,\n"
    if given.kwonlyargs:
        yield "    *,\n"
    for each, value in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield f"    {ast.unparse(each)}{'' if value is None else f' = {ast.unparse(value)}'},\n"


def _decorators(method: _Function) -> str:
    names = [ast.unparse(each) for each in method.decorator_list]
    return "".join(f"@{name}\n" for name in names if name in _SHOWN_DECORATORS)


def _default(value: ast.expr) -> str:
    source = ast.unparse(value)
    return {"attrs.field(factory=dict)": "{}", "attrs.field(factory=list)": "[]"}.get(source, source)


def _row(*cells: str) -> str:
    return "| " + " | ".join(map(cell, cells)) + " |"


def _is_private(node: ast.Assign) -> bool:
    return ast.unparse(node.targets[0]).startswith("_")
