"""The signatures of the public modules, compared with `api.txt`.

A difference is a change that plugins may feel. When it is meant, `ASSAY_UPDATE_API=1 pytest tests/architecture`
rewrites the file, and the reviewer reads the difference.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).with_name("api.txt")
PUBLIC = (
    "analysis.kept_results",
    "analysis.suite_checks",
    "cache",
    "canonical",
    "commandline",
    "commandline.formats",
    "contracts",
    "convert",
    "documents",
    "documents.strict_json",
    "errors",
    "hookspecs",
    "model",
    "policy",
    "remote",
    "store.reader",
    "testing",
    "trace",
)
# Of these modules only some names are public.
SELECTED = {"plugins.drivers": ("Drivers", "load")}


def test_public_signatures_are_those_of_the_file() -> None:
    actual = "\n".join(dump()) + "\n"
    if os.environ.get("ASSAY_UPDATE_API"):
        PAGE.write_text(actual, encoding="utf-8")

    expected = PAGE.read_text(encoding="utf-8").splitlines()

    changed = [f"- {line}" for line in expected if line not in actual.splitlines()]
    changed += [f"+ {line}" for line in actual.splitlines() if line not in expected]
    assert not changed, "the public API changed; see this file's docstring\n" + "\n".join(changed)
    assert expected == actual.splitlines()


def test_every_public_module_says_what_it_exports() -> None:
    silent = [name for name in PUBLIC if not exported(importlib.import_module(f"assay_core.{name}"))]

    assert silent == []


def test_every_public_package_of_the_core_is_known_here() -> None:
    import assay_core

    found = {module.name for module in pkgutil.iter_modules(assay_core.__path__)}

    assert found - set(PUBLIC) == {"__main__", "analysis", "cli", "config", "plugins", "run", "store"}


def exported(module: ModuleType) -> list[str]:
    return sorted(getattr(module, "__all__", ()))


def dump() -> Iterator[str]:
    """Yield one line per public name and per member of a public class."""
    for name in (*PUBLIC, *SELECTED):
        module = importlib.import_module(f"assay_core.{name}")
        for each in SELECTED.get(name, exported(module)):
            yield from described(f"{name}.{each}", getattr(module, each))


def described(name: str, value: object) -> Iterator[str]:
    if inspect.isclass(value) and issubclass(value, enum.Enum):
        yield f"enum {name}: {', '.join(value.__members__)}"
    elif inspect.isclass(value):
        yield f"class {name}{'' if getattr(value, '_is_protocol', False) else signature(value)}"
        yield from sorted(members(name, value))
    elif inspect.isfunction(value):
        yield f"def {name}{signature(value)}"
    else:
        yield f"value {name}: {type(value).__name__}"


def members(name: str, kind: type[object]) -> Iterator[str]:
    for key, value in vars(kind).items():
        if key.startswith("_"):
            continue
        if isinstance(value, property):
            yield f"    {name}.{key} -> {returned(value.fget)}"
        elif isinstance(value, (staticmethod, classmethod)):
            yield f"    {name}.{key}{signature(value.__func__)}"
        elif inspect.isfunction(value):
            yield f"    {name}.{key}{signature(value)}"
    for key, annotation in inspect.get_annotations(kind).items():
        if not key.startswith("_"):
            yield f"    {name}.{key}: {plain(annotation)}"


def signature(value: object) -> str:
    """Return parameters by name, kind and whether they have a default; annotations as they are written."""
    try:
        found = inspect.signature(value)  # type: ignore[arg-type]  # classes and functions alike
    except (TypeError, ValueError):
        return ""
    kept = [
        each.replace(default="…" if each.default is not each.empty else each.empty)
        for each in found.parameters.values()
    ]
    return plain(found.replace(parameters=kept)).replace("'…'", "…")


def returned(function: object) -> str:
    return plain(inspect.get_annotations(function).get("return", "")) if inspect.isfunction(function) else ""


def plain(value: object) -> str:
    """Return an annotation as it is written; releases of Python print references to later names differently."""
    return re.sub(r"ForwardRef\((['\"])(.*?)\1(?:, [^)]*)?\)", r"\2", str(value))
