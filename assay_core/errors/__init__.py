"""The error tree and the one table of reason codes."""

from assay_core.errors.codes import CODES, ReasonCode, Scope, find_code, known_codes
from assay_core.errors.tree import (
    AssayError,
    InputError,
    IntegrityError,
    Place,
    PluginFault,
    PolicyError,
    ServiceError,
    UsageError,
)

__all__ = [
    "CODES",
    "AssayError",
    "InputError",
    "IntegrityError",
    "Place",
    "PluginFault",
    "PolicyError",
    "ReasonCode",
    "Scope",
    "ServiceError",
    "UsageError",
    "find_code",
    "known_codes",
]
