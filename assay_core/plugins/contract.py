"""What a driver must have before anything is asked of it, derived from the protocols in `assay_core.contracts`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import attrs

from assay_core import contracts
from assay_core.errors import PluginFault
from assay_core.plugins.record import PluginRecord

__all__ = ["PROTOCOLS", "check_driver", "members"]

PROTOCOLS: Mapping[str, type[object]] = {
    "assay.importers": contracts.Importer,
    "assay.metrics": contracts.Metric,
    "assay.checks": contracts.PolicyCheck,
    "assay.reporters": contracts.Reporter,
    "assay.enforcers": contracts.Enforcer,
    "assay.embedders": contracts.Embedder,
    "assay.judges": contracts.Judge,
}

_ANSWERS = {"assay.importers": "formats", "assay.metrics": "types", "assay.checks": "keys"}


def members(protocol: type[object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the attributes and the methods that a protocol demands, each sorted."""
    attributes = inspect.get_annotations(protocol)
    methods = [name for name, value in vars(protocol).items() if callable(value) and not name.startswith("_")]
    return tuple(sorted(attributes)), tuple(sorted(methods))


def check_driver(driver: object, record: PluginRecord) -> None:
    """Check that an instance has what its group's contract demands.

    Raises:
        PluginFault: naming the missing or wrong attribute, and the distribution.
    """
    protocol = PROTOCOLS.get(record.group)
    if protocol is None:
        return
    attributes, methods = members(protocol)
    for name in attributes:
        if not hasattr(driver, name):
            raise _fault(record, protocol, f"has no attribute {name!r}")
    for name in methods:
        if not callable(getattr(driver, name, None)):
            raise _fault(record, protocol, f"has no method {name!r}")
    for name, (words, holds) in _SHAPES.items():
        if name in attributes and not holds(getattr(driver, name)):
            raise _fault(record, protocol, f"has {name!r} that is not {words}")
    answers = _ANSWERS.get(record.group)
    if answers and record.name not in getattr(driver, answers):
        raise _fault(record, protocol, f"is installed as {record.name!r}, which is not among its {answers!r}")


def _is_types(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _is_options(value: object) -> bool:
    return isinstance(value, Mapping) and _is_types(value) and all(attrs.has(kind) for kind in value.values())


def _is_names(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(each, str) for each in value)


_SHAPES: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "formats": ("a tuple of strings", _is_names),
    "types": ("a mapping from expected types to attrs classes", _is_options),
    "keys": ("a mapping from policy keys to attrs classes or None", _is_types),
    "codes": ("a tuple", lambda value: isinstance(value, tuple)),
    "needs_episode": ("true or false", lambda value: isinstance(value, bool)),
    "pure": ("true or false", lambda value: isinstance(value, bool)),
    "blocking": ("true or false", lambda value: isinstance(value, bool)),
    "needs": ("a frozenset", lambda value: isinstance(value, frozenset)),
    "appends": ("true or false", lambda value: isinstance(value, bool)),
    "default_output": ("a string or None", lambda value: value is None or isinstance(value, str)),
    "dims": ("a whole number", lambda value: isinstance(value, int)),
    "id": ("a string", lambda value: isinstance(value, str)),
}


def _fault(record: PluginRecord, protocol: type[object], problem: str) -> PluginFault:
    return PluginFault(
        message=f"{record.target} of {record.distribution} {problem}; {protocol.__name__} demands it",
        distribution=record.distribution,
        stage=f"{record.name}: load",
        remedy=f"tell the author of {record.dist}: the contract is assay_core.contracts.{protocol.__name__}",
    )
