"""The border between the core and the code of plugins: only an `AssayError` gets across."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from assay_core.errors import AssayError, PluginFault
from assay_core.plugins.record import PluginRecord

__all__ = ["each", "import_target", "stage"]

T = TypeVar("T")


class stage:  # noqa: N801 - reads as a function: `with stage(record, "…"):`
    """Run one stage of a plugin's work.

    `AssayError` passes as it is. Anything else that escapes, `SystemExit` included, becomes a `PluginFault`
    naming distribution, version and stage, with the original as its cause. Only `KeyboardInterrupt` passes: it is
    the user's.

    Example: `with stage(record, "metric acme.latency: measure"): …`
    """

    __slots__ = ("_code", "_record", "_what")

    def __init__(self, record: PluginRecord, what: str, *, code: str = "E_PLUGIN_FAULT") -> None:
        self._record = record
        self._what = what
        self._code = code

    def __enter__(self) -> None:
        """Begin the stage."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Turn what must not escape into a fault."""
        if error is None or isinstance(error, (AssayError, KeyboardInterrupt)):
            return
        raise PluginFault(
            code=self._code,
            message=f"{self._record.distribution} failed in {self._what}: {_told(error)}",
            distribution=self._record.distribution,
            stage=self._what,
        ) from error


def each(record: PluginRecord, what: str, items: Iterable[T]) -> Iterator[T]:
    """Yield what a plugin yields, one guarded stage for the whole walk; errors of the consumer stay its own."""
    with stage(record, what):
        walk = iter(items)
    while True:
        with stage(record, what):
            try:
                item = next(walk)
            except StopIteration:
                return
        yield item


def import_target(record: PluginRecord) -> object:
    """Import the module, or the object in it, that a record points to.

    Raises:
        PluginFault: E_PLUGIN_BROKEN, with the import's error as its cause.
    """
    with stage(record, f"{record.name}: import", code="E_PLUGIN_BROKEN"):
        module, _, attribute = record.target.partition(":")
        found: object = importlib.import_module(module.strip())
        for name in filter(None, attribute.strip().split(".")):
            found = getattr(found, name)
    return found


def _told(error: BaseException) -> str:
    """Return the error on one line; an exception whose own text fails is told by its type."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - hostile __str__
        text = ""
    name = type(error).__name__
    return f"{name}: {text[:500]}" if text else name
