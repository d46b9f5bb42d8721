"""docs/reference/contracts.md and docs/reference/hooks.md, made from the source of the contracts and hook specs."""

from __future__ import annotations

from assay_core import contracts, hookspecs
from assay_core.plugins.contract import PROTOCOLS
from docs.generators.source import Source, head, text

__all__ = ["PAGES"]

_CONTRACTS = """\
# Contracts

<!-- made by docs/generate.py from assay_core/contracts.py -->

What each kind of plugin offers, and what it is lent. Everything here is in `assay_core.contracts`; the values it speaks
of are in `assay_core.model`, the errors in `assay_core.errors`: [values and errors](model.md) lists them with every
field. A driver need not inherit from its protocol: it needs the attributes and methods.

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
    source = Source(contracts)
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
    source = Source(hookspecs)
    parts = [_HOOKS]
    for method in source.methods("HookSpecs"):
        parts.append(f"## {method.name}\n\n```python\n{head(method)}\n```\n\n{text(method)}\n")
    return "\n".join(parts)


PAGES = {"reference/contracts.md": _contracts_page, "reference/hooks.md": _hooks_page}
